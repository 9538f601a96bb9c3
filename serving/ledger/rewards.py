"""What a person earns, from the credit until it matures, on top of the book."""

from collections.abc import Sequence
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
    func,
    insert,
    select,
)

from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT_ID, ASSET
from serving.ledger.advances import UNATTRIBUTED, Advance, Dates, count
from serving.ledger.debts import Matured, collect
from serving.ledger.refusals import conflicting, missing
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.outbox.changes import tell
from serving.outbox.told import of_maturity


class RewardState(StrEnum):
    PENDING = "pending"
    AVAILABLE = "available"
    ON_HOLD = "on_hold"
    REVERSED = "reversed"
    ACCRUED = "accrued"


class Funding(StrEnum):
    """Prepaid: out of the campaign's budget. Postpaid: owed by the partner (or campaign), up to its credit limit."""

    PREPAID = "prepaid"
    POSTPAID = "postpaid"


@dataclass(frozen=True, slots=True)
class Reward:
    """One earning. `funding` None: prepaid if the campaign was ever funded, otherwise postpaid.

    What was reserved names its accounts: `funder` bears the revenue, `payer` the reward (None: the platform's expense).
    `final_at`: when its partner can no longer take it back; None: not known.
    """

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
    funder: Account | None = None
    payer: Account | None = None
    final_at: int | None = None

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
    Column("payer", ACCOUNT_ID),
    Column("borne_micros", BigInteger),
    Column("final_at", BigInteger),
    CheckConstraint("reversed_micros >= 0 AND reversed_micros <= reward_micros", name="reward_reversed"),
    CheckConstraint(
        "revenue_returned_micros >= 0 AND revenue_returned_micros <= revenue_micros", name="reward_revenue_returned"
    ),
    Index("reward_due", "state", "matures_at"),
    Index("reward_of_user", "user_id"),
    Index("reward_recorded", "recorded_at"),
)
"""`reversed_micros`: taken from the person, or borne by the reserve, of which `borne_micros` (nothing: none) still is.
"""

KEPT: Final = REWARD.c.reward_micros - REWARD.c.reversed_micros + func.coalesce(REWARD.c.borne_micros, 0)
"""What the person was left of a reward, whoever bore the rest."""

_FIND = select(REWARD).where(REWARD.c.event_id == bindparam("event"))
_FIND_ALL = select(REWARD).where(REWARD.c.event_id.in_(bindparam("events", expanding=True)))
_RECORD = insert(REWARD)


def fund_campaign(connection: Connection, deposit: Deposit, now: int) -> bool:
    """Fill a campaign's prepaid budget; from then on its rewards are paid out of it and stop when it is empty. Whether
    the deposit is new. Raises `Conflicting` for its id with another body.
    """
    transfer = Transfer(
        id=deposit.id,
        debit=Account(AccountKind.CASH, PLATFORM, deposit.currency),
        credit=Account(AccountKind.BUDGET, deposit.campaign_id, deposit.currency),
        amount_micros=deposit.amount_micros,
        kind=TransferKind.DEPOSIT,
        cause_id=deposit.id,
        effective_at=now,
    )
    return book.post(connection, [transfer], now) == 1


def credit_reward(
    connection: Connection, reward: Reward, now: int, *, credit_limit_micros: int | None = None
) -> RewardState:
    """Charge the funder, credit the person; where the reward stands. Again with the same body: no effect.

    A new receivable is opened with `credit_limit_micros` (None: unlimited); `book.limit` changes it later.
    Raises `InsufficientFunds` when the budget or the credit limit is too small, `Conflicting` for another body.
    """
    return credit_rewards(connection, [reward], now, credit_limit_micros=credit_limit_micros)[0]


def credit_rewards(
    connection: Connection, rewards: Sequence[Reward], now: int, *, credit_limit_micros: int | None = None
) -> list[RewardState]:
    """The same for many, all or none; at most half as many as `book.post` takes."""
    known = {row.event_id: row for row in connection.execute(_FIND_ALL, {"events": [one.event_id for one in rewards]})}
    standing = {one.event_id: standing_of(known[one.event_id], one) for one in rewards if one.event_id in known}
    new: dict[str, Reward] = {}
    for reward in rewards:
        if reward.event_id not in known and new.setdefault(reward.event_id, reward) != reward:
            raise conflicting("reward", reward.event_id)
    if not new:
        return [standing[one.event_id] for one in rewards]
    transfers, rows = [], []
    for reward in new.values():
        funder = reward.funder or _funder(connection, reward, credit_limit_micros)
        state = standing[reward.event_id] = state_of(reward.on_hold, reward.matures_at, now)
        transfers += _credits(reward, funder, state, now)
        rows.append(row_of(reward, funder, state, now))
    book.post(connection, transfers, now)
    connection.execute(_RECORD, rows)
    count(connection, map(advance_of, new.values()))
    mature = [one for one in new.values() if standing[one.event_id] is RewardState.AVAILABLE]
    collect(connection, map(_matured, mature), now)
    tell(connection, *(of_maturity(one.event_id, one.user_id, one.reward_micros, one.currency, now) for one in mature))
    return [standing[one.event_id] for one in rewards]


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


def funder_of(
    connection: Connection,
    currency: str,
    campaign_id: str | None,
    partner_id: str | None,
    *,
    funding: Funding | None = None,
    credit_limit_micros: int | None = None,
) -> Account:
    """Who bears revenue: the campaign's budget, or a receivable, which is opened with its credit limit."""
    budget = Account(AccountKind.BUDGET, campaign_id or UNATTRIBUTED, currency)
    if funding is Funding.PREPAID:
        return budget
    if funding is None and campaign_id and book.exists(connection, budget):
        return budget
    receivable = Account(AccountKind.RECEIVABLE, partner_id or campaign_id or UNATTRIBUTED, currency)
    if credit_limit_micros is not None and not book.exists(connection, receivable):
        book.limit(connection, receivable, -credit_limit_micros)
    return receivable


def _funder(connection: Connection, reward: Reward, credit_limit_micros: int | None) -> Account:
    return funder_of(
        connection,
        reward.currency,
        reward.campaign_id,
        reward.partner_id,
        funding=reward.funding,
        credit_limit_micros=credit_limit_micros,
    )


def _credits(reward: Reward, funder: Account, state: RewardState, now: int) -> list[Transfer]:
    wallet = AccountKind.WALLET_AVAILABLE if state is RewardState.AVAILABLE else AccountKind.WALLET_PENDING
    revenue = Account(AccountKind.REVENUE, PLATFORM, reward.currency)
    expense = reward.payer or Account(AccountKind.REWARD_EXPENSE, PLATFORM, reward.currency)
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


def advance_of(reward: Reward) -> Advance:
    """What it adds to its partner's exposure."""
    dates = Dates(reward.matures_at, reward.matures_at if reward.final_at is None else reward.final_at)
    return Advance(reward.partner_id, reward.currency, dates, reward.reward_micros)


def _matured(reward: Reward) -> Matured:
    return Matured(reward.event_id, reward.user_id, reward.currency, reward.reward_micros)


def standing_of(known: Row[Any], reward: Reward) -> RewardState:
    """Where a known reward (its row) stands. Raises `Conflicting` for another body.

    Maturity and hold are left out: a retry may be decided later than the original.
    """
    parts = ("user_id", "campaign_id", "partner_id", "revenue_micros", "reward_micros", "currency")
    if any(getattr(known, part) != getattr(reward, part) for part in parts):
        raise conflicting("reward", reward.event_id)
    return RewardState(known.state)


def row_of(reward: Reward, funder: Account, state: RewardState, now: int) -> dict[str, Any]:
    """Its row of the table `reward`."""
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
        "payer": None if reward.payer is None else reward.payer.id,
        "final_at": reward.final_at,
    }
