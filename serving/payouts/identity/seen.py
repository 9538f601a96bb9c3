"""How far a person's identity is known, as the person is told: before more work begins, and while money waits."""

from dataclasses import dataclass, replace

from sqlalchemy import Connection

from serving.ledger.wallets import wallet
from serving.payouts.identity import states
from serving.payouts.identity.gate import WAITS_FOR, Reason, Required, Waits, decided, standing_of
from serving.payouts.identity.paid import usage_of
from serving.payouts.identity.states import Identity, State
from serving.payouts.identity.triggers import Notice, Room, announced, room
from serving.policy import Policy


@dataclass(frozen=True, slots=True)
class Seen:
    """`identity` as of now. `left_micros` can be paid before a proof is needed; None: the person is known.

    `waits_for`: why the next payout that needs a proof, or any, would wait. `notice`: what to say before more work
    begins, with what was earned and not been paid counted in.
    """

    identity: Identity
    left_micros: int | None
    waits_for: Reason | None
    notice: Notice | None

    @property
    def turn(self) -> Waits | None:
        """Whose turn it is; None: nobody's."""
        return None if self.waits_for is None else WAITS_FOR[self.waits_for]


def seen(connection: Connection, user_id: str, others: frozenset[str], currency: str, now: int, policy: Policy) -> Seen:
    """Writes nothing. `others`: other accounts of the same person. Raises ValueError as `usage_of` does."""
    usage = usage_of(connection, others | {user_id}, now, policy.identity.window_days)
    place = room(usage, currency, policy.identity)
    identity = _as_of(states.get(connection, user_id), now)
    purse = wallet(connection, user_id, currency)
    earned = purse.pending_micros + purse.available_micros + purse.accrued_micros
    # Who was asked already, or has begun, is told how far that is, although small amounts may still be paid.
    asked = place if identity.state is State.NONE else Room(0, place.limit_micros)
    answer = decided(identity, standing_of(connection, user_id, policy), asked, 1, now, policy)
    return Seen(
        identity=identity,
        left_micros=_left(identity, place),
        waits_for=answer.reason if isinstance(answer, Required) else None,
        notice=announced(identity, place, currency, policy.identity, now, max(earned, 0)),
    )


def _as_of(identity: Identity, now: int) -> Identity:
    is_over = identity.state is State.VERIFIED and not identity.is_verified(now)
    return replace(identity, state=State.EXPIRED) if is_over else identity


def _left(identity: Identity, place: Room) -> int | None:
    if identity.state is State.VERIFIED:
        return None
    return 0 if identity.is_demanded else place.left_micros
