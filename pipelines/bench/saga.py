"""Payouts through all states of the saga: groups that share their commits against one commit a step, in one run.

SQLite with `synchronous=FULL`; the provider is in memory. Both do the same to the same tables: hold, request, rule, ask
the gate, commit the attempt, ask the provider, book what it answered. At the end every payout must be settled, paid
once, and the book sound, or the figures count for nothing.
"""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Engine, func, select

from pipelines.console import BenchRow, progress, report
from pipelines.doubles.memory import MemoryProvider
from serving.database import open_database
from serving.decision import Action
from serving.ledger import book, holds, proofs
from serving.ledger.holds import Hold
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.parts import settle_memory
from serving.payouts import saga
from serving.payouts.claims import claim
from serving.payouts.desk import Desk
from serving.payouts.phases import ask, learn
from serving.payouts.provider import Undone
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PAYOUT, PaidBy, PayoutOrder, State, Terms
from serving.policy import Policy, load_policy
from serving.policy_payouts import FeeRule

RATE_MIN: Final = 3_000
RATIO_MIN: Final = 20.0
GROUP: Final = 1_000
AMOUNT: Final = 5_000_000
FEE: Final = FeeRule(fixed_micros=100_000, share_ppm=10_000, paid_by="person")
NOW: Final = 1_800_000_000_000_000
CURRENCY: Final = "CNY"


@dataclass(frozen=True)
class Way:
    """How fast one way went: payouts and seconds, the commits that it took, and what the whole cost at the disk."""

    payouts: int
    seconds: float
    commits: int

    @property
    def rate(self) -> float:
        return self.payouts / self.seconds


def run(payouts: int, singly: int) -> None:
    policy = _policy()
    settle_memory()  # as a service does
    with progress("saga", payouts + singly) as advance, TemporaryDirectory(prefix="assay-bench-") as folder:
        single = _measured(Path(folder) / "single.db", singly, policy, _one_by_one, advance)
        grouped = _measured(Path(folder) / "grouped.db", payouts, policy, _in_groups, advance)
    ratio = grouped.rate / single.rate
    load = os.getloadavg()[0]
    rows = [
        BenchRow(
            "payouts/s in groups, all states", f">= {RATE_MIN:,}", f"{grouped.rate:,.0f}", grouped.rate >= RATE_MIN
        ),
        BenchRow("payouts/s, one commit a step", None, f"{single.rate:,.0f}"),
        BenchRow("times as fast", f">= {RATIO_MIN:.0f}", f"{ratio:.1f}", ratio >= RATIO_MIN),
        BenchRow("commits a payout", None, f"{grouped.commits / payouts:.4f} against {single.commits / singly:.1f}"),
        BenchRow("settled once, and the book is sound", "all", f"{payouts + singly:,}", passed=True),
        BenchRow("load of the machine, minute's mean", None, f"{load:.1f} on {os.cpu_count()} cores"),
    ]
    figures = {
        "payouts": payouts,
        "payouts_per_second": round(grouped.rate),
        "singly": singly,
        "singly_per_second": round(single.rate, 1),
        "ratio": round(ratio, 1),
        "group": GROUP,
        "commits": grouped.commits,
        "commits_singly": single.commits,
        "load": load,
    }
    report(f"payouts through all states, {payouts:,} in groups of {GROUP:,}", rows, figures)


Walk = Callable[[Engine, MemoryProvider, Sequence[str], Policy, Callable[[int], object]], int]


def _measured(file: Path, count: int, policy: Policy, walk: Walk, advance: Callable[[int], object]) -> Way:
    """Raises AssertionError where a payout was lost, paid twice, or the book is unsound."""
    engine, provider = open_database(file), MemoryProvider()
    ids = [f"payout-{number:07d}" for number in range(count)]
    _fund(engine, ids)
    began = time.perf_counter()
    commits = walk(engine, provider, ids, policy, advance)
    seconds = time.perf_counter() - began
    with engine.begin() as connection:
        settled = select(func.count()).select_from(PAYOUT).where(PAYOUT.c.state == State.SETTLED)
        assert connection.scalar(settled) == len(provider.paid) == provider.sendings == count, "paid once, each"
        findings = proofs.check(connection)
        assert not findings, findings
    engine.dispose()
    return Way(count, seconds, commits)


def _in_groups(
    engine: Engine, provider: MemoryProvider, ids: Sequence[str], policy: Policy, advance: Callable[[int], object]
) -> int:
    desk, commits = Desk(policy), 0
    for group in _groups(ids):
        with engine.begin() as connection:
            holds.hold_each(connection, [_hold(id_) for id_ in group], NOW)
            saga.start_each(connection, [_order(id_) for id_ in group], NOW)
        with engine.begin() as connection:
            saga.decide_each(connection, {id_: f"{id_}/decision" for id_ in group}, Action.APPROVE, NOW)
        advance_payouts(engine.begin, provider, NOW, len(group), desk=desk)
        commits += 4
        advance(len(group))
    return commits


def _one_by_one(
    engine: Engine, provider: MemoryProvider, ids: Sequence[str], policy: Policy, advance: Callable[[int], object]
) -> int:
    desk = Desk(policy)
    for id_ in ids:
        with engine.begin() as connection:
            holds.hold(connection, _hold(id_), NOW)
        with engine.begin() as connection:
            saga.start(connection, _order(id_), NOW)
        with engine.begin() as connection:
            saga.decide(connection, id_, Action.APPROVE, f"{id_}/decision", NOW)
        with engine.begin() as connection:
            attempt = claim(connection, id_, provider.name, NOW, desk)
        assert attempt is not None, "it was just approved"
        answer = ask(provider, attempt, NOW, may_send=lambda _: True)
        assert not isinstance(answer, Undone), "a provider in memory is always there"
        with engine.begin() as connection:
            learn(connection, attempt.provider_key, answer, NOW)
        advance(1)
    return 5 * len(ids)


def _policy() -> Policy:
    """As shipped, with a fee that the person pays."""
    policy = load_policy()
    fees = policy.payouts.model_copy(update={"fees": {"memory": {CURRENCY: FEE}}})
    return policy.model_copy(update={"payouts": fees})


def _fund(engine: Engine, ids: Sequence[str]) -> None:
    """A person for each payout, with twice its amount."""
    expense = Account(AccountKind.REWARD_EXPENSE, PLATFORM, CURRENCY)
    for group in _groups(ids):
        with engine.begin() as connection:
            book.post(connection, [_reward(id_, expense) for id_ in group], NOW)


def _reward(id_: str, expense: Account) -> Transfer:
    wallet = _wallet(id_)
    kind = TransferKind.REWARD
    return Transfer(
        id=f"{id_}/reward",
        debit=expense,
        credit=wallet,
        amount_micros=2 * AMOUNT,
        kind=kind,
        cause_id=id_,
        effective_at=NOW,
    )


def _wallet(id_: str) -> Account:
    return Account(AccountKind.WALLET_AVAILABLE, f"user of {id_}", CURRENCY)


def _hold(id_: str) -> Hold:
    return Hold(f"{id_}/hold", _wallet(id_), AMOUNT, id_)


def _order(id_: str) -> PayoutOrder:
    return PayoutOrder(id_, f"{id_}/hold", f"destination of {id_}", Terms("memory", 150_000, PaidBy.PERSON))


def _groups(ids: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(ids), GROUP):
        yield ids[start : start + GROUP]
