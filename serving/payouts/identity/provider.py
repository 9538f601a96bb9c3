"""What an identity provider can be asked, and the only things that it can answer.

The shipped adapter is the fake (see fake.py), which looks at no document. An adapter for a real provider has a `name`,
`start` and `lookup`, and `read_notice` if that provider sends notices; `serving.parts.assemble` is where it is chosen.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from serving.payouts.identity.persons import Person


@dataclass(frozen=True, slots=True, repr=False)
class Waiting:
    """The person has to show a document, at `address` if there is one, or the provider is still looking at it."""

    address: str | None = None


@dataclass(frozen=True, slots=True)
class Proven:
    """The person is who the document says. `valid_until`: the document's last instant, None where it has none.
    `country`: where the person is taxed, ISO 3166-1 alpha-2, as far as the provider proves it.
    """

    person: Person
    valid_until: int | None = None
    country: str | None = None

    def __post_init__(self) -> None:
        """Raises ValueError, which repeats nothing of what it refuses."""
        if self.country is not None and not re.fullmatch("[A-Z]{2}", self.country):
            raise ValueError("country: write it in two capital letters, e.g. CN, or leave it out")


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


@runtime_checkable
class IdentityNotifier(Protocol):
    """A provider that says unasked that there is news of a check. The news itself is looked up: a notice that comes
    late, twice or out of order says nothing wrong then, and what is personal does not travel in it.
    """

    @property
    def name(self) -> str: ...

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> str | None:
        """The key of the check; None: no news of a check. Header names in lower case. Raises `Unverified`; may ask
        the provider for its certificate (OSError).
        """
        ...
