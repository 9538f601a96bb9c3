"""From which payouts on a person must be known, and how far that is, said before work begins. Pure.

What was paid in another currency counts by the share that it is of that currency's amount, so that nobody stays
unknown by being paid in several, and no rate of exchange is needed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from features.money import in_words
from serving.payouts.identity.states import Identity, State
from serving.policy import IdentityPolicy

DAY: Final = 24 * 3_600_000_000


@dataclass(frozen=True, slots=True)
class Paid:
    """Within the window, and ever; in micros of one currency."""

    rolling_micros: int
    cumulative_micros: int


Usage = Mapping[str, Paid]
"""What all accounts of one person were paid, by currency. What was refused or came back is not in it."""


@dataclass(frozen=True, slots=True)
class Room:
    """`left_micros` can still be paid, 0 or more, of the `limit_micros` that decides: the nearer of the two amounts."""

    left_micros: int
    limit_micros: int

    def holds(self, amount_micros: int) -> bool:
        """Whether that can be paid to somebody unknown. The amount of the policy itself still can."""
        return amount_micros <= self.left_micros


class NoticeKind(StrEnum):
    NEAR = "near"
    NEEDED = "needed"
    PENDING = "pending"
    FAILED = "failed"
    EXPIRED = "expired"
    EXPIRES = "expires"


@dataclass(frozen=True, slots=True)
class Notice:
    """What a person is told ahead. `left_micros`: what more can be earned and paid without proof."""

    kind: NoticeKind
    sentence: str
    left_micros: int


def room(usage: Usage, currency: str, policy: IdentityPolicy) -> Room:
    """How much more can be paid in `currency` to somebody unknown. In a currency without amounts: nothing."""
    amounts = policy.amounts.get(currency)
    if amounts is None:
        return Room(0, 0)
    rolling = _left(usage, currency, policy, "rolling_micros")
    cumulative = _left(usage, currency, policy, "cumulative_micros")
    if rolling <= cumulative:
        return Room(rolling, amounts.rolling_micros)
    return Room(cumulative, amounts.cumulative_micros)


def announced(
    identity: Identity, place: Room, currency: str, policy: IdentityPolicy, now: int, earned_micros: int = 0
) -> Notice | None:
    """What to say before more work begins; None: nothing yet.

    `earned_micros` is what the person has earned and not been paid, with the reward of the task that is offered.
    """
    if identity.is_verified(now):
        return _expiring(identity, policy, now, place)
    left = 0 if identity.is_demanded else max(place.left_micros - earned_micros, 0)
    kind = _kind(identity, place, earned_micros, now)
    if kind is NoticeKind.NEAR and left > place.limit_micros * (1 - Fraction(str(policy.announce_share))):
        return None
    return Notice(kind, _SENTENCES[kind].format(left=in_words(left, currency)), left)


def _kind(identity: Identity, place: Room, earned_micros: int, now: int) -> NoticeKind:
    if not identity.is_demanded and place.holds(earned_micros) and place.limit_micros:
        return NoticeKind.NEAR
    if identity.state is State.VERIFIED and not identity.is_verified(now):
        return NoticeKind.EXPIRED
    return _KINDS.get(identity.state, NoticeKind.NEEDED)


_KINDS: Final = {
    State.PENDING: NoticeKind.PENDING,
    State.FAILED: NoticeKind.FAILED,
    State.EXPIRED: NoticeKind.EXPIRED,
}

_SENTENCES: Final = {
    NoticeKind.NEAR: "You can earn and be paid {left} more before we must know who you are: have a document ready.",
    NoticeKind.NEEDED: "You can earn, but this is paid only once we know who you are: show a document in the wallet.",
    NoticeKind.PENDING: "Your document is being looked at. What you earn is paid once that is done.",
    NoticeKind.FAILED: "Your document could not be accepted: show another in the wallet. What you earned stays yours.",
    NoticeKind.EXPIRED: "Your proof of identity is too old: show a document again. What you earned stays yours.",
}


def _expiring(identity: Identity, policy: IdentityPolicy, now: int, place: Room) -> Notice | None:
    until = identity.verified_until
    if until is None or until - now > policy.window_days * DAY:
        return None
    day = datetime.fromtimestamp(until // 1_000_000, UTC).date()
    sentence = f"Your proof of identity ends on {day} (UTC): from then on you will have to show a document again."
    return Notice(NoticeKind.EXPIRES, sentence, place.left_micros)


def _left(usage: Usage, currency: str, policy: IdentityPolicy, which: str) -> int:
    limit: int = getattr(policy.amounts[currency], which)
    own = getattr(usage[currency], which) if currency in usage else 0
    others = [_share(paid, other, policy, which) for other, paid in usage.items() if other != currency]
    if not others:
        return max(limit - own, 0)
    return max(int(limit * max(1 - sum(others, _NONE), _NONE)) - own, 0)


_NONE: Final = Fraction(0)


def _share(paid: Paid, currency: str, policy: IdentityPolicy, which: str) -> Fraction:
    amount: int = getattr(paid, which)
    if currency in policy.amounts:
        return Fraction(amount, getattr(policy.amounts[currency], which))
    return Fraction(1 if amount else 0)  # only people who were known could be paid in it
