"""The port of a search in lists of names, and the screen over list files, for which nothing leaves the house."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from serving.payouts.identity.persons import Person
from serving.payouts.screening.index import Match, NameIndex
from serving.payouts.screening.lists import read_lists
from serving.policy import ScreeningPolicy


class Screen(Protocol):
    """An OSError means that nothing was searched: the person waits, and is never taken for cleared."""

    @property
    def version(self) -> str:
        """Of the lists and of how they are searched; another version searches everybody again."""
        ...

    def search(self, person: Person) -> Sequence[Match]:
        """Whom the person may be. Raises `Unreadable` where a person must read the name."""
        ...


class ListScreen:
    """Over files, read once; see serving/payouts/screening/lists.py. A new file is a new screen."""

    def __init__(self, index: NameIndex, policy: ScreeningPolicy) -> None:
        self._index, self._policy = index, policy

    @classmethod
    def of_files(cls, files: Sequence[Path], policy: ScreeningPolicy) -> "ListScreen":
        """Raises `BadList`, or OSError."""
        return cls(NameIndex(read_lists(files)), policy)

    @property
    def names(self) -> int:
        """How many names can be found."""
        return len(self._index)

    @property
    def version(self) -> str:
        policy = self._policy
        scores = policy.score_min_same_birth, policy.score_min, policy.score_min_other_birth
        return ":".join(map(str, (self._index.version, *scores, policy.birth_years_apart_max)))

    def search(self, person: Person) -> Sequence[Match]:
        return self._index.search(person, self._policy)
