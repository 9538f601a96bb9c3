"""How fast a book is verified: every hash, balance and head of it, beside hashing alone and beside reading plainly.

One core does it. On a machine that others use the wall's figure is theirs as well, so the processor's is told, too.
"""

import hashlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Engine

from pipelines.console import BenchRow, progress, report
from serving.database import open_database, reading
from serving.ledger import book, chain
from serving.ledger.proof import heads, kept
from serving.ledger.proof.signing import Places, Signer
from serving.ledger.proof.verify import Placed, verify
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

TARGET: Final = 300_000
PEOPLE: Final = 20_000
_BATCH: Final = 1_000
_HEAD_EVERY: Final = 50_000
_PLAINLY: Final = 50_000
_NOW: Final = 1_790_000_000_000_000
_KEY: Final = heads.key_of(bytes(32))
_EXPENSE: Final = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")


@dataclass(frozen=True)
class Speed:
    """Events a second, by the wall's clock and by the processor's."""

    wall: float
    processor: float


def run(transfers: int, rounds: int, folder: Path | None) -> None:
    """Make a book, verify it, and report."""
    load = os.getloadavg()[0]
    with TemporaryDirectory(prefix="assay-verify-", dir=folder) as made:
        engine = open_database(Path(made) / "book.db")
        try:
            with progress("book", transfers) as advance:
                _fill(engine, transfers, Path(made), advance)
            lines = list(kept.lines_of(Path(made) / "heads"))
            events, findings, speeds = _verified(engine, lines, rounds)
            plainly = _plainly(engine)
        finally:
            engine.dispose()
    _report(events, findings, speeds, plainly, (load, os.getloadavg()[0]))


def _fill(engine: Engine, transfers: int, place: Path, advance: Callable[[int], object]) -> None:
    """Rewards of many people, in batches, and a head now and then."""
    signer = Signer(engine, Places([place / "heads"], place / "tiles"), _KEY)
    for first in range(0, transfers, _BATCH):
        with engine.begin() as connection:
            book.post(connection, [_reward(first + one) for one in range(min(_BATCH, transfers - first))], _NOW + first)
        if first % _HEAD_EVERY == 0:
            signer.sign(_NOW + first)
        advance(_BATCH)
    signer.sign(_NOW + transfers)


def _reward(number: int) -> Transfer:
    return Transfer(
        id=f"event-{number:09d}/reward",
        debit=_EXPENSE,
        credit=Account(AccountKind.WALLET_PENDING, f"user-{number * 7919 % PEOPLE}", "CNY"),
        amount_micros=1_000 + number % 977,
        kind=TransferKind.REWARD,
        cause_id=f"event-{number:09d}",
        effective_at=_NOW + number,
    )


def _verified(engine: Engine, lines: list[Placed], rounds: int) -> tuple[int, int, Speed]:
    """Events, findings and the median speed; one round before them fills what is cached."""
    keys = {heads.key_id(_KEY.public_key()): _KEY.public_key()}
    walls, processors, events, findings = [], [], 0, 0
    with progress("verify", rounds + 1) as advance:
        for _ in range(rounds + 1):
            with reading(engine) as connection:
                wall, processor = time.perf_counter(), time.process_time()
                found = verify(connection, lines, keys)
                walls.append(found.events / (time.perf_counter() - wall))
                processors.append(found.events / (time.process_time() - processor))
            events, findings = found.events, findings + len(found.findings)
            advance(1)
    return events, findings, Speed(median(walls[1:]), median(processors[1:]))


def _plainly(engine: Engine) -> tuple[float, float]:
    """Events a second of the processor: the chain walked row by row in Python, and SHA-256 of such rows alone."""
    with reading(engine) as connection:
        begun, walked = time.process_time(), 0
        for link in chain.walk(connection):
            assert link.hash == link.expected
            walked += 1
            if walked == _PLAINLY:
                break
        rows = walked / (time.process_time() - begun)
    begun = time.process_time()
    for number in range(_PLAINLY):
        hashlib.sha256(number.to_bytes(170, "big")).digest()
    return rows, _PLAINLY / (time.process_time() - begun)


def _report(events: int, findings: int, speed: Speed, plainly: tuple[float, float], load: tuple[float, float]) -> None:
    rows, hashing = plainly
    lines = [
        BenchRow("events a second, processor", f"{TARGET:,}", f"{speed.processor:,.0f}", speed.processor >= TARGET),
        BenchRow("events a second, wall", f"{TARGET:,}", f"{speed.wall:,.0f}", speed.wall >= TARGET),
        BenchRow("beside the chain walked row by row", None, f"{speed.processor / rows:.1f} times {rows:,.0f}/s"),
        BenchRow("beside SHA-256 of such rows alone", None, f"{speed.processor / hashing:.2f} of {hashing:,.0f}/s"),
        BenchRow("findings", "0", str(findings), findings == 0),
    ]
    figures = {
        "events": events,
        "per_second_wall": round(speed.wall),
        "per_second_processor": round(speed.processor),
        "row_by_row_per_second": round(rows),
        "sha256_per_second": round(hashing),
        "findings": findings,
        "load_before": round(load[0], 2),
        "load_after": round(load[1], 2),
        "processors": os.cpu_count(),
    }
    report(f"a book of {events:,} events verified; load {load[0]:.1f} to {load[1]:.1f}", lines, figures)
