"""Whatever was asked is asked again: events, withdrawals, outcomes, deposits, notices of the provider.

Many in a commit, in any order, across restarts, ten thousand times here, a million by `make soak`: nothing happens
twice.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from features.events import Event, Outcome, instant_of
from features.home import Home
from serving.cases import CASE
from serving.database import reading
from serving.flows import record_outcome, score_event, score_withdrawal
from serving.ledger import rewards
from serving.ledger.accounts import ACCOUNT, BALANCE, HOLD, STANDING, TRANSFER
from serving.ledger.proofs import check
from serving.outbox.changes import OUTBOX
from serving.parts import Parts, assemble
from serving.payouts import phases
from serving.payouts.attempts import key_of
from serving.payouts.provider import Settled
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PAYOUT
from serving.records import DECISION, EVENT, Unit
from serving.scoring import FraudModel

TIMES = 1_000_000 if "ASSAY_SOAK" in os.environ else 10_000
A_COMMIT = 200
COMMITS_A_START = 20
NOW = 1_790_000_000_000_000
COUNTED = (TRANSFER, HOLD, DECISION, EVENT, PAYOUT, CASE, OUTBOX)
Request = Callable[[Parts, Unit], object]


def event(event_id: str, kind: str, user: str, **fields: Any) -> Request:
    about = {"event_id": event_id, "kind": kind, "user_id": user, "occurred_at": instant_of(NOW), "currency": "CNY"}
    said = Event.model_validate(about | fields)
    flow = score_withdrawal if kind == "withdrawal_requested" else score_event
    return lambda parts, unit: flow(said, parts, unit)


def reversal(number: int) -> Request:
    about = {"event_id": f"o-{number}", "kind": "reversal", "subject_event_id": f"e-{number}", "reason": "quality"}
    more = {"reversal_kind": "advertiser_reversal", "occurred_at": instant_of(NOW)}
    said = Outcome.model_validate(about | more)
    return lambda parts, unit: record_outcome(said, parts, unit)


def deposit(number: int) -> Request:
    paid = rewards.Deposit(f"d-{number}", "tea", 50_000_000, "CNY")
    return lambda _, unit: rewards.fund_campaign(unit.connection, paid, NOW)


def notice(number: int) -> Request:
    """The provider says once more that it paid."""
    key = key_of(f"w-{number}")
    return lambda _, unit: phases.learn(unit.connection, key, Settled("again"), NOW)


def requests() -> Iterator[Request]:
    yield from map(deposit, range(3))
    money = {"campaign_id": "tea", "partner_id": "network", "revenue_micros": 4_000_000, "reward_micros": 2_000_000}
    yield from (event(f"e-{number}", "ad_viewed", f"u-{number % 7}", **money) for number in range(21))
    for number in range(5):
        where = {"amount_micros": 1_500_000, "payout_destination": f"{number:02x}" * 32}
        yield event(f"w-{number}", "withdrawal_requested", f"u-{number}", **where)
    yield from map(reversal, range(0, 21, 3))


def opened(root: Path, model: Path) -> Parts:
    parts = assemble(Home(root), place=root / "assay.db")
    parts.fraud = FraudModel(model, "1")
    return parts


def ask(parts: Parts, asked: list[Request]) -> None:
    with parts.engine.begin() as connection:
        for one in asked:
            with connection.begin_nested():
                one(parts, Unit(connection, NOW))


def seen(parts: Parts) -> list[Any]:
    with reading(parts.engine) as connection:
        accounts = connection.execute(
            select(ACCOUNT.c.id, BALANCE.c.posted, BALANCE.c.pending_out).select_from(STANDING).order_by(ACCOUNT.c.id)
        )
        counts = [connection.scalar(select(func.count()).select_from(table)) for table in COUNTED]
        return [*map(tuple, accounts), *counts, *check(connection)]


@pytest.mark.timeout(86_400 if TIMES > 100_000 else 900)
def test_nothing_happens_twice(approving: Path, tmp_path: Path) -> None:
    parts, asked, dice = opened(tmp_path, approving), list(requests()), Random(7)  # noqa: S311  (a sample, no secret)
    ask(parts, asked)
    advance_payouts(parts.engine.begin, parts.providers["fake"], NOW)
    once = seen(parts)
    asked += map(notice, range(5))
    for commit in range(TIMES // A_COMMIT):
        if commit % COMMITS_A_START == 0:
            parts.engine.dispose()
            parts = opened(tmp_path, approving)
        ask(parts, dice.choices(asked, k=A_COMMIT))
        advance_payouts(parts.engine.begin, parts.providers["fake"], NOW)
    assert seen(parts) == once
    assert [one.state for one in parts.providers["fake"].payments()] == ["settled"] * 5  # type: ignore[attr-defined]  # the fake
    parts.engine.dispose()
