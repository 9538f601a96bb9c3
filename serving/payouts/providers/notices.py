"""What a provider tells us unasked, once its signature is proven."""

import hashlib
import hmac
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Final, Protocol, runtime_checkable

from serving.ledger.refusals import Refusal
from serving.payouts.provider import Answer

AGE_MICROS_MAX: Final = 300 * 1_000_000
"""How far a signed instant may lie from ours (five minutes, as Stripe and Standard Webhooks advise)."""


class Unverified(Refusal):
    """The notification is not signed by the provider, or too old. Nothing of it was used."""

    status: ClassVar[int] = 401


class MalformedNotice(Refusal):
    """The provider signed it, but it has no shape that the provider documents. Nothing of it was used."""

    status: ClassVar[int] = 422


@dataclass(frozen=True, slots=True)
class Notice:
    """`answer` is what the notification says of the payment under `key`; None: nothing that concerns a payment.

    Raises `MalformedNotice` for what the inbox could not keep.
    """

    event_id: str
    key: str | None
    answer: Answer | None

    def __post_init__(self) -> None:
        said = getattr(self.answer, "reference", getattr(self.answer, "reason", None))
        _assert_text("event id", self.event_id, 255)
        _assert_text("payment's key", "-" if self.key is None else self.key, 64)
        _assert_text("answer", said or "-", 255)

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


@contextmanager
def documented() -> Iterator[None]:
    """What a notice says in another shape than its provider documents: raises `MalformedNotice`."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError, RecursionError) as strange:
        raise MalformedNotice(f"the notice has an unknown shape: {type(strange).__name__}") from None


def read_json(text: str | bytes) -> Any:
    """For a body of `documented`: raises ValueError, also for NaN, or RecursionError for what is nested too deep."""
    return json.loads(text, parse_constant=_no_number)


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _assert_text(what: str, said: object, characters_max: int) -> None:
    if not (isinstance(said, str) and 0 < len(said) <= characters_max and said.isprintable()):
        raise MalformedNotice(f"the notice's {what} is not 1 to {characters_max} printable characters")


def hmac_sha256(secret: bytes, *parts: bytes) -> bytes:
    return hmac.new(secret, b".".join(parts), hashlib.sha256).digest()


def check_age(said_seconds: str, now: int) -> None:
    """Raises `Unverified` for an instant that is no number or too far from `now`: an old notification sent again."""
    if not (said_seconds.isascii() and said_seconds.isdigit() and len(said_seconds) <= 12):
        raise Unverified("the signed instant is no number of seconds")
    if abs(now - int(said_seconds) * 1_000_000) > AGE_MICROS_MAX:
        raise Unverified("the notification was signed too long ago, or in the future: check this machine's clock")
