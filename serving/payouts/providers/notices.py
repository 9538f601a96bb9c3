"""What a provider tells us unasked, once its signature is proven."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final, Protocol, runtime_checkable

from serving.ledger.refusals import Refusal
from serving.payouts.provider import Answer

AGE_MICROS_MAX: Final = 300 * 1_000_000
"""How far a signed instant may lie from ours (five minutes, as Stripe and Standard Webhooks advise)."""


class Unverified(Refusal):
    """The notification is not signed by the provider, or too old. Nothing of it was used."""

    status: ClassVar[int] = 401


@dataclass(frozen=True, slots=True)
class Notice:
    """`answer` is what the notification says of the payment under `key`; None: nothing that concerns a payment."""

    event_id: str
    key: str | None
    answer: Answer | None

    def __repr__(self) -> str:
        return "Notice(...)"  # keys stay out of logs


@runtime_checkable
class Notifier(Protocol):
    """A provider that sends webhooks."""

    @property
    def name(self) -> str: ...

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
        """Header names in lower case. Raises `Unverified`; may ask the provider for its certificate (OSError)."""
        ...


def hmac_sha256(secret: bytes, *parts: bytes) -> bytes:
    return hmac.new(secret, b".".join(parts), hashlib.sha256).digest()


def check_age(said_seconds: str, now: int) -> None:
    """Raises `Unverified` for an instant that is no number or too far from `now`: an old notification sent again."""
    if not (said_seconds.isascii() and said_seconds.isdigit() and len(said_seconds) <= 12):
        raise Unverified("the signed instant is no number of seconds")
    if abs(now - int(said_seconds) * 1_000_000) > AGE_MICROS_MAX:
        raise Unverified("the notification was signed too long ago, or in the future: check this machine's clock")
