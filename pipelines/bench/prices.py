"""A hundred candidates of a hundred campaigns, priced in one call in process, with everything that serves: what was
seen of the person, targeting, campaigns and their budgets, the desk, the offer log. The commit is measured beside it.
"""

import gc
import json
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

import numpy as np
from sqlalchemy import Engine

from features.events import instant_of
from features.windows import DAY
from pipelines.console import BenchRow, progress, report
from serving.contract import Campaign, OfferRequest
from serving.database import open_database
from serving.ledger import rewards
from serving.parts import settle_memory
from serving.policy import load_policy
from serving.pricing import campaigns
from serving.pricing.desk import Desk, Outcome
from serving.pricing.earned import Nobody
from serving.pricing.learned import Learned, caught_up
from serving.pricing.offers import Terms, told_offers
from serving.records import Unit

NOW: Final = 20_513 * DAY
CANDIDATES: Final = 100
CALLS: Final = 300
WARM_UP: Final = 30
MS_MAX: Final = 10.0
LEARNED: Final = 5_000
KINDS: Final = ("survey", "install", "game", "video")


def run(_: Path | None, seed: int) -> None:
    """Measure on a fresh database; `--data` is not used."""
    with TemporaryDirectory(prefix="assay-prices-") as folder:
        engine = open_database(Path(folder) / "records.db")
        try:
            measured = _measure(engine, seed)
        finally:
            gc.unfreeze()
        engine.dispose()
    calls, worked, commits = ([getattr(one, name) for one in measured] for name in ("call_ms", "cpu_ms", "commit_ms"))
    offered = float(np.mean([one.offers for one in measured]))
    p50, p99 = np.percentile(calls, [50, 99])
    rows = [
        BenchRow("100 candidates, p50", f"<= {MS_MAX:.0f} ms", f"{p50:.2f} ms", bool(p50 <= MS_MAX)),
        BenchRow("100 candidates, p99", None, f"{p99:.2f} ms"),
        BenchRow("of it this thread's own time, p50", None, f"{np.median(worked):.2f} ms"),
        BenchRow("its commit (synchronous=FULL), p50", None, f"{np.median(commits):.2f} ms"),
        BenchRow("offers a call", None, f"{offered:.1f}"),
    ]
    figures = {"p50_ms": p50, "p99_ms": p99, "cpu_p50_ms": np.median(worked), "commit_p50_ms": np.median(commits)}
    figures["offers"] = offered
    report("offers priced in process", rows, {name: round(float(v), 3) for name, v in figures.items()})


class _Call(NamedTuple):
    call_ms: float
    cpu_ms: float
    commit_ms: float
    offers: int


def _measure(engine: Engine, seed: int) -> list[_Call]:
    dice = Random(seed)  # noqa: S311  # a bench, no secrets
    terms = _open(engine, dice)
    settle_memory()  # as the service does before its first request
    calls = []
    with progress("calls", WARM_UP + CALLS) as advance:
        for number in range(WARM_UP + CALLS):
            request = OfferRequest.model_validate(_body(number, dice))
            with engine.connect() as connection:
                transaction = connection.begin()
                began, worked = time.perf_counter(), time.thread_time()
                answer = told_offers(Unit(connection, NOW), request, terms).encode()
                called, worked = time.perf_counter(), time.thread_time() - worked
                transaction.commit()
                committed = time.perf_counter()
            commit_ms = (committed - called) * 1000
            offers = len(json.loads(answer)["offers"])
            calls.append(_Call((called - began) * 1000, worked * 1000, commit_ms, offers))
            advance(1)
    return calls[WARM_UP:]


def _open(engine: Engine, dice: Random) -> Terms:
    """Campaigns with windows, floors and budgets, and a desk that has learned of thousands of offers."""
    policy = load_policy()
    pricer = Learned(policy, lambda _: policy)
    window = {"starts_at": instant_of(NOW - DAY), "ends_at": instant_of(NOW + 30 * DAY)}
    with engine.begin() as connection:
        for at in range(CANDIDATES):
            ordered = window | {"currency": "CNY", "task_kind": KINDS[at % len(KINDS)], "floor_micros": 20_000}
            campaigns.order(Unit(connection, NOW), f"c{at}", Campaign.model_validate(ordered))
            rewards.fund_campaign(connection, rewards.Deposit(f"d{at}", f"c{at}", 10**12, "CNY"), NOW)
        caught_up(pricer, connection)
        _teach(pricer.desk_of(policy), dice)
        pricer.tick(NOW, campaigns.plans(connection))
    return Terms(policy, b"a key", Nobody(), pricer)


def _teach(desk: Desk, dice: Random) -> None:
    for _ in range(LEARNED):
        reward = dice.choice(desk.policy.reward.ladder_micros[2:8])
        segment = dice.choice(desk.policy.pricing.segments)
        kind, done = dice.choice(KINDS), dice.random() < 0.5
        desk.learn(Outcome("c0", kind, segment, "CNY", reward, 2_000_000, 1.0, done, NOW - DAY), NOW - DAY)


def _body(number: int, dice: Random) -> dict[str, Any]:
    targeting = {"countries": ["CN", "JP"], "account_days_min": 3, "requirements": ["identity_verified"]}
    candidates = [
        {
            "task_id": f"t{at}",
            "campaign_id": f"c{at}",
            "value_micros": dice.randrange(500_000, 8_000_000, 100_000),
            "currency": "CNY",
            "targeting": targeting,
        }
        for at in range(CANDIDATES)
    ]
    person = {"country": "CN", "account_days": 30, "requirements_met": ["identity_verified"]}
    body = {"request_id": f"r{number}", "user_id": f"u{number}", "occurred_at": instant_of(NOW)}
    return body | {"person": person, "candidates": candidates}
