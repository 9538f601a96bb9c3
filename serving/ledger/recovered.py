"""Money that was on its way out when fraud was found, and came back: the clawback is completed out of it.

Such money is no later reward, of which at most a quarter is taken. What was held, or paid and returned, is taken as it
would have been when fraud was found.
"""

from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Connection,
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

from serving.database import METADATA
from serving.ledger import book, holds
from serving.ledger.accounts import ASSET, HOLD, TRANSFER
from serving.ledger.debts import debt_of, owed
from serving.ledger.holds import Hold, HoldState
from serving.ledger.reversals import REVERSAL
from serving.ledger.rewards import REWARD
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

WITHDRAWAL = Table(
    "withdrawal",
    METADATA,
    Column("id", String(128), primary_key=True),
    Column("hold_id", String(255), nullable=False),
    Column("user_id", String(128), nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("amount_micros", BigInteger, nullable=False),
    Column("held_at", BigInteger, nullable=False),
    Column("recovered_micros", BigInteger, nullable=False),
    CheckConstraint("recovered_micros >= 0 AND recovered_micros <= amount_micros", name="withdrawal_recovered"),
    Index("withdrawal_of_user", "user_id", "held_at"),
)
"""What each person asked to be paid, and set aside for it. `recovered_micros`: taken when it came back."""

_KNOWN: Final = select(WITHDRAWAL.c.id).where(WITHDRAWAL.c.id == bindparam("withdrawal"))
_FOUND_AT: Final = (
    select(func.min(REVERSAL.c.recorded_at))
    .join_from(REVERSAL, REWARD, REVERSAL.c.event_id == REWARD.c.event_id)
    .where(
        REWARD.c.user_id == bindparam("user"),
        REWARD.c.currency == bindparam("currency"),
        func.coalesce(REVERSAL.c.from_debt_micros, 0) + func.coalesce(REVERSAL.c.recovered_debt_micros, 0) > 0,
    )
)
_WERE_OUT: Final = (
    select(WITHDRAWAL)
    .where(
        WITHDRAWAL.c.user_id == bindparam("user"),
        WITHDRAWAL.c.currency == bindparam("currency"),
        WITHDRAWAL.c.held_at <= bindparam("found"),
        WITHDRAWAL.c.recovered_micros < WITHDRAWAL.c.amount_micros,
    )
    .order_by(WITHDRAWAL.c.held_at, WITHDRAWAL.c.id)
)
_POSTED_AT: Final = select(TRANSFER.c.recorded_at).where(TRANSFER.c.id == bindparam("transfer"))
_RESOLVED_AT: Final = select(HOLD.c.resolved_at).where(HOLD.c.id == bindparam("hold"))
_RECOVER: Final = (
    update(WITHDRAWAL)
    .where(WITHDRAWAL.c.id == bindparam("withdrawal"))
    .values(recovered_micros=WITHDRAWAL.c.recovered_micros + bindparam("micros"))
)


def remember_withdrawal(connection: Connection, id_: str, held: Hold, now: int) -> None:
    """Keep that a withdrawal set money aside. Again: no effect."""
    if connection.execute(_KNOWN, {"withdrawal": id_}).first() is None:
        row = {"id": id_, "hold_id": held.id, "user_id": held.account.owner, "currency": held.account.asset}
        amounts = {"amount_micros": held.amount_micros, "held_at": now, "recovered_micros": 0}
        connection.execute(insert(WITHDRAWAL), [row | amounts])


def recover_returned(connection: Connection, user_id: str, currency: str, id_: str, now: int) -> int:
    """Take what came back since fraud was found, up to what is still owed; how much was taken.

    `id_` names the occasion. Called before anything leaves the wallet; costs one look where nothing is owed.
    """
    taken = returned_due(connection, user_id, currency)
    if taken:
        wallet = Account(AccountKind.WALLET_AVAILABLE, user_id, currency)
        book.post(connection, [_transfer(wallet, sum(taken.values()), id_, now)], now)
        connection.execute(_RECOVER, [{"withdrawal": one, "micros": micros} for one, micros in taken.items()])
    return sum(taken.values())


def returned_due(connection: Connection, user_id: str, currency: str) -> dict[str, int]:
    """What of withdrawals that came back since fraud was found will be taken: micros by withdrawal."""
    left = owed(connection, user_id, currency)
    if not left:
        return {}
    wallet = Account(AccountKind.WALLET_AVAILABLE, user_id, currency)
    left = min(left, book.balance(connection, wallet).available_micros)
    asked: dict[str, Any] = {"user": user_id, "currency": currency}
    asked["found"] = connection.execute(_FOUND_AT, asked).scalar_one()
    due = {}
    for out in connection.execute(_WERE_OUT, asked).all() if asked["found"] is not None else ():
        if left and _came_back(connection, out, asked["found"]):
            due[out.id] = min(left, out.amount_micros - out.recovered_micros)
            left -= due[out.id]
    return due


def _came_back(connection: Connection, out: Row[Any], found_at: int) -> bool:
    """Whether what was on its way out when fraud was found is in the wallet again."""
    held = holds.get(connection, out.hold_id)
    if held.state is HoldState.RELEASED:
        return bool(connection.execute(_RESOLVED_AT, {"hold": out.hold_id}).scalar_one() >= found_at)
    returned = connection.execute(_POSTED_AT, {"transfer": f"{holds.capture_id(out.hold_id)}/reversed"})
    at = returned.scalar_one_or_none()
    return at is not None and at >= found_at


def _transfer(wallet: Account, micros: int, id_: str, now: int) -> Transfer:
    return Transfer(
        id=f"{id_}/recovered",
        debit=wallet,
        credit=debt_of(wallet.owner, wallet.asset),
        amount_micros=micros,
        kind=TransferKind.RECOVERY,
        cause_id=id_,
        effective_at=now,
    )
