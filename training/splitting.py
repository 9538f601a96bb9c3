"""A month of work, done by one person through several accounts, or by a family: the events that a platform sees of it.

The same tasks are done on every day whatever the way, so that what the ways are paid can be compared. What the accounts
share differs: handsets, payout destinations, verified identities, and when each of these is first shown. All of them
always share one address.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from features.events import Attestation, Kind

DAYS: Final = 30
TASKS_A_DAY: Final = 20
ACCOUNTS: Final = 10
START: Final = datetime(2026, 3, 1, tzinfo=UTC)
_FIRST_TASK: Final = timedelta(hours=2)
_TASKS_LAST: Final = timedelta(hours=12)
_EVENING: Final = timedelta(hours=15)


@dataclass(frozen=True)
class Way:
    """How `accounts` accounts are kept: on so many handsets, paid to so many destinations, with so many identities.

    Accounts take turns all day, or each is used for its share of the month. An account shows its identity
    (`identities` 0: never) on the day `verifies_on` after it began, and is paid every `withdraws_every` days.
    `people` are behind the accounts, in turns. `is_told`: whether what is shown tells how many they are.
    """

    name: str
    people: int = 1
    accounts: int = ACCOUNTS
    phones: int = ACCOUNTS
    destinations: int = ACCOUNTS
    identities: int = 0
    verifies_on: int = 0
    withdraws_every: int = 3
    attestation: Attestation = Attestation.DEVICE
    in_turns: bool = True
    is_told: bool = True

    def account_of(self, day: int, task: int) -> int:
        """The account through which the person does the task of that place on that day."""
        return task % self.accounts if self.in_turns else day * self.accounts // DAYS

    def begins(self, account: int) -> int:
        """The day on which an account is opened."""
        return 0 if self.in_turns else -(-account * DAYS // self.accounts)

    def withdraws(self, account: int, day: int) -> bool:
        age = day - self.begins(account)
        return age >= 0 and (age + 1) % self.withdraws_every == 0


WAYS: Final = (
    Way("one account", accounts=1, phones=1, destinations=1, identities=1),
    Way("ten phones, ten purses, one identity from the start", identities=1),
    Way("ten phones, ten purses, one identity shown at the first payout, day 3", identities=1, verifies_on=2),
    Way(
        "ten phones, ten purses, one identity shown at the only payout, day 30",
        identities=1,
        verifies_on=DAYS - 1,
        withdraws_every=DAYS,
    ),
    Way("one phone in turns, one identity", phones=1, identities=1),
    Way("one phone in turns, one purse, paid every 3 days", phones=1, destinations=1),
    Way("one phone in turns, one purse, paid once, day 30", phones=1, destinations=1, withdraws_every=DAYS),
    Way("one phone, one account after the other, one purse", phones=1, destinations=1, in_turns=False),
    Way("five phones, one purse", phones=5, destinations=1),
    Way("one phone in turns, ten purses", phones=1, is_told=False),
    Way("ten phones, one purse", destinations=1, is_told=False),
    Way("ten phones, ten purses, ten bought identities", identities=ACCOUNTS, is_told=False),
)
"""Last those that nothing tells from ten people, or from a family that shares a phone or a purse."""

FAMILIES: Final = (
    Way("three at home, a phone and a purse each", people=3, accounts=3, phones=3, destinations=3),
    Way("three at home, a phone each, one purse", people=3, accounts=3, phones=3, destinations=1),
    Way("three at home, one phone in turns, a purse each", people=3, accounts=3, phones=1, destinations=3),
    Way(
        "three at home, one phone, one purse, all verified",
        people=3,
        accounts=3,
        phones=1,
        destinations=1,
        identities=3,
    ),
    Way(
        "three at home, one phone, one purse, nobody verified",
        people=3,
        accounts=3,
        phones=1,
        destinations=1,
        is_told=False,
    ),
)
"""Honest people who live together; nothing tells the last from one person with three accounts."""


@dataclass(frozen=True)
class Act:
    """One event: `body` as the API takes it, `reward_micros` of the task that it begins, else 0, and whose it is."""

    day: int
    person: int
    user_id: str
    reward_micros: int
    body: dict[str, Any]


def acts(way: Way, daily_micros: int, days: int = DAYS) -> Iterator[Act]:
    """Every event in order: accounts are opened, work through the day, and are paid in the evening."""
    for day in range(days):
        for account in range(way.accounts):
            if way.begins(account) == day:
                yield _act(way, account, day, timedelta(minutes=account), Kind.SIGN_UP)
        yield from _morning(way, day)
        for task in range(TASKS_A_DAY):
            at = _FIRST_TASK + _TASKS_LAST * task / TASKS_A_DAY
            reward = daily_micros * (task + 1) // TASKS_A_DAY - daily_micros * task // TASKS_A_DAY
            yield _act(way, way.account_of(day, task), day, at, Kind.TASK_STARTED, reward)
        yield from _evening(way, day)


def _morning(way: Way, day: int) -> Iterator[Act]:
    """Who verifies on the day it begins does so before it works."""
    if way.identities and way.verifies_on == 0:
        yield from (_verified(way, account, day, timedelta(hours=1)) for account in _begun_on(way, day))


def _evening(way: Way, day: int) -> Iterator[Act]:
    """Accounts are paid one after the other; who verifies later does so just before its payout."""
    verifying = _begun_on(way, day - way.verifies_on) if way.identities and way.verifies_on else []
    for account in range(way.accounts):
        at = _EVENING + timedelta(minutes=10 * account)
        if account in verifying:
            yield _verified(way, account, day, at)
        if way.withdraws(account, day):
            paid = at + timedelta(minutes=5)
            purse = _digest("purse", account % way.destinations)
            asked = {"payout_destination": purse, "amount_micros": 1}
            yield _act(way, account, day, paid, Kind.WITHDRAWAL_REQUESTED, fields=asked)


def _begun_on(way: Way, day: int) -> list[int]:
    return [account for account in range(way.accounts) if way.begins(account) == day]


def _verified(way: Way, account: int, day: int, after: timedelta) -> Act:
    identity = _digest("identity", account % way.identities)
    return _act(way, account, day, after, Kind.IDENTITY_VERIFIED, fields={"identity": identity})


def _act(
    way: Way,
    account: int,
    day: int,
    after: timedelta,
    kind: Kind,
    reward_micros: int = 0,
    fields: dict[str, Any] | None = None,
) -> Act:
    at = START + timedelta(days=day) + after
    user_id = f"split{account}"
    body = {
        "event_id": f"{user_id}-{kind}-{at:%j%H%M%S}",
        "kind": kind,
        "occurred_at": at.isoformat(),
        "user_id": user_id,
        "devices": [{"kind": "android_id", "id": _digest("phone", account % way.phones)[:16]}],
        "attestation": way.attestation,
        "ip": {"address": "203.0.113.7"},
        "currency": "CNY",
    }
    return Act(day, account % way.people, user_id, reward_micros, body | (fields or {}))


def _digest(what: str, number: int) -> str:
    return sha256(f"{what} {number}".encode()).hexdigest()
