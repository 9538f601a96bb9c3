"""A screening service with a list that changes and a line that fails, for tests. It finds names that are equal."""

from collections.abc import Sequence

from serving.payouts.identity.persons import Person
from serving.payouts.screening.births import Births
from serving.payouts.screening.index import Match
from serving.payouts.screening.lists import Entry, NameList


class FakeScreen:
    """Starts with nobody on its list."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}
        self._failures = 0

    @property
    def version(self) -> str:
        return NameList.of(self._entries.values()).version

    def list(self, entry: Entry) -> None:
        """Put somebody on the list, or change what it says of them."""
        self._entries[entry.id] = entry

    def unlist(self, entry_id: str) -> None:
        del self._entries[entry_id]

    def fail_next(self, times: int = 1) -> None:
        self._failures += times

    def search(self, person: Person) -> Sequence[Match]:
        """Raises TimeoutError where `fail_next` says so."""
        if self._failures:
            self._failures -= 1
            raise TimeoutError("no answer in time")
        both = ((entry, set(person.names) & set(entry.names)) for entry in self._entries.values())
        return [Match(entry, min(names), 1.0, Births.MISSING) for entry, names in both if names]
