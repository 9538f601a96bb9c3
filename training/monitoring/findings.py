"""What monitoring says of one thing, in figures and in a sentence."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Check(StrEnum):
    """What was looked at."""

    FEATURES = "features"
    SCORE = "score"
    REASONS = "reasons"
    CALIBRATION = "calibration"
    RECALL = "recall"
    DELAY = "delay"
    PARTNERS = "partners"


@dataclass(frozen=True)
class Finding:
    """`name` is what of the check, such as a feature. `value` is None where nothing could be measured.

    `stands`: an alert. `low` and `high` bound `value` with 95%, where that is known; `limit` is what the value was held
    against, or would have been.
    """

    check: Check
    name: str
    value: float | None
    limit: float | None
    stands: bool
    sentence: str
    low: float | None = None
    high: float | None = None


def unmeasured(check: Check, name: str, why: str) -> Finding:
    """Nothing could be measured, which is no alert; `why` is a sentence."""
    return Finding(check, name, None, None, stands=False, sentence=why)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Standing alerts first; otherwise in the order given."""
    return sorted(findings, key=lambda finding: not finding.stands)
