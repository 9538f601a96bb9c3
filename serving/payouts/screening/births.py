"""Whether a date of birth is that of an entry. Lists know many by the year only, and are often a year off. Pure."""

from collections.abc import Iterable
from enum import StrEnum

from serving.policy import ScreeningPolicy


class Births(StrEnum):
    SAME = "same"
    OTHER = "other"
    MISSING = "missing"

    def least(self, policy: ScreeningPolicy) -> float:
        """The score from which on a name is too like."""
        if self is Births.SAME:
            return policy.score_min_same_birth
        return policy.score_min if self is Births.MISSING else policy.score_min_other_birth


def compared(birth_date: str | None, listed: Iterable[str], years_apart_max: int) -> Births:
    """Years that are at most so far apart could be the same birth, whatever the day: days and months get swapped."""
    years = [int(date[:4]) for date in listed]
    if birth_date is None or not years:
        return Births.MISSING
    return Births.SAME if min(abs(int(birth_date[:4]) - year) for year in years) <= years_apart_max else Births.OTHER
