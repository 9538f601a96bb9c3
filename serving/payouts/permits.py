"""The gate of identity and lists, asked for a group: who may plainly be paid is found at once, all others singly."""

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection

from serving.payouts.identity import persons, states
from serving.payouts.identity.gate import Besides, Permit, Required, decided, may_pay
from serving.payouts.identity.paid import usage_of_each
from serving.payouts.identity.states import State
from serving.payouts.identity.triggers import DAY, Paid, room
from serving.payouts.saga import Payout
from serving.payouts.screening import hits
from serving.payouts.screening.hits import Standing
from serving.policy import Policy


def required(
    connection: Connection,
    payouts: Sequence[Payout],
    now: int,
    policy: Policy,
    accounts: Mapping[str, frozenset[str]],
) -> dict[str, Required]:
    """What is missing before each may be paid, by payout id; those that may are left out. `accounts`: others of the
    same person, by user id. Locks the people, in one order.
    """
    plain = [one for one in payouts if not accounts.get(one.user_id)]
    permitted = _permitted(connection, plain, now, policy)
    missing: dict[str, Required] = {}
    for one in payouts:
        if one.id not in permitted:
            besides = Besides(accounts.get(one.user_id, frozenset()), one.id)
            answer = may_pay(connection, one.user_id, one.amount_micros, one.currency, now, policy, besides)
            if isinstance(answer, Required):
                missing[one.id] = answer
    return missing


def _permitted(connection: Connection, payouts: Sequence[Payout], now: int, policy: Policy) -> set[str]:
    """Those that `may_pay` would permit without a word. It sees no more than the gate does, and writes nothing."""
    users = sorted({one.user_id for one in payouts})
    if not users:
        return set()
    locked = states.lock_each(connection, users, now)
    known = persons.find_each(connection, users)
    standings = hits.standing_each(connection, list(known.values()))
    usage = usage_of_each(connection, users, now, policy.identity.window_days)
    permitted = set()
    for one in payouts:
        identity, standing = locked[one.user_id], standings.get(one.user_id, Standing.CLEAR)
        if standing is Standing.DUE and not policy.screening.is_required:
            standing = Standing.CLEAR
        if identity.state is State.VERIFIED and not identity.is_verified(now):
            continue  # the gate notes that the proof's day has come
        others = _without(usage.get(one.user_id, {}), one, now - policy.identity.window_days * DAY)
        place = room(others, one.currency, policy.identity)
        if isinstance(decided(identity, standing, place, one.amount_micros, now, policy), Permit):
            permitted.add(one.id)
    return permitted


def _without(usage: Mapping[str, Paid], own: Payout, since: int) -> dict[str, Paid]:
    """What was paid besides `own`, which counts from its request on."""
    others = dict(usage)
    if own.currency in others:
        paid = others[own.currency]
        recent = own.amount_micros if own.created_at > since else 0
        others[own.currency] = Paid(paid.rolling_micros - recent, paid.cumulative_micros - own.amount_micros)
    return others
