"""What was paid to the accounts of one person, read from the payouts themselves: there is no second sum to go wrong."""

from collections.abc import Collection
from typing import Final

from sqlalchemy import Connection, bindparam, case, func, select

from serving.payouts.identity.triggers import DAY, Paid, Usage
from serving.payouts.saga import PAYOUT, State

ACCOUNTS_MAX: Final = 100

_RECENT: Final = case((PAYOUT.c.created_at > bindparam("since"), PAYOUT.c.amount_micros), else_=0)
_COUNTED: Final = (
    PAYOUT.c.user_id.in_(bindparam("users", expanding=True)),
    PAYOUT.c.state.not_in((State.REFUSED, State.RETURNED)),
    PAYOUT.c.id != bindparam("besides"),
)
_SUMS: Final = (func.sum(_RECENT), func.sum(PAYOUT.c.amount_micros))
_USAGE: Final = select(PAYOUT.c.currency, *_SUMS).where(*_COUNTED).group_by(PAYOUT.c.currency)
_USAGE_EACH: Final = (
    select(PAYOUT.c.user_id, PAYOUT.c.currency, *_SUMS).where(*_COUNTED).group_by(PAYOUT.c.user_id, PAYOUT.c.currency)
)


def usage_of(
    connection: Connection, user_ids: Collection[str], now: int, window_days: int, besides: str | None = None
) -> Usage:
    """By currency. Payouts count from their request on, until they are refused or come back; not that of id `besides`.

    One that was asked for exactly `window_days` ago is outside the window. Raises ValueError for more than
    ACCOUNTS_MAX accounts.
    """
    if len(user_ids) > ACCOUNTS_MAX:
        raise ValueError(f"at most {ACCOUNTS_MAX} accounts are one person's: a person should look at so many")
    values = {"users": list(user_ids), "since": now - window_days * DAY, "besides": besides or ""}
    rows = connection.execute(_USAGE, values)
    return {currency: Paid(int(rolling), int(cumulative)) for currency, rolling, cumulative in rows}


def usage_of_each(connection: Connection, user_ids: Collection[str], now: int, window_days: int) -> dict[str, Usage]:
    """Of many people who each have one account, by user id; whoever was never paid is left out."""
    values = {"users": list(user_ids), "since": now - window_days * DAY, "besides": ""}
    found: dict[str, dict[str, Paid]] = {}
    for user_id, currency, rolling, cumulative in connection.execute(_USAGE_EACH, values):
        found.setdefault(user_id, {})[currency] = Paid(int(rolling), int(cumulative))
    return dict(found)
