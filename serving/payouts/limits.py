"""How little, how much and how often can be withdrawn; each refusal names its field and what would help.

A threshold that is raised spares what was there: whoever had reached the one before it by the day of the raise is paid
by the old one, as long as so much of that money is left.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, case, func, select

from features.money import in_words, payable
from serving.ledger import book
from serving.ledger.history import history
from serving.ledger.refusals import Refusal
from serving.ledger.rewards import KEPT, REWARD, RewardState
from serving.ledger.transfer import Account, AccountKind
from serving.payouts.saga import PAYOUT, State
from serving.policy import Policy
from serving.policy_payouts import CurrencyLimits, WithdrawalLimits

DAY: Final = timedelta(days=1)
ACCOUNTS_MAX: Final = 100


class BeyondLimits(Refusal):
    """A withdrawal that the policy does not pay. `code` is a reason of a decision; the message is for the person."""

    status: ClassVar[int] = 422

    def __init__(self, code: str, field: str, message: str, **facts: Any) -> None:
        super().__init__(f"{field}: {message}", field=field, code=code, **facts)
        self.code = code


@dataclass(frozen=True, slots=True)
class Wanted:
    """`accounts`: all of the same person, its own among them. `id`: the withdrawal's, which does not count itself."""

    id: str
    user_id: str
    amount_micros: int
    currency: str
    accounts: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Room:
    """What more could be withdrawn now: by amount today and in the rolling days, and how often today.

    None: the currency has no such limit.
    """

    daily_micros: int | None
    rolling_micros: int | None
    daily_count: int


_COUNTED: Final = (
    PAYOUT.c.user_id.in_(bindparam("users", expanding=True)),
    PAYOUT.c.state.not_in((State.REFUSED, State.RETURNED)),
    PAYOUT.c.id != bindparam("besides"),
)
_ASKED: Final = select(
    func.coalesce(func.sum(case((PAYOUT.c.created_at >= bindparam("today"), 1), else_=0)), 0),
    *(
        func.coalesce(
            func.sum(
                case(
                    (
                        (PAYOUT.c.created_at >= bindparam(since)) & (PAYOUT.c.currency == bindparam("asset")),
                        PAYOUT.c.amount_micros,
                    ),
                    else_=0,
                )
            ),
            0,
        )
        for since in ("today", "since")
    ),
).where(*_COUNTED)
_HISTORY: Final = history()
_CAME_SINCE: Final = select(func.coalesce(func.sum(KEPT), 0)).where(
    REWARD.c.user_id == bindparam("user"),
    REWARD.c.currency == bindparam("asset"),
    REWARD.c.state.in_((RewardState.AVAILABLE, RewardState.REVERSED)),
    REWARD.c.matures_at >= bindparam("from"),
)


def assert_size(connection: Connection, wanted: Wanted, now: int, policy: Policy) -> None:
    """Ask before anything is held. Raises `BeyondLimits` for an amount that is too little, or too much at once."""
    limits, currency = policy.withdrawal_limits, wanted.currency
    least = least_micros(connection, wanted, now, limits)
    amount = payable(wanted.amount_micros, currency)
    if amount < least:
        short = in_words(least - amount, currency)
        _refuse("amount_outside_limits", f"the least that is paid is {in_words(least, currency)}: {short} are missing")
    most = _most(limits, currency)
    if wanted.amount_micros > most:
        _refuse("amount_outside_limits", f"at most {in_words(most, currency)} is paid at once: ask for less")


def assert_room(connection: Connection, wanted: Wanted, now: int, policy: Policy) -> None:
    """Raises `BeyondLimits` for too much or too often. Ask in the transaction that holds the money, after it is held:
    of two withdrawals of one account at once the second then sees the first.
    """
    place, limits = room(connection, wanted, now, policy), policy.withdrawal_limits
    if place.daily_count < 1:
        many = f"{limits.daily_count_max} withdrawals were asked for today: ask again tomorrow"
        _refuse("daily_count_reached", many, field="occurred_at")
    for code, left, when in (
        ("daily_amount_reached", place.daily_micros, "today: ask for that, or for the rest tomorrow"),
        ("rolling_amount_reached", place.rolling_micros, f"within {limits.rolling_days} days: ask for less, or later"),
    ):
        if left is not None and wanted.amount_micros > left:
            _refuse(code, f"{in_words(left, wanted.currency)} more can be withdrawn {when}", left_micros=left)


def room(connection: Connection, wanted: Wanted, now: int, policy: Policy) -> Room:
    """What the person has left, whatever `wanted.amount_micros` is; never below 0."""
    limits = policy.withdrawal_limits
    asked = _of_person(wanted) | {
        "asset": wanted.currency,
        "today": _midnight(now, policy.daily.time_zone),
        "since": now - _micros(timedelta(days=limits.rolling_days)),
    }
    count, today, rolling = connection.execute(_ASKED, asked).one()
    own = limits.currencies.get(wanted.currency)
    return Room(
        daily_micros=None if own is None else max(own.daily_micros_max - int(today), 0),
        rolling_micros=None if own is None else max(own.rolling_micros_max - int(rolling), 0),
        daily_count=max(limits.daily_count_max - int(count), 0),
    )


def least_micros(connection: Connection, wanted: Wanted, now: int, limits: WithdrawalLimits) -> int:
    """The threshold for this person and amount: the newest that has begun, or an older one while as much as it asked
    for is left of what was in the wallet when it was raised. The oldest money is spent first.
    """
    own = limits.currencies.get(wanted.currency)
    if own is None:
        return limits.amount_micros_min
    begun = [one for one in own.thresholds if _instant(one.since) <= now] or [own.thresholds[0]]
    least = begun[-1].amount_micros_min
    for before, after in pairwise(begun):
        if wanted.amount_micros >= least:
            break
        old = before.amount_micros_min
        if old < least and _left_from(connection, wanted, _instant(after.since)) >= old:
            least = old
    return least


def _left_from(connection: Connection, wanted: Wanted, instant: int) -> int:
    """Micros that can be withdrawn now and were there at an instant."""
    wallet = Account(AccountKind.WALLET_AVAILABLE, wanted.user_id, wanted.currency)
    there = book.balance(connection, wallet).available_micros
    asked = {"user": wanted.user_id, "asset": wanted.currency, "from": instant}
    return there - int(connection.scalar(_CAME_SINCE, asked) or 0)


def _refuse(code: str, message: str, field: str = "amount_micros", **facts: Any) -> None:
    raise BeyondLimits(code, field, message, **facts)


def _most(limits: WithdrawalLimits, currency: str) -> int:
    own: CurrencyLimits | None = limits.currencies.get(currency)
    return own.amount_micros_max if own else limits.amount_micros_max


def _of_person(wanted: Wanted) -> dict[str, Any]:
    users: Collection[str] = wanted.accounts | {wanted.user_id}
    if len(users) > ACCOUNTS_MAX:
        raise ValueError(f"at most {ACCOUNTS_MAX} accounts are one person's: a person should look at so many")
    return {"users": sorted(users), "besides": wanted.id}


def _midnight(now: int, time_zone: str) -> int:
    """The first instant of the day of `now` there, in microseconds."""
    here = datetime.fromtimestamp(now // 1_000_000, ZoneInfo(time_zone))
    return _micros(here.replace(hour=0, minute=0, second=0, microsecond=0) - datetime.fromtimestamp(0, UTC))


def _instant(day: date) -> int:
    return _micros(datetime(day.year, day.month, day.day, tzinfo=UTC) - datetime.fromtimestamp(0, UTC))


def _micros(span: timedelta) -> int:
    return span // timedelta(microseconds=1)
