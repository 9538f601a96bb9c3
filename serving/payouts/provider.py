"""What a payout provider can be asked, and the only six things that it can answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, runtime_checkable

IRREVOCABLE: Final = frozenset({"voucher"})
"""Providers whose payments never come back, whatever anybody says: a code that was issued is money."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider will pay; the money is out of our hands, though not yet with the person."""

    reference: str


@dataclass(frozen=True, slots=True)
class Settled:
    """The person has the money."""

    reference: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Definitely not paid, now or later, under this key."""

    reason: str


@dataclass(frozen=True, slots=True)
class Returned:
    """Paid or on its way, and came back."""

    reference: str


@dataclass(frozen=True, slots=True)
class Absent:
    """The provider knows nothing of this key. It may have lost the request, or forgotten the key."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """No answer, or none that says what happened. Never a reason to give the money back."""

    reason: str


@dataclass(frozen=True, slots=True)
class Undone:
    """No answer of a provider's: it was not asked, or takes nothing from us now. It says nothing of the payment, which
    stays as it is and waits; least of all that it was not created, as `Absent` does.
    """

    reason: str


@dataclass(frozen=True, slots=True)
class Unsent(Undone):
    """Nor was anything ever sent under its key, or taken: the payment is as unbegun as before."""


PROVIDER_UNREACHABLE: Final = "provider_unreachable"
"""What a payout waits for that is `Undone`."""

Answer = Accepted | Settled | Refused | Returned | Absent | Unknown


class Provider(Protocol):
    """Idempotent by `key` for `key_lifetime_micros`: a second send under one key pays nothing and answers the same.

    An OSError (a timeout, a reset) counts as `Unknown`, but `NotDone` as `Undone`: whoever raises it from `send` knows
    that nothing of the payment was sent, or taken. An adapter never retries by itself.
    """

    @property
    def name(self) -> str: ...

    @property
    def key_lifetime_micros(self) -> int: ...

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        """Pay `amount_micros`, a whole number of payable units, to `destination`."""
        ...

    def lookup(self, key: str) -> Answer:
        """What became of the payment sent under `key`. Changes nothing."""
        ...


@dataclass(frozen=True, slots=True)
class PaymentOrder:
    """One payment of a batch: the arguments of `send`."""

    key: str
    destination: str
    amount_micros: int
    currency: str

    def __repr__(self) -> str:
        return "PaymentOrder(...)"  # a key or a destination in a log would be there for years


@runtime_checkable
class BatchProvider(Provider, Protocol):
    """A provider that pays many in one call, each as `send` would: `send` is a batch of one."""

    @property
    def batch_max(self) -> int: ...

    def send_batch(self, orders: Sequence[PaymentOrder]) -> Mapping[str, Answer]:
        """Pay at most `batch_max` orders; one answer for every key. An OSError counts as `Unknown` for all of them,
        `NotDone` as nothing done.

        Which keys went out together is the adapter's to remember: a key that was sent in one batch is never sent in
        another while it lives.
        """
        ...


@runtime_checkable
class Tended(Protocol):
    """A provider whose payments on their way need looking after every few seconds."""

    def tend(self) -> int:
        """How many were moved on. Raises OSError when the provider does not answer."""
        ...
