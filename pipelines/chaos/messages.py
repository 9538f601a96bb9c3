"""What can be asked of the book and of payouts, as plain values: each can be lost, doubled, late, or out of order."""

from dataclasses import dataclass

from features.events import Reason
from serving.decision import Action
from serving.ledger.reversals import Ground


@dataclass(frozen=True, slots=True)
class Deposit:
    id: str
    amount_micros: int


@dataclass(frozen=True, slots=True)
class Earn:
    id: str
    user: str
    reward_micros: int
    revenue_micros: int
    is_prepaid: bool
    on_hold: bool
    matures_at: int


@dataclass(frozen=True, slots=True)
class TakeBack:
    """Of the reward of `event`; None: all that is left."""

    id: str
    event: str
    reason: Reason
    ground: Ground
    amount_micros: int | None


@dataclass(frozen=True, slots=True)
class Genuine:
    event: str


@dataclass(frozen=True, slots=True)
class Withdraw:
    id: str
    user: str
    amount_micros: int
    action: Action


@dataclass(frozen=True, slots=True)
class Rule:
    """A person answers what a withdrawal waits for."""

    payout: str
    action: Action


@dataclass(frozen=True, slots=True)
class Mature:
    pass


@dataclass(frozen=True, slots=True)
class Pay:
    """The duty that moves payouts on."""


@dataclass(frozen=True, slots=True)
class Notice:
    """What the provider says of a key, unasked, as it was when it was sent."""

    key: str
    said: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Time passes."""

    micros: int


@dataclass(frozen=True, slots=True)
class Restart:
    """The process begins anew: nothing is remembered that is not in the database."""


Message = Deposit | Earn | TakeBack | Genuine | Withdraw | Rule | Mature | Pay | Notice | Wait | Restart
