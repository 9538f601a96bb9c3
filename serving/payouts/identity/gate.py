"""Whether a person may be paid, as far as knowing who it is goes. Nobody is refused here: what is missing is said."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Connection

from serving.payouts.identity import persons, states
from serving.payouts.identity.paid import usage_of
from serving.payouts.identity.states import Identity, State
from serving.payouts.identity.triggers import Room, room
from serving.payouts.screening import hits
from serving.payouts.screening.hits import Standing
from serving.policy import Policy


class Reason(StrEnum):
    """Why a payout waits."""

    IDENTITY_NEEDED = "identity_needed"
    IDENTITY_PENDING = "identity_pending"
    IDENTITY_FAILED = "identity_failed"
    IDENTITY_EXPIRED = "identity_expired"
    CHECKS_SPENT = "checks_spent"
    SCREENING_DUE = "screening_due"
    POSSIBLE_HIT = "possible_hit"
    CONFIRMED_HIT = "confirmed_hit"


class Waits(StrEnum):
    """Whose turn it is: the person who is to be paid, a reviewer, or a machine that will answer by itself."""

    PERSON = "person"
    REVIEWER = "reviewer"
    MACHINE = "machine"


WAITS_FOR: Final[dict[Reason, Waits]] = {
    Reason.IDENTITY_NEEDED: Waits.PERSON,
    Reason.IDENTITY_PENDING: Waits.MACHINE,
    Reason.IDENTITY_FAILED: Waits.PERSON,
    Reason.IDENTITY_EXPIRED: Waits.PERSON,
    Reason.CHECKS_SPENT: Waits.REVIEWER,
    Reason.SCREENING_DUE: Waits.MACHINE,
    Reason.POSSIBLE_HIT: Waits.REVIEWER,
    Reason.CONFIRMED_HIT: Waits.REVIEWER,
}


@dataclass(frozen=True, slots=True)
class Permit:
    """`left_micros` can be paid after this amount before somebody unknown must be known; None: is known."""

    left_micros: int | None


@dataclass(frozen=True, slots=True)
class Required:
    """Not yet. The money stays held. `left_micros`: what could be paid at once instead, 0 where it is not a question
    of the amount.
    """

    reason: Reason
    left_micros: int

    @property
    def waits_for(self) -> Waits:
        return WAITS_FOR[self.reason]


@dataclass(frozen=True, slots=True)
class Besides:
    """`accounts`: others of the same person. `payout_id`: the payout asked about, if it is on record already."""

    accounts: frozenset[str] = frozenset()
    payout_id: str | None = None


def may_pay(
    connection: Connection,
    user_id: str,
    amount_micros: int,
    currency: str,
    now: int,
    policy: Policy,
    besides: Besides = Besides(),
) -> Permit | Required:
    """Ask before every payout, in the transaction that records it: of two at once the second sees the first.

    Notes that the person was told, and that a proof's day has come; nothing else changes.
    Raises ValueError for an amount that is not above 0, and as `usage_of` does; `Overtaken` as `states.move` does.
    """
    if amount_micros <= 0:
        raise ValueError("amount_micros: must be above 0")
    # Always in one order, so that two that ask for each other's accounts never wait for each other.
    locked = {one: states.lock(connection, one, now) for one in sorted({user_id, *besides.accounts})}
    identity = states.expire(connection, locked[user_id], now)
    usage = usage_of(connection, {user_id, *besides.accounts}, now, policy.identity.window_days, besides.payout_id)
    place = room(usage, currency, policy.identity)
    answer = decided(identity, standing_of(connection, user_id, policy), place, amount_micros, now, policy)
    if isinstance(answer, Required) and answer.reason is Reason.IDENTITY_NEEDED:
        states.require(connection, identity, "amount_reached", now)
    return answer


def decided(
    identity: Identity, standing: Standing, place: Room, amount_micros: int, now: int, policy: Policy
) -> Permit | Required:
    """The gate itself, pure: lists first, then whether this amount needs a proof, then how far the proof is."""
    if standing is not Standing.CLEAR:
        return Required(_HITS[standing], 0)
    if identity.is_verified(now):
        return Permit(None)
    if place.holds(amount_micros) and not identity.is_demanded:
        return Permit(place.left_micros - amount_micros)
    left = 0 if identity.is_demanded else place.left_micros
    if identity.state in {State.FAILED, State.EXPIRED} and identity.check_count >= policy.identity.checks_max:
        return Required(Reason.CHECKS_SPENT, left)
    return Required(_PROOF[identity.state], left)


_HITS: Final = {
    Standing.DUE: Reason.SCREENING_DUE,
    Standing.OPEN: Reason.POSSIBLE_HIT,
    Standing.CONFIRMED: Reason.CONFIRMED_HIT,
}
_PROOF: Final = {
    State.NONE: Reason.IDENTITY_NEEDED,
    State.REQUIRED: Reason.IDENTITY_NEEDED,
    State.PENDING: Reason.IDENTITY_PENDING,
    State.FAILED: Reason.IDENTITY_FAILED,
    State.EXPIRED: Reason.IDENTITY_EXPIRED,
    State.VERIFIED: Reason.IDENTITY_EXPIRED,
}


def standing_of(connection: Connection, user_id: str, policy: Policy) -> Standing:
    """Of somebody unknown there is no name to search for. Where no list is required, only what was found counts."""
    known = persons.find(connection, user_id)
    if known is None:
        return Standing.CLEAR
    found = hits.standing(connection, known)
    return Standing.CLEAR if found is Standing.DUE and not policy.screening.is_required else found
