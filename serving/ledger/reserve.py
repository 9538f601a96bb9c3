"""The no-fault reserve: what is set aside for reversals that nobody is to blame for, and what they have cost.

A stated share of every reward that is credited goes in, added up from time to time; a named person can top it up (see
`adjustments`). It is never a condition: a blameless person keeps the reward when it is empty, too, and the state says
what is missing.
"""

from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Integer, String, Table, bindparam, func, insert, select

from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT, ASSET, BALANCE, STANDING
from serving.ledger.adjustments import ADJUSTMENT, Corrects
from serving.ledger.reversals import REVERSAL
from serving.ledger.rewards import REWARD
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind

SETTLED: Final = 60_000_000
"""Microseconds after which nothing is recorded any more as of an instant: the commits under way are done by then."""

SET_ASIDE = Table(
    "reserve_set_aside",
    METADATA,
    Column("currency", ASSET, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("through", BigInteger, nullable=False),
    Column("rewards_micros", BigInteger, nullable=False),
    Column("share", String(32), nullable=False),
    Column("micros", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
)
"""What was set aside for the rewards recorded up to `through`, from where the number before ended."""

_LAST: Final = select(func.max(SET_ASIDE.c.number), func.max(SET_ASIDE.c.through)).where(
    SET_ASIDE.c.currency == bindparam("asset")
)
_CREDITED: Final = (
    select(REWARD.c.currency, func.sum(REWARD.c.reward_micros).label("micros"))
    .where(REWARD.c.recorded_at > bindparam("after"), REWARD.c.recorded_at <= bindparam("through"))
    .group_by(REWARD.c.currency)
    .order_by(REWARD.c.currency)
)
_THROUGH: Final = select(func.coalesce(func.max(SET_ASIDE.c.through), 0))


@dataclass(frozen=True, slots=True)
class State:
    """In micros. The balance is what was set aside and topped up and recovered, less what all else has cost.

    Charged: by blameless reversals. Corrected: forgiven debts and wallets put right. Promised: rewards that outlived
    their campaign's budget.
    """

    currency: str
    balance_micros: int
    set_aside_micros: int
    topped_up_micros: int
    recovered_micros: int
    charged_micros: int
    corrected_micros: int
    promised_micros: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def set_aside(connection: Connection, share: float, now: int) -> int:
    """Set aside `share` of the rewards credited since the last time, in every currency; how many currencies.

    Exact, rounded down to the micro. What was credited within the last minute waits for the next time.
    """
    book.lock(connection)
    after, through = connection.execute(_THROUGH).scalar_one(), now - SETTLED
    if through <= after or not share:
        return 0
    credited = connection.execute(_CREDITED, {"after": after, "through": through}).all()
    for row in credited:
        _set_aside(connection, row.currency, int(row.micros), share, through, now)
    return len(credited)


def _set_aside(connection: Connection, asset: str, rewards: int, share: float, through: int, now: int) -> None:
    number = (connection.execute(_LAST, {"asset": asset}).one()[0] or 0) + 1
    micros = int(Fraction(str(share)) * rewards)
    row = {
        "currency": asset,
        "number": number,
        "through": through,
        "rewards_micros": rewards,
        "share": str(share),
        "micros": micros,
        "recorded_at": now,
    }
    connection.execute(insert(SET_ASIDE), [row])
    transfer_id = f"reserve/{asset}/{number}"
    transfers = [
        Transfer(
            id=transfer_id,
            debit=Account(AccountKind.REWARD_EXPENSE, PLATFORM, asset),
            credit=Account(AccountKind.NO_FAULT_RESERVE, PLATFORM, asset),
            amount_micros=micros,
            kind=TransferKind.RESERVE,
            cause_id=transfer_id,
            effective_at=now,
        )
    ]
    book.post(connection, transfers if micros else [], now)


def state(connection: Connection) -> list[State]:
    """The reserve in each currency in which there is one. Reads every reversal: not for each request."""
    query = select(ACCOUNT.c.asset, BALANCE.c.posted).select_from(STANDING).order_by(ACCOUNT.c.asset)
    rows = connection.execute(query.where(ACCOUNT.c.kind == AccountKind.NO_FAULT_RESERVE))
    return [_state(connection, row.asset, row.posted) for row in rows]


def _state(connection: Connection, asset: str, balance: int) -> State:
    def total(amount: Any, *where: Any) -> int:
        return int(connection.execute(select(func.coalesce(func.sum(amount), 0)).where(*where)).scalar_one())

    of_asset = (REVERSAL.c.event_id == REWARD.c.event_id, REWARD.c.currency == asset)
    corrected = ADJUSTMENT.c.currency == asset, ADJUSTMENT.c.corrects != Corrects.RESERVE
    topped_up = ADJUSTMENT.c.currency == asset, ADJUSTMENT.c.corrects == Corrects.RESERVE
    parts = {
        "set_aside_micros": total(SET_ASIDE.c.micros, SET_ASIDE.c.currency == asset),
        "topped_up_micros": total(ADJUSTMENT.c.amount_micros, *topped_up),
        "recovered_micros": total(_recovered(), *of_asset),
        "charged_micros": total(REVERSAL.c.from_reserve_micros, *of_asset),
        "corrected_micros": total(ADJUSTMENT.c.amount_micros, *corrected),
    }
    into = parts["set_aside_micros"] + parts["topped_up_micros"] + parts["recovered_micros"]
    promised = into - parts["charged_micros"] - parts["corrected_micros"] - balance
    return State(currency=asset, balance_micros=balance, promised_micros=promised, **parts)


def _recovered() -> Any:
    names = "recovered_available_micros", "recovered_debt_micros"
    first, second = (func.coalesce(REVERSAL.c[name], 0) for name in names)
    return first + second
