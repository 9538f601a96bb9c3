"""Taking a reward back, in whole or in part, and who bears it.

| when                     | reason    | the person's reward comes from                                  |
| ------------------------ | --------- | --------------------------------------------------------------- |
| before maturity, on hold | any       | the pending wallet: it was never theirs to spend                |
| after maturity           | fraud     | what is available in the wallet, the rest from the reserve      |
| after maturity           | any other | the reserve: who did nothing wrong keeps what they were paid    |

The revenue goes back to whoever funded it, in the same proportion as the reward.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Row,
    String,
    Table,
    bindparam,
    insert,
    select,
    update,
)

from features.events import Reason
from serving.database import METADATA
from serving.ledger import book
from serving.ledger.refusals import conflicting
from serving.ledger.rewards import REWARD, RewardState, get_reward
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind


@dataclass(frozen=True, slots=True)
class ReversalOrder:
    """Take back `amount_micros` of the reward of `event_id`; None: all that remains. `outcome_id` orders it once."""

    outcome_id: str
    event_id: str
    reason: Reason
    amount_micros: int | None = None

    def __post_init__(self) -> None:
        if self.amount_micros is not None and self.amount_micros < 0:
            raise ValueError(f"{self.outcome_id}: what is taken back is zero or more")


@dataclass(frozen=True, slots=True)
class Reversal:
    """What an order did, in micros of the reward's currency: never more than what remained."""

    outcome_id: str
    event_id: str
    from_pending_micros: int
    from_available_micros: int
    from_reserve_micros: int
    revenue_returned_micros: int

    @property
    def reversed_micros(self) -> int:
        return self.from_pending_micros + self.from_available_micros + self.from_reserve_micros


REVERSAL = Table(
    "reversal",
    METADATA,
    Column("outcome_id", String(128), primary_key=True),
    Column("event_id", String(128), ForeignKey("reward.event_id"), nullable=False),
    Column("reason", String(32), nullable=False),
    Column("asked_micros", BigInteger),
    Column("from_pending_micros", BigInteger, nullable=False),
    Column("from_available_micros", BigInteger, nullable=False),
    Column("from_reserve_micros", BigInteger, nullable=False),
    Column("revenue_returned_micros", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Index("reversal_of_reward", "event_id"),
)

_FIND = select(REVERSAL).where(REVERSAL.c.outcome_id == bindparam("outcome"))
_TAKE = (
    update(REWARD)
    .where(REWARD.c.event_id == bindparam("event"))
    .values(
        reversed_micros=REWARD.c.reversed_micros + bindparam("taken"),
        revenue_returned_micros=REWARD.c.revenue_returned_micros + bindparam("returned"),
        state=bindparam("new_state"),
        updated_at=bindparam("now"),
    )
)


def reverse_reward(connection: Connection, order: ReversalOrder, now: int) -> Reversal:
    """Take back what remains of what is asked. Again: the first answer, no effect.

    Raises `Missing` for an unknown reward, `Conflicting` if the outcome ordered something else before.
    """
    known = connection.execute(_FIND, {"outcome": order.outcome_id}).one_or_none()
    if known is not None:
        return _same(known, order)
    reward = get_reward(connection, order.event_id)
    reversal = _divide(connection, reward, order)
    book.post(connection, _transfers(reward, reversal, now), now)
    connection.execute(_TAKE, [_taken(reward, reversal, now)])
    connection.execute(insert(REVERSAL), [_row_of(order, reversal, now)])
    return reversal


def _divide(connection: Connection, reward: Row[Any], order: ReversalOrder) -> Reversal:
    """Who bears it: see the table above."""
    remaining = reward.reward_micros - reward.reversed_micros
    taken = remaining if order.amount_micros is None else min(order.amount_micros, remaining)
    is_mature = reward.state == RewardState.AVAILABLE
    from_available = 0
    if is_mature and order.reason is Reason.FRAUD:
        wallet = book.balance(connection, _account(AccountKind.WALLET_AVAILABLE, reward))
        from_available = min(taken, wallet.available_micros)
    return Reversal(
        outcome_id=order.outcome_id,
        event_id=order.event_id,
        from_pending_micros=0 if is_mature else taken,
        from_available_micros=from_available,
        from_reserve_micros=taken - from_available if is_mature else 0,
        revenue_returned_micros=_revenue_due(reward, reward.reversed_micros + taken) - reward.revenue_returned_micros,
    )


def _revenue_due(reward: Row[Any], reversed_micros: int) -> int:
    """Revenue to return once `reversed_micros` are taken back: rounded down, and exact once nothing remains."""
    if reversed_micros == reward.reward_micros:
        return int(reward.revenue_micros)
    return int(reward.revenue_micros * reversed_micros // reward.reward_micros)


def _transfers(reward: Row[Any], reversal: Reversal, now: int) -> list[Transfer]:
    expense = _account(AccountKind.REWARD_EXPENSE, reward)
    pending, available = _account(AccountKind.WALLET_PENDING, reward), _account(AccountKind.WALLET_AVAILABLE, reward)
    reserve, revenue = _account(AccountKind.NO_FAULT_RESERVE, reward), _account(AccountKind.REVENUE, reward)
    funder = Account.parse(reward.funder)
    legs = (
        ("from_pending", TransferKind.CLAWBACK, pending, expense, reversal.from_pending_micros),
        ("from_available", TransferKind.CLAWBACK, available, expense, reversal.from_available_micros),
        ("from_reserve", TransferKind.NO_FAULT, reserve, expense, reversal.from_reserve_micros),
        ("revenue_returned", TransferKind.REVENUE_RETURNED, revenue, funder, reversal.revenue_returned_micros),
    )
    return [
        Transfer(
            id=f"{reversal.outcome_id}/{leg}",
            debit=debit,
            credit=credit,
            amount_micros=amount,
            kind=kind,
            cause_id=reversal.outcome_id,
            effective_at=now,
        )
        for leg, kind, debit, credit, amount in legs
        if amount
    ]


_PEOPLE_OWN = (AccountKind.WALLET_PENDING, AccountKind.WALLET_AVAILABLE)


def _account(kind: AccountKind, reward: Row[Any]) -> Account:
    return Account(kind, reward.user_id if kind in _PEOPLE_OWN else PLATFORM, reward.currency)


def _taken(reward: Row[Any], reversal: Reversal, now: int) -> dict[str, Any]:
    is_whole = reward.reversed_micros + reversal.reversed_micros == reward.reward_micros
    return {
        "event": reward.event_id,
        "taken": reversal.reversed_micros,
        "returned": reversal.revenue_returned_micros,
        "new_state": RewardState.REVERSED if is_whole else reward.state,
        "now": now,
    }


def _same(known: Row[Any], order: ReversalOrder) -> Reversal:
    if (known.event_id, known.reason, known.asked_micros) != (order.event_id, order.reason, order.amount_micros):
        raise conflicting("reversal", order.outcome_id)
    return Reversal(
        outcome_id=known.outcome_id,
        event_id=known.event_id,
        from_pending_micros=known.from_pending_micros,
        from_available_micros=known.from_available_micros,
        from_reserve_micros=known.from_reserve_micros,
        revenue_returned_micros=known.revenue_returned_micros,
    )


def _row_of(order: ReversalOrder, reversal: Reversal, now: int) -> dict[str, Any]:
    return {
        "outcome_id": order.outcome_id,
        "event_id": order.event_id,
        "reason": order.reason,
        "asked_micros": order.amount_micros,
        "from_pending_micros": reversal.from_pending_micros,
        "from_available_micros": reversal.from_available_micros,
        "from_reserve_micros": reversal.from_reserve_micros,
        "revenue_returned_micros": reversal.revenue_returned_micros,
        "recorded_at": now,
    }
