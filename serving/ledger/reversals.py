"""Taking a reward back, in whole or in part, and who bears it, in whatever order it is said and however often.

| ground     | who says so                   | not mature, on hold | after maturity: the money comes from |
| --- | --- | --- | --- |
| chargeback | the advertiser, not for fraud | the pending wallet  | the reserve: the blameless keep their pay |
| chargeback | the advertiser, for fraud     | the pending wallet  | what is available, the rest from the reserve |
| clawback   | a reviewer, finally: fraud    | the pending wallet  | what is available, the rest is the person's debt |
| adjustment | a named person, of a mistake  | the pending wallet  | the reserve |
| refund     | we give back what was taken   | the pending wallet  | given back: first off the debt, then the wallet |

The revenue goes back to whoever funded it, in the same proportion as the reward; the reward to the budget it came from.
What is available is so, too, while a payout that nobody has begun holds it: the payout is stopped.
A clawback also makes the reserve whole for what earlier reversals of the same reward cost it. A refund gives back at
most what was taken from the person, never what the reserve bore, and charges the advertiser nothing.
"""

from dataclasses import asdict, dataclass, fields, replace
from enum import StrEnum
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
    func,
    insert,
    select,
    update,
)

from features.events import Reason
from serving.database import METADATA
from serving.ledger import book, freezes
from serving.ledger.accruals import post_person
from serving.ledger.advances import Advance, Dates, count
from serving.ledger.debts import debt_of
from serving.ledger.refusals import InsufficientFunds, conflicting
from serving.ledger.rewards import REWARD, RewardState, get_reward
from serving.ledger.stoppable import NOTHING, Stoppable
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.outbox.changes import tell
from serving.outbox.told import of_reversal


class Ground(StrEnum):
    CHARGEBACK = "chargeback"
    CLAWBACK = "clawback"
    REFUND = "refund"
    ADJUSTMENT = "adjustment"


@dataclass(frozen=True, slots=True)
class ReversalOrder:
    """Take back (or, as a refund, give back) `amount_micros` of the reward of `event_id`; None: all that can be.

    `outcome_id` orders it once. An adjustment names who decided it and why. Raises ValueError for what cannot be meant.
    """

    outcome_id: str
    event_id: str
    reason: Reason
    amount_micros: int | None = None
    ground: Ground = Ground.CHARGEBACK
    by: str | None = None
    note: str | None = None

    def __post_init__(self) -> None:
        if self.amount_micros is not None and self.amount_micros < 0:
            raise ValueError(f"{self.outcome_id}: what is taken back is zero or more")
        if self.ground is Ground.CLAWBACK and self.reason is not Reason.FRAUD:
            raise ValueError(f"{self.outcome_id}: only fraud is clawed back; everything else is a chargeback")
        if self.ground is Ground.ADJUSTMENT and not (self.by and self.note):
            raise ValueError(f"{self.outcome_id}: an adjustment names who decided it (by) and why (note)")


@dataclass(frozen=True, slots=True)
class Reversal:
    """What an order did, in micros of the reward's currency: never more than what remained.

    Recovered: taken from the person for what the reserve bore before. Refunded: given back to the person.
    """

    outcome_id: str
    event_id: str
    from_pending_micros: int = 0
    from_available_micros: int = 0
    from_reserve_micros: int = 0
    revenue_returned_micros: int = 0
    from_debt_micros: int = 0
    recovered_available_micros: int = 0
    recovered_debt_micros: int = 0
    refunded_wallet_micros: int = 0
    refunded_debt_micros: int = 0

    @property
    def reversed_micros(self) -> int:
        """Of the reward: taken from the person, or charged to the reserve."""
        return self.from_pending_micros + self.from_available_micros + self.from_reserve_micros + self.from_debt_micros

    @property
    def refunded_micros(self) -> int:
        return self.refunded_wallet_micros + self.refunded_debt_micros


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
    # What follows is nothing in rows of earlier releases.
    Column("ground", String(16)),
    Column("from_debt_micros", BigInteger),
    Column("recovered_available_micros", BigInteger),
    Column("recovered_debt_micros", BigInteger),
    Column("refunded_wallet_micros", BigInteger),
    Column("refunded_debt_micros", BigInteger),
    Column("decided_by", String(128)),
    Column("note", String(2000)),
    Index("reversal_of_reward", "event_id"),
)
_AMOUNTS = tuple(field.name for field in fields(Reversal) if field.name.endswith("_micros"))

_FIND = select(REVERSAL).where(REVERSAL.c.outcome_id == bindparam("outcome"))
_SO_FAR = select(*(func.coalesce(func.sum(REVERSAL.c[name]), 0).label(name) for name in _AMOUNTS)).where(
    REVERSAL.c.event_id == bindparam("event")
)
_TAKE = (
    update(REWARD)
    .where(REWARD.c.event_id == bindparam("event"))
    .values(
        reversed_micros=REWARD.c.reversed_micros + bindparam("taken"),
        revenue_returned_micros=REWARD.c.revenue_returned_micros + bindparam("returned"),
        borne_micros=func.coalesce(REWARD.c.borne_micros, 0) + bindparam("borne"),
        state=bindparam("new_state"),
        updated_at=bindparam("now"),
    )
)


def reverse_reward(connection: Connection, order: ReversalOrder, now: int, stoppable: Stoppable = NOTHING) -> Reversal:
    """Do what remains of what is asked. Again: the first answer, no effect. For fraud as much is stopped of what is
    `stoppable` as the wallet lacks.

    Raises `Missing` for an unknown reward, `Conflicting` if the outcome ordered something else before.
    """
    book.lock(connection)
    known = connection.execute(_FIND, {"outcome": order.outcome_id}).one_or_none()
    if known is not None:
        return _same(known, order)
    if order.ground is Ground.CLAWBACK:
        _thaw(connection, order, now)
    reward = _posted_reward(connection, order.event_id, now)
    so_far = _so_far(connection, order)
    if order.ground is Ground.REFUND:
        reversal = _give_back(connection, reward, order, so_far, now)
    else:
        reversal = _divide(connection, reward, order, so_far, stoppable)
        book.post(connection, _transfers(reward, reversal, now), now)
    connection.execute(_TAKE, [_taken(reward, reversal, now)])
    connection.execute(insert(REVERSAL), [_row_of(order, reversal, now)])
    if reward.final_at is not None:
        change = reversal.refunded_micros - reversal.reversed_micros
        dates = Dates(reward.matures_at, reward.final_at)
        count(connection, [Advance(reward.partner_id, reward.currency, dates, change)])
    tell(connection, of_reversal(reward, reversal, order, now))
    return reversal


def _thaw(connection: Connection, order: ReversalOrder, now: int) -> None:
    """What a ban set aside is what is taken now."""
    for frozen in freezes.of_event(connection, order.event_id):
        freezes.thaw(connection, frozen, order.outcome_id, "fraud was found", now)


def _posted_reward(connection: Connection, event_id: str, now: int) -> Row[Any]:
    """Its row, posted if it was accrued only. Raises `Missing`."""
    reward = get_reward(connection, event_id)
    if reward.state != RewardState.ACCRUED:
        return reward
    post_person(connection, reward.user_id, reward.currency, now)
    return get_reward(connection, event_id)


def _so_far(connection: Connection, order: ReversalOrder) -> Reversal:
    """What earlier orders did to the same reward, together."""
    sums = connection.execute(_SO_FAR, {"event": order.event_id}).one()._asdict()
    return Reversal(order.outcome_id, order.event_id, **{name: int(micros) for name, micros in sums.items()})


def _divide(
    connection: Connection, reward: Row[Any], order: ReversalOrder, so_far: Reversal, stoppable: Stoppable
) -> Reversal:
    """Who bears it: see the table above."""
    remaining = reward.reward_micros - reward.reversed_micros
    taken = remaining if order.amount_micros is None else min(order.amount_micros, remaining)
    returned = max(0, _revenue_due(reward, reward.reversed_micros + taken) - reward.revenue_returned_micros)
    divided = Reversal(order.outcome_id, order.event_id, revenue_returned_micros=returned)
    if reward.state != RewardState.AVAILABLE and taken:
        divided = replace(divided, from_pending_micros=taken)
        taken = 0
    borne = _borne(so_far) if order.ground is Ground.CLAWBACK and order.amount_micros is None else 0
    left = _available(connection, reward, taken + borne, stoppable) if order.reason is Reason.FRAUD else 0
    from_available = min(taken, left)
    rest, left = taken - from_available, left - from_available
    if order.ground is not Ground.CLAWBACK:
        return replace(divided, from_available_micros=from_available, from_reserve_micros=rest)
    return replace(
        divided,
        from_available_micros=from_available,
        from_debt_micros=rest,
        recovered_available_micros=min(borne, left),
        recovered_debt_micros=borne - min(borne, left),
    )


def _available(connection: Connection, reward: Row[Any], wanted: int, stoppable: Stoppable) -> int:
    """What can be taken of what is `wanted`, once what holds the rest is stopped, and whatever else is there."""
    wallet = _account(AccountKind.WALLET_AVAILABLE, reward)
    available = book.balance(connection, wallet).available_micros
    if available >= wanted:
        return available
    stoppable.give_back(reward.user_id, reward.currency, wanted - available)
    return book.balance(connection, wallet).available_micros


def _borne(so_far: Reversal) -> int:
    """What the reserve bore of a reward and did not get back."""
    return so_far.from_reserve_micros - so_far.recovered_available_micros - so_far.recovered_debt_micros


def _give_back(connection: Connection, reward: Row[Any], order: ReversalOrder, so_far: Reversal, now: int) -> Reversal:
    """A refund. Where the budget that once paid the reward has nothing left, the reserve pays."""
    taken = so_far.reversed_micros - _borne(so_far) - so_far.refunded_micros
    micros = taken if order.amount_micros is None else min(order.amount_micros, taken)
    debt = debt_of(reward.user_id, reward.currency)
    owing = -book.balance(connection, debt).posted_micros
    made = so_far.from_debt_micros + so_far.recovered_debt_micros - so_far.refunded_debt_micros
    to_debt = min(micros, owing, made)
    refund = Reversal(
        order.outcome_id, order.event_id, refunded_wallet_micros=micros - to_debt, refunded_debt_micros=to_debt
    )
    kind = AccountKind.WALLET_AVAILABLE if _matured(reward, now) else AccountKind.WALLET_PENDING
    legs = (("debt", debt, to_debt), ("wallet", _account(kind, reward), micros - to_debt))

    def transfers(payer: Account) -> list[Transfer]:
        made = [(f"refunded_{leg}", TransferKind.REFUND, payer, credit, amount) for leg, credit, amount in legs]
        return _posted(order.outcome_id, made, now)

    try:
        book.post(connection, transfers(_payer(reward)), now)
    except InsufficientFunds:
        book.post(connection, transfers(_account(AccountKind.NO_FAULT_RESERVE, reward)), now)
    return refund


def _matured(reward: Row[Any], now: int) -> bool:
    if reward.state == RewardState.REVERSED:
        return bool(reward.matures_at <= now)
    return bool(reward.state == RewardState.AVAILABLE)


def _revenue_due(reward: Row[Any], reversed_micros: int) -> int:
    """Revenue to return once `reversed_micros` are taken back: rounded down, and exact once nothing remains."""
    if reversed_micros == reward.reward_micros:
        return int(reward.revenue_micros)
    return int(reward.revenue_micros * reversed_micros // reward.reward_micros)


Leg = tuple[str, TransferKind, Account, Account, int]
"""Name, kind, debit, credit, micros."""


def _transfers(reward: Row[Any], reversal: Reversal, now: int) -> list[Transfer]:
    payer, debt = _payer(reward), debt_of(reward.user_id, reward.currency)
    pending, available = _account(AccountKind.WALLET_PENDING, reward), _account(AccountKind.WALLET_AVAILABLE, reward)
    reserve, revenue = _account(AccountKind.NO_FAULT_RESERVE, reward), _account(AccountKind.REVENUE, reward)
    legs: list[Leg] = [
        ("from_pending", TransferKind.CLAWBACK, pending, payer, reversal.from_pending_micros),
        ("from_available", TransferKind.CLAWBACK, available, payer, reversal.from_available_micros),
        ("from_reserve", TransferKind.NO_FAULT, reserve, payer, reversal.from_reserve_micros),
        ("from_debt", TransferKind.DEBT, debt, payer, reversal.from_debt_micros),
        ("recovered_available", TransferKind.RECOVERY, available, reserve, reversal.recovered_available_micros),
        ("recovered_debt", TransferKind.RECOVERY, debt, reserve, reversal.recovered_debt_micros),
        (
            "revenue_returned",
            TransferKind.REVENUE_RETURNED,
            revenue,
            Account.parse(reward.funder),
            reversal.revenue_returned_micros,
        ),
    ]
    return _posted(reversal.outcome_id, legs, now)


def _posted(outcome_id: str, legs: list[Leg], now: int) -> list[Transfer]:
    """What is zero moves nothing, nor does what the reserve bears of a reward that it had paid itself."""
    return [
        Transfer(
            id=f"{outcome_id}/{leg}",
            debit=debit,
            credit=credit,
            amount_micros=amount,
            kind=kind,
            cause_id=outcome_id,
            effective_at=now,
        )
        for leg, kind, debit, credit, amount in legs
        if amount and debit != credit
    ]


_PEOPLE_OWN = (AccountKind.WALLET_PENDING, AccountKind.WALLET_AVAILABLE)


def _account(kind: AccountKind, reward: Row[Any]) -> Account:
    return Account(kind, reward.user_id if kind in _PEOPLE_OWN else PLATFORM, reward.currency)


def _payer(reward: Row[Any]) -> Account:
    """Who paid the reward, and gets it back."""
    return Account.parse(reward.payer) if reward.payer else _account(AccountKind.REWARD_EXPENSE, reward)


def _taken(reward: Row[Any], reversal: Reversal, now: int) -> dict[str, Any]:
    change = reversal.reversed_micros - reversal.refunded_micros
    return {
        "event": reward.event_id,
        "taken": change,
        "returned": reversal.revenue_returned_micros,
        "borne": _borne(reversal),
        "new_state": _state_after(reward, reward.reversed_micros + change, reversal.refunded_micros > 0, now),
        "now": now,
    }


def _state_after(reward: Row[Any], reversed_micros: int, is_refund: bool, now: int) -> RewardState:
    if is_refund and reward.state == RewardState.REVERSED:
        return RewardState.AVAILABLE if _matured(reward, now) else RewardState.PENDING
    is_whole = reversed_micros == reward.reward_micros
    return RewardState.REVERSED if is_whole else RewardState(reward.state)


def _same(known: Row[Any], order: ReversalOrder) -> Reversal:
    said = known.event_id, known.reason, known.asked_micros, known.ground or order.ground
    if said != (order.event_id, order.reason, order.amount_micros, order.ground):
        raise conflicting("reversal", order.outcome_id)
    amounts = {name: getattr(known, name) or 0 for name in _AMOUNTS}
    return Reversal(known.outcome_id, known.event_id, **amounts)


def _row_of(order: ReversalOrder, reversal: Reversal, now: int) -> dict[str, Any]:
    return asdict(reversal) | {
        "reason": order.reason,
        "ground": order.ground,
        "asked_micros": order.amount_micros,
        "decided_by": order.by,
        "note": order.note,
        "recorded_at": now,
    }
