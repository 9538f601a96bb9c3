"""What must hold at every moment, computed from the rows alone. A finding is a sentence; none is normal."""

from collections.abc import Callable
from itertools import islice
from typing import Any, Final

from sqlalchemy import Connection, Select, and_, func, literal, or_, select, union_all

from serving.ledger import accruals, debts, exposure, points
from serving.ledger.accounts import ACCOUNT, BALANCE, HOLD, STANDING, TRANSFER
from serving.ledger.budgets import RESERVATION, State
from serving.ledger.holds import HoldState
from serving.ledger.replay import Replay
from serving.ledger.rewards import REWARD, RewardState
from serving.ledger.transfer import CHART, AccountKind, Circle

FINDINGS_MAX: Final = 100
"""Findings of one kind; more would say nothing more."""

Proof = tuple[Select[Any], Callable[[Any], str]]


def check(connection: Connection) -> list[str]:
    """The broken invariants, as sentences; empty when the book is sound. Reads every transfer: not for each request."""
    return check_tables(connection) + list(islice(Replay().findings(connection), FINDINGS_MAX))


def check_tables(connection: Connection) -> list[str]:
    """Those that the tables show by themselves, without a walk along the chain."""
    findings = []
    for proof in (
        *map(_circle, Circle),
        _replay(),
        _holds(),
        _captures(),
        _settlements(),
        _bounds(),
        _pending_rewards(),
    ):
        query, sentence = proof
        findings += [sentence(row) for row in connection.execute(query.limit(FINDINGS_MAX))]
    return findings + [finding for room in (debts, accruals, exposure, points) for finding in room.check(connection)]


def _circle(circle: Circle) -> Proof:
    """Conservation: no money appears in a circle, vanishes from it, or crosses to the other."""
    kinds = [kind for kind, rule in CHART.items() if rule.circle is circle]
    total = func.sum(BALANCE.c.posted)
    query = select(ACCOUNT.c.asset, total.label("total")).select_from(STANDING).where(ACCOUNT.c.kind.in_(kinds))
    return (
        query.group_by(ACCOUNT.c.asset).having(total != 0),
        lambda row: f"the accounts of {circle} in {row.asset} sum to {row.total} micros, not to zero",
    )


def _replay() -> Proof:
    legs = union_all(
        select(TRANSFER.c.credit.label("number"), TRANSFER.c.amount_micros.label("change")),
        select(TRANSFER.c.debit, -TRANSFER.c.amount_micros),
    ).subquery()
    sums = select(legs.c.number, func.sum(legs.c.change).label("replayed")).group_by(legs.c.number).subquery()
    replayed = func.coalesce(sums.c.replayed, 0)
    query = select(ACCOUNT.c.id, BALANCE.c.posted, replayed.label("replayed"))
    return (
        query.outerjoin_from(STANDING, sums, ACCOUNT.c.number == sums.c.number).where(BALANCE.c.posted != replayed),
        lambda row: f"{row.id} says {row.posted} micros, its transfers say {row.replayed}",
    )


def _holds() -> Proof:
    """Holds and reservations are all that is ever set aside."""
    reserved = RESERVATION.c.state == State.OPEN
    held_on = select(ACCOUNT.c.id.label("account"), HOLD.c.amount_micros.label("micros"))
    open_ = union_all(
        held_on.join_from(HOLD, ACCOUNT, ACCOUNT.c.number == HOLD.c.account).where(HOLD.c.state == HoldState.OPEN),
        select(RESERVATION.c.funder, RESERVATION.c.value_micros).where(reserved),
        select(RESERVATION.c.payer, RESERVATION.c.reward_micros).where(reserved, RESERVATION.c.payer.is_not(None)),
    ).subquery()
    sums = select(open_.c.account, func.sum(open_.c.micros).label("held")).group_by(open_.c.account).subquery()
    held = func.coalesce(sums.c.held, 0)
    return (
        select(ACCOUNT.c.id, BALANCE.c.pending_out, held.label("held"))
        .outerjoin_from(STANDING, sums, ACCOUNT.c.id == sums.c.account)
        .where(BALANCE.c.pending_out != held),
        lambda row: f"{row.id} says {row.pending_out} micros held, its open holds say {row.held}",
    )


def _captures() -> Proof:
    """A captured hold was spent by exactly one transfer, of what was captured; any other hold by none."""
    spent = (
        select(TRANSFER.c.hold_id, func.sum(TRANSFER.c.amount_micros).label("spent"))
        .where(TRANSFER.c.hold_id.is_not(None))
        .group_by(TRANSFER.c.hold_id)
        .subquery()
    )
    amount = func.coalesce(spent.c.spent, 0)
    return (
        select(HOLD.c.id, HOLD.c.state, HOLD.c.captured_micros, HOLD.c.amount_micros, amount.label("spent"))
        .outerjoin_from(HOLD, spent, HOLD.c.id == spent.c.hold_id)
        .where(amount != HOLD.c.captured_micros),
        lambda row: (
            f"hold {row.id} of {row.amount_micros} micros is {row.state} with {row.captured_micros} captured, but "
            f"{row.spent} were spent"
        ),
    )


def _settlements() -> Proof:
    """What a settled reservation's event spent of the accounts that it was reserved on is at most what was reserved."""
    spent = (
        select(TRANSFER.c.cause_id, ACCOUNT.c.id.label("debit"), func.sum(TRANSFER.c.amount_micros).label("spent"))
        .join_from(TRANSFER, ACCOUNT, ACCOUNT.c.number == TRANSFER.c.debit)
        .group_by(TRANSFER.c.cause_id, ACCOUNT.c.id)
        .subquery()
    )
    over = or_(
        and_(spent.c.debit == RESERVATION.c.funder, spent.c.spent > RESERVATION.c.value_micros),
        and_(spent.c.debit == RESERVATION.c.payer, spent.c.spent > RESERVATION.c.reward_micros),
    )
    return (
        select(RESERVATION.c.id, spent.c.debit, spent.c.spent).join_from(
            RESERVATION, spent, and_(spent.c.cause_id == RESERVATION.c.settled_by, over)
        ),
        lambda row: f"reservation {row.id} was settled with {row.spent} micros of {row.debit}, more than was reserved",
    )


def _bounds() -> Proof:
    """The database checks this too; a database restored without its constraints does not."""
    available = BALANCE.c.posted - BALANCE.c.pending_out
    return (
        select(ACCOUNT.c.id, available.label("available"), BALANCE.c.min_available)
        .select_from(STANDING)
        .where(BALANCE.c.min_available.is_not(None), available < BALANCE.c.min_available),
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
        select(ACCOUNT.c.id, BALANCE.c.posted, waiting.label("waiting"))
        .outerjoin_from(STANDING, sums, ACCOUNT.c.id == sums.c.id)
        .where(ACCOUNT.c.kind == AccountKind.WALLET_PENDING, BALANCE.c.posted != waiting),
        lambda row: f"{row.id} says {row.posted} micros, its waiting rewards say {row.waiting}",
    )
