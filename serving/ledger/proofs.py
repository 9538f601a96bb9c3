"""What must hold at every moment, computed from the rows alone. A finding is a sentence; none is normal."""

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection, Select, func, literal, or_, select, union_all

from serving.ledger.accounts import ACCOUNT, HOLD, TRANSFER
from serving.ledger.holds import HoldState
from serving.ledger.rewards import REWARD, RewardState
from serving.ledger.transfer import CHART, AccountKind, Circle

FINDINGS_MAX: Final = 100
"""Findings of one kind; more would say nothing more."""

Proof = tuple[Select[Any], Callable[[Any], str]]


def check(connection: Connection) -> list[str]:
    """The broken invariants, as sentences; empty when the book is sound. Reads every transfer: not for each request."""
    findings = []
    for proof in (*map(_circle, Circle), _replay(), _holds(), _captures(), _bounds(), _pending_rewards()):
        query, sentence = proof
        findings += [sentence(row) for row in connection.execute(query.limit(FINDINGS_MAX))]
    return findings


def _circle(circle: Circle) -> Proof:
    """Conservation: no money appears in a circle, vanishes from it, or crosses to the other."""
    kinds = [kind for kind, rule in CHART.items() if rule.circle is circle]
    total = func.sum(ACCOUNT.c.posted)
    query = select(ACCOUNT.c.asset, total.label("total")).where(ACCOUNT.c.kind.in_(kinds))
    return (
        query.group_by(ACCOUNT.c.asset).having(total != 0),
        lambda row: f"the accounts of {circle} in {row.asset} sum to {row.total} micros, not to zero",
    )


def _replay() -> Proof:
    legs = union_all(
        select(TRANSFER.c.credit.label("id"), TRANSFER.c.amount_micros.label("change")),
        select(TRANSFER.c.debit, -TRANSFER.c.amount_micros),
    ).subquery()
    sums = select(legs.c.id, func.sum(legs.c.change).label("replayed")).group_by(legs.c.id).subquery()
    replayed = func.coalesce(sums.c.replayed, 0)
    query = select(ACCOUNT.c.id, ACCOUNT.c.posted, replayed.label("replayed"))
    return (
        query.outerjoin_from(ACCOUNT, sums, ACCOUNT.c.id == sums.c.id).where(ACCOUNT.c.posted != replayed),
        lambda row: f"{row.id} says {row.posted} micros, its transfers say {row.replayed}",
    )


def _holds() -> Proof:
    query = select(HOLD.c.account, func.sum(HOLD.c.amount_micros).label("held")).where(HOLD.c.state == HoldState.OPEN)
    sums = query.group_by(HOLD.c.account).subquery()
    held = func.coalesce(sums.c.held, 0)
    return (
        select(ACCOUNT.c.id, ACCOUNT.c.pending_out, held.label("held"))
        .outerjoin_from(ACCOUNT, sums, ACCOUNT.c.id == sums.c.account)
        .where(ACCOUNT.c.pending_out != held),
        lambda row: f"{row.id} says {row.pending_out} micros held, its open holds say {row.held}",
    )


def _captures() -> Proof:
    """A captured hold was spent by exactly one transfer, whole; any other hold by none."""
    spent = (
        select(TRANSFER.c.hold_id, func.sum(TRANSFER.c.amount_micros).label("spent"))
        .where(TRANSFER.c.hold_id.is_not(None))
        .group_by(TRANSFER.c.hold_id)
        .subquery()
    )
    amount = func.coalesce(spent.c.spent, 0)
    is_captured = HOLD.c.state == HoldState.CAPTURED
    return (
        select(HOLD.c.id, HOLD.c.state, HOLD.c.amount_micros, amount.label("spent"))
        .outerjoin_from(HOLD, spent, HOLD.c.id == spent.c.hold_id)
        .where(or_(is_captured & (amount != HOLD.c.amount_micros), ~is_captured & (amount != 0))),
        lambda row: f"hold {row.id} of {row.amount_micros} micros is {row.state}, but {row.spent} were spent",
    )


def _bounds() -> Proof:
    """The database checks this too; a database restored without its constraints does not."""
    available = ACCOUNT.c.posted - ACCOUNT.c.pending_out
    return (
        select(ACCOUNT.c.id, available.label("available"), ACCOUNT.c.min_available).where(
            ACCOUNT.c.min_available.is_not(None), available < ACCOUNT.c.min_available
        ),
        lambda row: f"{row.id} has {row.available} micros available and must keep {row.min_available}",
    )


def _pending_rewards() -> Proof:
    """What waits in pending wallets is what remains of the rewards that are pending or on hold."""
    kind = literal(AccountKind.WALLET_PENDING.value)
    key = kind + ":" + REWARD.c.currency + ":" + REWARD.c.user_id
    remaining = func.sum(REWARD.c.reward_micros - REWARD.c.reversed_micros)
    sums = (
        select(key.label("id"), remaining.label("remaining"))
        .where(REWARD.c.state.in_([RewardState.PENDING, RewardState.ON_HOLD]))
        .group_by(key)
        .subquery()
    )
    waiting = func.coalesce(sums.c.remaining, 0)
    return (
        select(ACCOUNT.c.id, ACCOUNT.c.posted, waiting.label("waiting"))
        .outerjoin_from(ACCOUNT, sums, ACCOUNT.c.id == sums.c.id)
        .where(ACCOUNT.c.kind == AccountKind.WALLET_PENDING, ACCOUNT.c.posted != waiting),
        lambda row: f"{row.id} says {row.posted} micros, its waiting rewards say {row.waiting}",
    )
