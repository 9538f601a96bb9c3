"""What payouts need done unasked: each provider's in a duty of its own, so that one that is down stops no other.

Importing this module declares every table of the payouts: do it before a database is opened.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from serving.payouts import gauges
from serving.payouts.claims import adopt, due_users
from serving.payouts.desk import Desk
from serving.payouts.provider import Provider, Tended
from serving.payouts.providers import evm_journal, inbox, paypal, voucher
from serving.payouts.routing import reroute, strangers
from serving.payouts.runner import Begin, advance_payouts

PERIOD_SECONDS: Final = 1.0
TEND_SECONDS: Final = 5.0
GAUGE_SECONDS: Final = 15.0
PAYOUTS_PER_ROUND: Final = 1_000
TABLES: Final = (
    evm_journal.EVM_SENDER,
    evm_journal.EVM_PAYMENT,
    evm_journal.EVM_BROADCAST,
    inbox.INBOX,
    paypal.PAYPAL_ITEM,
    voucher.VOUCHER_CODE,
)

Duty = tuple[Callable[[], object], float]
"""What is done, and the seconds between one time and the next. It may raise; then it is tried again a period later."""


@dataclass(frozen=True)
class Books:
    """How to write, and how to look first, so that a duty with nothing to do takes no writer's turn."""

    begin: Begin
    look: Begin


def payout_duties(books: Books, providers: Iterable[Provider], desk: Desk, clock: Callable[[], int]) -> dict[str, Duty]:
    """By name. Every duty may run in a thread of its own, and any may run in two processes at once."""
    duties: dict[str, Duty] = {
        "payouts-inbox": (_applying(books, clock), PERIOD_SECONDS),
        "payouts-gauges": (_showing(books), GAUGE_SECONDS),
    }
    if desk.providers:
        duties["payouts-routing"] = (_routing(books, desk, clock), PERIOD_SECONDS)
    for provider in providers:
        duties[f"payouts-{provider.name}"] = (_advancing(books, provider, desk, clock), PERIOD_SECONDS)
        if isinstance(provider, Tended):
            duties[f"payouts-{provider.name}-tend"] = (provider.tend, TEND_SECONDS)
    return duties


def _advancing(books: Books, provider: Provider, desk: Desk, clock: Callable[[], int]) -> Callable[[], object]:
    is_adopted = False

    def advance() -> None:
        nonlocal is_adopted
        if not is_adopted:
            with books.begin() as connection:
                adopt(connection)
            is_adopted = True
        now = clock()
        with books.look() as connection:
            users = due_users(connection, provider.name, now, PAYOUTS_PER_ROUND, desk)
        if users:
            advance_payouts(books.begin, provider, now, PAYOUTS_PER_ROUND, desk=desk.knowing(users), clock=clock)

    return advance


def _routing(books: Books, desk: Desk, clock: Callable[[], int]) -> Callable[[], object]:
    def route_what_is_nobodys() -> None:
        now = clock()
        with books.look() as connection:
            strange = strangers(connection, desk.providers, now)
        if strange:
            with books.begin() as connection:
                reroute(connection, strange, desk, now)

    return route_what_is_nobodys


def _applying(books: Books, clock: Callable[[], int]) -> Callable[[], object]:
    is_adopted = False

    def apply() -> None:
        nonlocal is_adopted
        if not is_adopted:
            with books.begin() as connection:
                inbox.adopt(connection)
            is_adopted = True
        now = clock()
        with books.look() as connection:
            is_waiting = inbox.is_waiting(connection, now)
        if is_waiting:
            with books.begin() as connection:
                inbox.apply_waiting(connection, now)

    return apply


def _showing(books: Books) -> Callable[[], object]:
    def show() -> None:
        with books.look() as connection:
            gauges.show(connection)

    return show
