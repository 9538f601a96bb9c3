"""A document provider that knows nobody, for the embedded default and for tests: it remembers, answers late, and fails.

It lives as long as its process; ours may be restarted around it.
"""

from collections.abc import Iterable
from enum import StrEnum

from serving.payouts.identity.persons import Person
from serving.payouts.identity.provider import Absent, CheckAnswer, Disproven, Lapsed, Proven, Waiting


class Fault(StrEnum):
    """What befalls one request. `lose_answer`: it was done, and no answer comes; `lose_request`: it was not done."""

    NONE = "none"
    LOSE_ANSWER = "lose_answer"
    LOSE_REQUEST = "lose_request"


class FakeIdentityProvider:
    """`faults` befall the first, second, ... request; after the list nothing does."""

    name: str = "fake-documents"

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self._faults = iter(faults)
        self._checks: dict[str, CheckAnswer] = {}
        self.starts: list[str] = []

    def start(self, key: str) -> CheckAnswer:
        """Raises TimeoutError where a fault says that no answer comes."""
        fault = next(self._faults, Fault.NONE)
        self.starts.append(key)
        if fault is not Fault.LOSE_REQUEST:
            self._checks.setdefault(key, Waiting(f"https://documents.invalid/{key}"))
        return self._answer(key, fault)

    def lookup(self, key: str) -> CheckAnswer:
        """Raises TimeoutError where a fault says that no answer comes."""
        return self._answer(key, next(self._faults, Fault.NONE))

    def prove(self, key: str, person: Person, valid_until: int | None = None) -> None:
        """The person has shown a document, and it convinced."""
        self._finish(key, Proven(person, valid_until))

    def disprove(self, key: str, reason: str = "document_forged") -> None:
        """The document did not convince; also after it had."""
        self._finish(key, Disproven(reason))

    def lapse(self, key: str) -> None:
        """Nobody came."""
        self._finish(key, Lapsed())

    def forget(self, key: str) -> None:
        self._checks.pop(key, None)

    def _finish(self, key: str, answer: CheckAnswer) -> None:
        if key not in self._checks:
            raise ValueError(f"no check was begun under {key}")
        self._checks[key] = answer

    def _answer(self, key: str, fault: Fault) -> CheckAnswer:
        if fault is not Fault.NONE:
            raise TimeoutError("no answer in time")
        return self._checks.get(key, Absent())
