"""What a person earns, from the credit until it matures, on top of the book."""

from dataclasses import dataclass
from enum import StrEnum
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
    insert,
    select,
)

from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT_ID, ASSET
from serving.ledger.refusals import conflicting, missing
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind

UNATTRIBUTED: Final = "unattributed"
"""Who owes revenue that names neither partner nor campaign."""


class RewardState(StrEnum):
    PENDING = "pending"
    AVAILABLE = "available"
    ON_HOLD = "on_hold"
    REVERSED = "reversed"


class Funding(StrEnum):
    """Prepaid: out of the campaign's budget. Postpaid: owed by the partner (or campaign), up to its credit limit."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


@dataclass(frozen=True, slots=True)
class Reward:
    """One earning. `funding` None: prepaid if the campaign was ever funded, otherwise postpaid."""

    event_id: str
    user_id: str
    reward_micros: int
    revenue_micros: int
    currency: str
    matures_at: int
    campaign_id: str | None = None
    partner_id: str | None = None
    funding: Funding | None = None
    on_hold: bool = False

    def __post_init__(self) -> None:
        if self.reward_micros < 0 or self.revenue_micros < 0:
            raise ValueError(f"{self.event_id}: reward and revenue are zero or more")
        if self.funding is Funding.PREPAID and self.campaign_id is None:
            raise ValueError(f"{self.event_id}: only a campaign can prepay")


@dataclass(frozen=True, slots=True)
class Deposit:
    """Money that an advertiser paid in for a campaign. The id makes a retry harmless."""

    id: str
    campaign_id: str
    amount_micros: int
    currency: str


REWARD = Table(
    "reward",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("campaign_id", String(128)),
    Column("partner_id", String(128)),
    Column("funder", ACCOUNT_ID, nullable=False),
    Column("revenue_micros", BigInteger, nullable=False),
    Column("revenue_returned_micros", BigInteger, nullable=False),
    Column("reward_micros", BigInteger, nullable=False),
    Column("reversed_micros", BigInteger, nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("state", String(16), nullable=False),
    Column("matures_at", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    CheckConstraint("reversed_micros >= 0 AND reversed_micros <= reward_micros", name="reward_reversed"),
    CheckConstraint(
        "revenue_returned_micros >= 0 AND revenue_returned_micros <= revenue_micros", name="reward_revenue_returned"
    ),
    Index("reward_due", "state", "matures_at"),
    Index("reward_of_user", "user_id"),
)

_FIND = select(REWARD).where(REWARD.c.event_id == bindparam("event"))
_RECORD = insert(REWARD)


def fund_campaign(connection: Connection, deposit: Deposit, now: int) -> None:
    """Fill a campaign's prepaid budget; from then on its rewards are paid out of it and stop when it is empty."""
    transfer = Transfer(
        id=deposit.id,
        debit=Account(AccountKind.CASH, PLATFORM, deposit.currency),
        credit=Account(AccountKind.BUDGET, deposit.campaign_id, deposit.currency),
        amount_micros=deposit.amount_micros,
        kind=TransferKind.DEPOSIT,
        cause_id=deposit.id,
        effective_at=now,
    )
    book.post(connection, [transfer], now)


def credit_reward(
    connection: Connection, reward: Reward, now: int, *, credit_limit_micros: int | None = None
) -> RewardState:
    """Charge the funder, credit the person; where the reward stands. Again with the same body: no effect.

    A new receivable is opened with `credit_limit_micros` (None: unlimited); `book.limit` changes it later.
    Raises `InsufficientFunds` when the budget or the credit limit is too small, `Conflicting` for another body.
    """
    known = find_reward(connection, reward.event_id)
    if known is not None:
        return _same(known, reward)
    funder = _funder(connection, reward)
    if (
        credit_limit_micros is not None
        and funder.kind is AccountKind.RECEIVABLE
        and not book.exists(connection, funder)
    ):
        book.limit(connection, funder, -credit_limit_micros)
    state = state_of(reward.on_hold, reward.matures_at, now)
    book.post(connection, _credits(reward, funder, state, now), now)
    connection.execute(_RECORD, [_row_of(reward, funder, state, now)])
    return state


def find_reward(connection: Connection, event_id: str) -> Row[Any] | None:
    """The row of the table `reward`."""
    return connection.execute(_FIND, {"event": event_id}).one_or_none()


def get_reward(connection: Connection, event_id: str) -> Row[Any]:
    """Raises `Missing`."""
    found = find_reward(connection, event_id)
    if found is None:
        raise missing("reward", event_id)
    return found


def state_of(on_hold: bool, matures_at: int, now: int) -> RewardState:
    if on_hold:
        return RewardState.ON_HOLD
    return RewardState.AVAILABLE if matures_at <= now else RewardState.PENDING


def _funder(connection: Connection, reward: Reward) -> Account:
    budget = Account(AccountKind.BUDGET, reward.campaign_id or UNATTRIBUTED, reward.currency)
    if reward.funding is Funding.PREPAID:
        return budget
    if reward.funding is None and reward.campaign_id and book.exists(connection, budget):
        return budget
    owner = reward.partner_id or reward.campaign_id or UNATTRIBUTED
    return Account(AccountKind.RECEIVABLE, owner, reward.currency)


def _credits(reward: Reward, funder: Account, state: RewardState, now: int) -> list[Transfer]:
    wallet = AccountKind.WALLET_AVAILABLE if state is RewardState.AVAILABLE else AccountKind.WALLET_PENDING
    revenue = Account(AccountKind.REVENUE, PLATFORM, reward.currency)
    expense = Account(AccountKind.REWARD_EXPENSE, PLATFORM, reward.currency)
    person = Account(wallet, reward.user_id, reward.currency)
    legs = (
        (TransferKind.REVENUE, funder, revenue, reward.revenue_micros),
        (TransferKind.REWARD, expense, person, reward.reward_micros),
    )
    return [
        Transfer(
            id=f"{reward.event_id}/{kind}",
            debit=debit,
            credit=credit,
            amount_micros=amount,
            kind=kind,
            cause_id=reward.event_id,
            effective_at=now,
        )
        for kind, debit, credit, amount in legs
        if amount
    ]


def _same(known: Row[Any], reward: Reward) -> RewardState:
    """Maturity and hold are left out: a retry may be decided later than the original."""
    parts = ("user_id", "campaign_id", "partner_id", "revenue_micros", "reward_micros", "currency")
    if any(getattr(known, part) != getattr(reward, part) for part in parts):
        raise conflicting("reward", reward.event_id)
    return RewardState(known.state)


def _row_of(reward: Reward, funder: Account, state: RewardState, now: int) -> dict[str, Any]:
    return {
        "event_id": reward.event_id,
        "user_id": reward.user_id,
        "campaign_id": reward.campaign_id,
        "partner_id": reward.partner_id,
        "funder": funder.id,
        "revenue_micros": reward.revenue_micros,
        "revenue_returned_micros": 0,
        "reward_micros": reward.reward_micros,
        "reversed_micros": 0,
        "currency": reward.currency,
        "state": state,
        "matures_at": reward.matures_at,
        "recorded_at": now,
        "updated_at": now,
    }
