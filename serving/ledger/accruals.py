"""Micro-rewards posted together: entries by event, and one transfer by person and window, so that a tap costs no four
changed balances.

An accrued reward is promised and recorded like any other, to the micro; only its posting waits, for the end of its
window, or until somebody asks about it (a withdrawal, a reversal, a ban). What is accrued and not posted yet belongs to
the person: rewards funded = wallets + holds + paid + fees + accruals, and `check` shows it.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

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
    text,
    update,
)

from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT_ID, ASSET, TRANSFER
from serving.ledger.advances import count
from serving.ledger.debts import Matured, collect
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.rewards import (
    REWARD,
    Funding,
    Reward,
    RewardState,
    advance_of,
    credit_reward,
    find_reward,
    funder_of,
    row_of,
    standing_of,
)
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.outbox.changes import tell
from serving.outbox.told import of_maturity

ENTRIES_MAX: Final = 1_000
"""Entries that one transfer sums up, and windows that one call of `post_due` posts."""
FINDINGS_MAX: Final = 100

_WAITS: Final = text("posted_as IS NULL")
ACCRUAL = Table(
    "accrual",
    METADATA,
    Column("event_id", String(128), ForeignKey("reward.event_id"), primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("currency", ASSET, nullable=False),
    Column("funder", ACCOUNT_ID, nullable=False),
    Column("reward_micros", BigInteger, nullable=False),
    Column("revenue_micros", BigInteger, nullable=False),
    Column("window_ends", BigInteger, nullable=False),
    Column("recorded_at", BigInteger, nullable=False),
    Column("posted_as", String(64)),
    Index("accrual_due", "window_ends", sqlite_where=_WAITS, postgresql_where=_WAITS),
    Index("accrual_of_user", "user_id", "currency", sqlite_where=_WAITS, postgresql_where=_WAITS),
    Index("accrual_posted", "posted_as"),
)
"""The entries. `posted_as`: the start of the ids of the transfers that posted it."""

_OPEN: Final = select(ACCRUAL).where(_WAITS)
_OF_USER: Final = (
    _OPEN.where(ACCRUAL.c.user_id == bindparam("user"), ACCRUAL.c.currency == bindparam("asset"))
    .order_by(ACCRUAL.c.event_id)
    .limit(ENTRIES_MAX)
)
_DUE: Final = (
    select(ACCRUAL.c.user_id, ACCRUAL.c.currency)
    .where(_WAITS, ACCRUAL.c.window_ends <= bindparam("now"))
    .group_by(ACCRUAL.c.user_id, ACCRUAL.c.currency)
    .order_by(func.min(ACCRUAL.c.window_ends), ACCRUAL.c.user_id, ACCRUAL.c.currency)
    .limit(bindparam("count"))
)
_ACCRUED: Final = select(func.coalesce(func.sum(ACCRUAL.c.reward_micros), 0)).where(
    _WAITS, ACCRUAL.c.user_id == bindparam("user"), ACCRUAL.c.currency == bindparam("asset")
)
_RECORD: Final = insert(ACCRUAL)
_POSTED: Final = update(ACCRUAL).where(ACCRUAL.c.event_id == bindparam("event")).values(posted_as=bindparam("net"))
_MADE_AVAILABLE: Final = (
    update(REWARD)
    .where(REWARD.c.event_id == bindparam("event"))
    .values(state=RewardState.AVAILABLE, updated_at=bindparam("now"))
)
_BORNE_BY_PLATFORM: Final = (
    update(REWARD)
    .where(REWARD.c.event_id == bindparam("event"))
    .values(payer=bindparam("bearer"), revenue_returned_micros=REWARD.c.revenue_micros)
)


def window_end(now: int, minutes: int) -> int:
    """When the window that `now` lies in ends."""
    length = minutes * 60_000_000
    return (now // length + 1) * length


def accrue(
    connection: Connection, reward: Reward, window_ends: int, now: int, *, credit_limit_micros: int | None = None
) -> RewardState:
    """As `credit_reward`, but posted when its window ends; where the reward stands. Again: no effect.

    Only what is due at once and billed to a partner is accrued. A budget is never spent twice: what one pays, and what
    waits for maturity or a reviewer, is credited by itself, at once.
    """
    book.lock(connection)
    known = find_reward(connection, reward.event_id)
    if known is not None:
        return standing_of(known, reward)
    funder = (
        None
        if reward.on_hold or reward.matures_at > now or reward.payer
        else _funder(connection, reward, credit_limit_micros)
    )
    if funder is None or funder.kind is not AccountKind.RECEIVABLE or not reward.reward_micros:
        return credit_reward(connection, reward, now, credit_limit_micros=credit_limit_micros)
    connection.execute(insert(REWARD), [row_of(reward, funder, RewardState.ACCRUED, now)])
    count(connection, [advance_of(reward)])
    row = {
        "event_id": reward.event_id,
        "user_id": reward.user_id,
        "currency": reward.currency,
        "funder": funder.id,
        "reward_micros": reward.reward_micros,
        "revenue_micros": reward.revenue_micros,
        "window_ends": window_ends,
        "recorded_at": now,
        "posted_as": None,
    }
    connection.execute(_RECORD, [row])
    return RewardState.ACCRUED


def accrued_micros(connection: Connection, user_id: str, currency: str) -> int:
    """What a person has earned that is not posted yet."""
    return int(connection.execute(_ACCRUED, {"user": user_id, "asset": currency}).scalar_one())


def post_due(connection: Connection, now: int, limit: int = 100) -> int:
    """Post for at most `limit` people whose windows have ended; how many. Fewer than `limit`: none is left."""
    due = connection.execute(_DUE, {"now": now, "count": min(limit, ENTRIES_MAX)}).all()
    for row in due:
        post_person(connection, row.user_id, row.currency, now)
    return len(due)


def post_person(connection: Connection, user_id: str, currency: str, now: int) -> int:
    """Post all that a person has accrued, ended windows or not; how many entries. One look where there is none."""
    posted = 0
    while entries := connection.execute(_OF_USER, {"user": user_id, "asset": currency}).all():
        by_funder: dict[str, list[Row[Any]]] = {}
        for entry in entries:
            by_funder.setdefault(entry.funder, []).append(entry)
        for together in by_funder.values():
            _post(connection, together, now)
        posted += len(entries)
    return posted


def _funder(connection: Connection, reward: Reward, credit_limit_micros: int | None) -> Account | None:
    if reward.funder is not None or reward.funding is Funding.PREPAID:
        return reward.funder
    return funder_of(
        connection,
        reward.currency,
        reward.campaign_id,
        reward.partner_id,
        funding=reward.funding,
        credit_limit_micros=credit_limit_micros,
    )


def _post(connection: Connection, entries: Sequence[Row[Any]], now: int) -> None:
    """One funder's entries of one person. Beyond the partner's credit limit the platform bears what is promised."""
    digest = hashlib.sha256("\n".join(entry.event_id for entry in entries).encode()).hexdigest()
    net, first = f"net/{digest[:32]}", entries[0]
    sums = sum(entry.reward_micros for entry in entries), sum(entry.revenue_micros for entry in entries)
    expense = Account(AccountKind.REWARD_EXPENSE, PLATFORM, first.currency)
    try:
        book.post(connection, _transfers(net, first, sums, expense, now), now)
    except InsufficientFunds:
        reserve = Account(AccountKind.NO_FAULT_RESERVE, PLATFORM, first.currency)
        book.post(connection, _transfers(net, first, (sums[0], 0), reserve, now), now)
        connection.execute(_BORNE_BY_PLATFORM, [{"event": entry.event_id, "bearer": reserve.id} for entry in entries])
    connection.execute(_POSTED, [{"event": entry.event_id, "net": net} for entry in entries])
    connection.execute(_MADE_AVAILABLE, [{"event": entry.event_id, "now": now} for entry in entries])
    collect(connection, [Matured(net, first.user_id, first.currency, sums[0])], now)
    tell(
        connection,
        *(of_maturity(one.event_id, one.user_id, one.reward_micros, one.currency, now) for one in entries),
    )


def _transfers(net: str, first: Row[Any], sums: tuple[int, int], payer: Account, now: int) -> list[Transfer]:
    wallet = Account(AccountKind.WALLET_AVAILABLE, first.user_id, first.currency)
    revenue = Account(AccountKind.REVENUE, PLATFORM, first.currency)
    legs = (
        (TransferKind.REWARD, payer, wallet, sums[0]),
        (TransferKind.REVENUE, Account.parse(first.funder), revenue, sums[1]),
    )
    return [
        Transfer(
            id=f"{net}/{kind}",
            debit=debit,
            credit=credit,
            amount_micros=micros,
            kind=kind,
            cause_id=net,
            effective_at=now,
        )
        for kind, debit, credit, micros in legs
        if micros
    ]


def check(connection: Connection) -> list[str]:
    """Conservation: every entry is posted once, to the micro, or its reward still says accrued. Findings as words."""
    sums = (
        select(ACCRUAL.c.posted_as, func.sum(ACCRUAL.c.reward_micros).label("entries"))
        .where(ACCRUAL.c.posted_as.is_not(None))
        .group_by(ACCRUAL.c.posted_as)
        .subquery()
    )
    posted = func.coalesce(TRANSFER.c.amount_micros, 0)
    short = (
        select(sums.c.posted_as, sums.c.entries, posted.label("posted"))
        .outerjoin_from(sums, TRANSFER, TRANSFER.c.id == sums.c.posted_as + f"/{TransferKind.REWARD}")
        .where(posted != sums.c.entries)
        .limit(FINDINGS_MAX)
    )
    is_open, is_accrued = ACCRUAL.c.posted_as.is_(None), REWARD.c.state == RewardState.ACCRUED
    untold = (
        select(REWARD.c.event_id, REWARD.c.state)
        .outerjoin_from(REWARD, ACCRUAL, ACCRUAL.c.event_id == REWARD.c.event_id)
        .where(func.coalesce(is_open & ACCRUAL.c.event_id.is_not(None), False) != is_accrued)
        .limit(FINDINGS_MAX)
    )
    other = (
        select(ACCRUAL.c.event_id, ACCRUAL.c.reward_micros, REWARD.c.reward_micros.label("promised"))
        .join_from(ACCRUAL, REWARD, ACCRUAL.c.event_id == REWARD.c.event_id)
        .where(ACCRUAL.c.reward_micros != REWARD.c.reward_micros)
        .limit(FINDINGS_MAX)
    )
    return [
        *(
            f"{row.posted_as} was posted with {row.posted} micros, its entries sum to {row.entries}"
            for row in connection.execute(short)
        ),
        *(f"reward {row.event_id} is {row.state}, its accrual says otherwise" for row in connection.execute(untold)),
        *(
            f"reward {row.event_id} is of {row.promised} micros, its accrual of {row.reward_micros}"
            for row in connection.execute(other)
        ),
    ]
