"""What an identity provider can be asked, and the only things that it can answer."""

from dataclasses import dataclass
from typing import Protocol

from serving.payouts.identity.persons import Person


@dataclass(frozen=True, slots=True, repr=False)
class Waiting:
    """The person has to show a document, at `address` if there is one, or the provider is still looking at it."""

    address: str | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """The person is who the document says. `valid_until`: the document's last instant, None where it has none."""

    person: Person
    valid_until: int | None = None


@dataclass(frozen=True, slots=True)
class Disproven:
    """The document did not convince, for example it was forged or could not be read. `reason`: a word of code."""

    reason: str


@dataclass(frozen=True, slots=True)
class Lapsed:
    """The person did not come in time; this check will never say anything."""


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider knows no such check: it never began, or was forgotten."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer. Never a reason to take anybody for failed."""


CheckAnswer = Waiting | Proven | Disproven | Lapsed | Absent | Unknown


class IdentityProvider(Protocol):
    """Idempotent by `key`: a second start under one key begins nothing. An OSError counts as `Unknown`."""

    @property
    def name(self) -> str: ...

    def start(self, key: str) -> CheckAnswer:
        """Begin a check of whoever follows its address."""
        ...

    def lookup(self, key: str) -> CheckAnswer:
        """What became of the check. Changes nothing."""
        ...
