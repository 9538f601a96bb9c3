"""Reserve, then settle: no campaign and no reward budget spends more than it has, whatever asks for it.

What a started task may cost is set aside at once, in the commit that promises it: the advertiser's value on the account
that funds it, the reward on the platform's reward budget. A completion settles its reservation and spends at most that;
what runs out is released. All amounts are integers, the database refuses an account that would fall below what it must
keep, a reservation resolves once, and its id is the caller's: a retry, in one batch or years later, changes nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
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
    text,
    update,
)

from features.money import MICROS_MAX
from serving.database import METADATA
from serving.ledger import book
from serving.ledger.accounts import ACCOUNT_ID
from serving.ledger.refusals import AlreadyResolved, conflicting, missing
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.triggers import refuse, refuse_replacing

RESERVATIONS_MAX: Final = book.TRANSFERS_MAX
"""Reservations in one call; more would hold the one writer for too long."""


class State(StrEnum):
    OPEN = "open"
    SETTLED = "settled"
    RELEASED = "released"


@dataclass(frozen=True, slots=True)
class Reservation:
    """Up to `value_micros` of `funder` and `reward_micros` of `payer` for one goal, until an instant.

    `payer` None: rewards of this campaign have no budget. Those of one `cause_id` (an offer) are granted together or
    not at all.
    """

    id: str
    cause_id: str
    funder: Account
    value_micros: int
    payer: Account | None
    reward_micros: int
    until: int

    def __post_init__(self) -> None:
        if not (0 <= self.value_micros <= MICROS_MAX and 0 <= self.reward_micros <= MICROS_MAX):
            raise ValueError(f"{self.id}: value and reward are 0 to {MICROS_MAX} micros")

    @property
    def legs(self) -> tuple[tuple[Account, int], ...]:
        """What is set aside, and where."""
        value = ((self.funder, self.value_micros),)
        return value if self.payer is None else (*value, (self.payer, self.reward_micros))


@dataclass(frozen=True, slots=True)
class Known:
    """A reservation as it stands."""

    reservation: Reservation
    state: State
    settled_by: str | None


RESERVATION = Table(
    "reservation",
    METADATA,
    Column("id", String(255), primary_key=True),
    Column("cause_id", String(255), nullable=False),
    Column("funder", ACCOUNT_ID, ForeignKey("account.id"), nullable=False),
    Column("value_micros", BigInteger, nullable=False),
    Column("payer", ACCOUNT_ID, ForeignKey("account.id")),
    Column("reward_micros", BigInteger, nullable=False),
    Column("reserved_until", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("settled_by", String(128)),
    Column("opened_at", BigInteger, nullable=False),
    Column("resolved_at", BigInteger),
    CheckConstraint(f"value_micros >= 0 AND value_micros <= {MICROS_MAX}", name="reservation_value"),
    CheckConstraint(f"reward_micros >= 0 AND reward_micros <= {MICROS_MAX}", name="reservation_reward"),
    CheckConstraint("state IN ('open', 'settled', 'released')", name="reservation_state"),
    CheckConstraint("(state = 'open') = (resolved_at IS NULL)", name="reservation_resolved"),
    CheckConstraint("(state = 'settled') = (settled_by IS NOT NULL)", name="reservation_settled"),
    Index(
        "reservation_due",
        "reserved_until",
        sqlite_where=text("state = 'open'"),
        postgresql_where=text("state = 'open'"),
    ),
)
_IDENTITY: Final = "NEW.id <> OLD.id OR NEW.value_micros <> OLD.value_micros OR NEW.reward_micros <> OLD.reward_micros"
refuse_replacing(RESERVATION, "a reservation is never replaced", "id = NEW.id")
refuse(RESERVATION, "UPDATE", "a reservation resolves once and never changes", f"OLD.state <> 'open' OR {_IDENTITY}")
refuse(RESERVATION, "DELETE", "a reservation is never deleted: release it")

_FIND = select(RESERVATION).where(RESERVATION.c.id.in_(bindparam("ids", expanding=True))).with_for_update()
_RESOLVE = (
    update(RESERVATION)
    .where(RESERVATION.c.id == bindparam("reservation"), RESERVATION.c.state == State.OPEN)
    .values(state=bindparam("resolved_as"), settled_by=bindparam("event"), resolved_at=bindparam("now"))
)
_DUE = (
    select(RESERVATION.c.id)
    .where(RESERVATION.c.state == text("'open'"), RESERVATION.c.reserved_until <= bindparam("now"))
    .order_by(RESERVATION.c.reserved_until, RESERVATION.c.id)
    .limit(bindparam("count"))
)


def budget_of(campaign_id: str, currency: str) -> Account:
    """What a campaign's advertiser paid in, less what was spent."""
    return Account(AccountKind.BUDGET, campaign_id, currency)


def reward_budget_of(campaign_id: str, currency: str) -> Account:
    """What the platform lets the campaign's rewards cost, less what they did."""
    return Account(AccountKind.REWARD_BUDGET, campaign_id, currency)


def reserve(connection: Connection, wanted: Sequence[Reservation], now: int) -> list[State | None]:
    """Set aside what each wants, first come first served; how each stands, None where the money does not suffice.

    Again with the same body: no effect, even after it was resolved. Raises `Conflicting` for a used id with another.
    """
    distinct = _distinct(wanted)
    known = find(connection, distinct)
    for id_, found in known.items():
        if found.reservation != distinct[id_]:
            raise conflicting("reservation", id_)
    new = [one for one in distinct.values() if one.id not in known]
    granted = _granted(new, book.spendable(connection, {account for one in new for account, _ in one.legs}))
    book.set_aside_each(connection, _sums(granted), now)
    if granted:
        connection.execute(insert(RESERVATION), [_row_of(one, now) for one in granted])
    standing = {id_: found.state for id_, found in known.items()} | {one.id: State.OPEN for one in granted}
    return [standing.get(one.id) for one in wanted]


def settle(connection: Connection, events: Mapping[str, str], now: int) -> dict[str, Known]:
    """Free what was reserved, so that the completion may spend it: `events` names the event by reservation.

    Every reservation as it stood before this call. Again by the same event: no effect. One that was released before
    stays so. Raises `Missing`, and `AlreadyResolved` for one that another event settled.
    """
    before = find(connection, events)
    for id_, event in events.items():
        if id_ not in before:
            raise missing("reservation", id_)
        if before[id_].state is State.SETTLED and before[id_].settled_by != event:
            raise AlreadyResolved(f"reservation {id_!r} was settled by another event", reservation_id=id_)
    _resolve(connection, [known.reservation for known in before.values() if known.state is State.OPEN], events, now)
    return before


def release(connection: Connection, ids: Iterable[str], now: int) -> int:
    """Make what is reserved available again; how many were open. Those that were resolved before stay as they are."""
    open_ = [known.reservation for known in find(connection, ids).values() if known.state is State.OPEN]
    _resolve(connection, open_, {}, now)
    return len(open_)


def due(connection: Connection, now: int, limit: int = RESERVATIONS_MAX) -> list[str]:
    """At most `limit` open reservations whose time has run out, the oldest first."""
    return list(connection.execute(_DUE, {"now": now, "count": min(limit, RESERVATIONS_MAX)}).scalars())


def find(connection: Connection, ids: Iterable[str]) -> dict[str, Known]:
    """The reservations that exist, by id."""
    return {row.id: _known_of(row) for row in connection.execute(_FIND, {"ids": list(ids)})}


def allocate(connection: Connection, account: Account, micros: int, id_: str, now: int) -> None:
    """Move `micros` into a reward budget, or out of it if negative. Raises `InsufficientFunds` where less is left."""
    expense = Account(AccountKind.REWARD_EXPENSE, PLATFORM, account.asset)
    transfer = Transfer(
        id=id_,
        debit=expense if micros > 0 else account,
        credit=account if micros > 0 else expense,
        amount_micros=abs(micros),
        kind=TransferKind.ALLOCATION,
        cause_id=id_,
        effective_at=now,
    )
    book.post(connection, [transfer], now)


def _distinct(wanted: Sequence[Reservation]) -> dict[str, Reservation]:
    if len(wanted) > RESERVATIONS_MAX:
        raise ValueError(f"at most {RESERVATIONS_MAX} reservations are made at once, not {len(wanted)}")
    by_id: dict[str, Reservation] = {}
    for one in wanted:
        if by_id.setdefault(one.id, one) != one:
            raise conflicting("reservation", one.id)
    return by_id


def _granted(wanted: Iterable[Reservation], left: dict[Account, int | None]) -> list[Reservation]:
    """Those that fit into what is `left`, in their order; of one cause all or none."""
    causes: dict[str, list[Reservation]] = {}
    for one in wanted:
        causes.setdefault(one.cause_id, []).append(one)
    granted = []
    for together in causes.values():
        after = {account: _less(left[account], micros) for account, micros in _sums(together).items()}
        if all(rest is None or rest >= 0 for rest in after.values()):
            left |= after
            granted += together
    return granted


def _less(left: int | None, micros: int) -> int | None:
    return None if left is None else left - micros


def _sums(reservations: Iterable[Reservation]) -> dict[Account, int]:
    sums: dict[Account, int] = {}
    for one in reservations:
        for account, micros in one.legs:
            sums[account] = sums.get(account, 0) + micros
    return sums


def _resolve(connection: Connection, open_: Sequence[Reservation], events: Mapping[str, str], now: int) -> None:
    """Settled where `events` names one, released where it does not."""
    if not open_:
        return
    book.set_aside_each(connection, {account: -micros for account, micros in _sums(open_).items()}, now)
    resolved_as = State.SETTLED if events else State.RELEASED
    rows = [
        {"reservation": one.id, "resolved_as": resolved_as, "event": events.get(one.id), "now": now} for one in open_
    ]
    changed = connection.execute(_RESOLVE, rows).rowcount
    assert changed == len(rows), "the rows were locked as open"


def _row_of(one: Reservation, now: int) -> dict[str, Any]:
    return {
        "id": one.id,
        "cause_id": one.cause_id,
        "funder": one.funder.id,
        "value_micros": one.value_micros,
        "payer": None if one.payer is None else one.payer.id,
        "reward_micros": one.reward_micros,
        "reserved_until": one.until,
        "state": State.OPEN,
        "settled_by": None,
        "opened_at": now,
        "resolved_at": None,
    }


def _known_of(row: Row[Any]) -> Known:
    reservation = Reservation(
        id=row.id,
        cause_id=row.cause_id,
        funder=Account.parse(row.funder),
        value_micros=row.value_micros,
        payer=None if row.payer is None else Account.parse(row.payer),
        reward_micros=row.reward_micros,
        until=row.reserved_until,
    )
    return Known(reservation, State(row.state), row.settled_by)
