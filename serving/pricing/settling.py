"""The daily curve, settled before money leaves: for accounts that were found to be one person's only later.

A task is paid as it was locked, by what was known when it was begun; accounts that are linked later share their E from
the next task on. But a person can open ten accounts, show neither document nor destination until the payout, and be
paid ten curves. So before a withdrawal the days on which several accounts of the person worked are worked out again:
what was locked beyond T of the person's day is taken from the account that withdraws, never more than that account was
promised for those days, since T rises. The person is told so in every offer (see `daily.said`).

The link is the one by which tasks are paid, or a surer one: `settled_person_min` may be raised to .95, which one
verified identity reaches and a shared phone with a shared purse does not. Two different verified identities undo such
a link, so a family that is taken for one person can show that it is not; who shares a network or a home is never
linked. The destination that a withdrawal names counts at once, though it is learned only afterwards.

Only pay that has matured counts, and none that was taken back: what was given up, or is still on hold, is settled by
nobody. What a wallet cannot pay now is taken at the next withdrawal.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from sqlalchemy import BigInteger, Column, Connection, Index, Integer, String, Table, bindparam, insert, select

from features.events import Event
from features.graph.persons import SAME_DESTINATION
from serving.database import METADATA
from serving.ledger import book
from serving.ledger.rewards import REWARD, RewardState
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.policy import DailyCurve
from serving.pricing.daily import day_of, total_micros
from serving.pricing.earned import Persons
from serving.pricing.offer_log import OFFER, OFFER_GOAL

SETTLED_DAYS: Final = 90
"""Days further back are left as they were paid; the graph keeps no older ties either."""

DAILY_SETTLEMENT = Table(
    "daily_settlement",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("day", Integer, primary_key=True),
    Column("user_id", String(128), nullable=False),
    Column("currency", String(3), nullable=False),
    Column("taken_micros", BigInteger, nullable=False),
    Index("daily_settlement_of_user", "user_id", "day"),
)
"""What a withdrawal took, by the day whose pay it was."""

_OF_PERSON: Final = (
    OFFER.c.user_id.in_(bindparam("users", expanding=True)),
    OFFER.c.currency == bindparam("currency"),
    OFFER.c.started_day >= bindparam("since"),
)
_PAID: Final = (
    select(
        OFFER.c.started_day.label("day"),
        OFFER.c.user_id,
        OFFER_GOAL.c.reward_micros.label("reward"),
        (REWARD.c.reward_micros - REWARD.c.reversed_micros).label("paid"),
    )
    .join_from(OFFER, OFFER_GOAL, OFFER.c.offer_id == OFFER_GOAL.c.offer_id)
    .join(REWARD, REWARD.c.event_id == OFFER_GOAL.c.completed_by_event)
    .where(*_OF_PERSON, REWARD.c.state == RewardState.AVAILABLE, REWARD.c.reward_micros > REWARD.c.reversed_micros)
)
_TAKEN: Final = select(DAILY_SETTLEMENT.c.day, DAILY_SETTLEMENT.c.user_id, DAILY_SETTLEMENT.c.taken_micros).where(
    DAILY_SETTLEMENT.c.user_id.in_(bindparam("users", expanding=True)),
    DAILY_SETTLEMENT.c.currency == bindparam("currency"),
    DAILY_SETTLEMENT.c.day >= bindparam("since"),
)


@dataclass(frozen=True)
class Leaving:
    """A withdrawal: its event's id, the account, the currency, and the destination that it names, if any."""

    event_id: str
    user_id: str
    currency: str
    destination: str | None


def leaving(event: Event) -> Leaving:
    """What a withdrawal event names."""
    return Leaving(event.event_id, event.user_id or "", event.currency or "", event.payout_destination)


class Ties(Persons, Protocol):
    """What is asked about a destination; the device graph answers it."""

    def same_person(self, user_a: str, user_b: str) -> float:
        """How sure it is that one person is behind two accounts."""
        ...

    def neighbours(self, node: str) -> Iterable[str]:
        """The nodes tied to `node`."""
        ...


def settle(connection: Connection, graph: Ties, leaving: Leaving, now: int, curve: DailyCurve) -> int:
    """Take what several accounts of one person were paid beyond one curve; the micros that were taken.

    Call it once a withdrawal, in its commit, before its hold.
    """
    user_id, currency = leaving.user_id, leaving.currency
    accounts = accounts_paid(graph, user_id, leaving.destination, curve.settled_person_min)
    if len(accounts) < 2:
        return 0
    asked = {"users": accounts, "currency": currency, "since": day_of(now, curve) - SETTLED_DAYS}
    wallet = Account(AccountKind.WALLET_AVAILABLE, user_id, currency)
    left = book.balance(connection, wallet).available_micros
    taken = _taken(_days(connection, asked), user_id, left, curve)
    if taken:
        about = {"event_id": leaving.event_id, "user_id": user_id, "currency": currency}
        rows = [about | {"day": day, "taken_micros": micros} for day, micros in taken.items()]
        connection.execute(insert(DAILY_SETTLEMENT), rows)
        book.post(connection, [_transfer(leaving.event_id, wallet, sum(taken.values()), now)], now)
    return sum(taken.values())


def accounts_paid(graph: Ties, user_id: str, destination: str | None, confidence_min: float) -> list[str]:
    """All accounts of the person, as if it were learned already that this account is paid to `destination`."""
    accounts = dict.fromkeys(graph.accounts_of(user_id, confidence_min))
    nodes = graph.neighbours(f"destination:{destination}") if destination else ()
    paid_there = [node.removeprefix("user:") for node in nodes if node.startswith("user:")]
    for other in [] if user_id in paid_there else paid_there:
        doubt = (1 - graph.same_person(user_id, other)) * (1 - SAME_DESTINATION)
        if other not in accounts and 1 - doubt >= confidence_min:
            accounts |= dict.fromkeys(graph.accounts_of(other, confidence_min))
    return list(accounts)


@dataclass
class _Day:
    """Of a person: the rewards as offered of what has matured, and by account what was paid less what was taken."""

    reward_micros: int = 0
    paid: dict[str, int] = field(default_factory=dict)

    def pay(self, user_id: str, micros: int) -> None:
        self.paid[user_id] = self.paid.get(user_id, 0) + micros


def _days(connection: Connection, asked: dict[str, Any]) -> dict[int, _Day]:
    days: defaultdict[int, _Day] = defaultdict(_Day)
    for row in connection.execute(_PAID, asked):
        days[row.day].reward_micros += row.reward
        days[row.day].pay(row.user_id, row.paid)
    for back in connection.execute(_TAKEN, asked):
        days[back.day].pay(back.user_id, -back.taken_micros)
    return days


def _taken(days: dict[int, _Day], user_id: str, left: int, curve: DailyCurve) -> dict[int, int]:
    """By day, what is taken from the account: the oldest day first, until nothing is `left`."""
    taken = {}
    for number, day in sorted(days.items()):
        beyond = sum(day.paid.values()) - total_micros(day.reward_micros, curve)
        micros = min(beyond, day.paid.get(user_id, 0), left)
        if micros > 0:
            taken[number] = micros
            left -= micros
    return taken


def _transfer(event_id: str, wallet: Account, micros: int, now: int) -> Transfer:
    return Transfer(
        id=f"{event_id}/daily_curve",
        debit=wallet,
        credit=Account(AccountKind.REWARD_EXPENSE, PLATFORM, wallet.asset),
        amount_micros=micros,
        kind=TransferKind.CLAWBACK,
        cause_id=event_id,
        effective_at=now,
    )
