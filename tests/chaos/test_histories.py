"""Twenty thousand seeded histories here, a million by `make soak`: the book says what a plain model of it says."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from pipelines.chaos.histories import Told, tell
from serving.database import open_database

HISTORIES = 1_000_000 if "ASSAY_SOAK" in os.environ else 20_000
CHUNK = 1_000
PROCESSES = 2


def told(first: int) -> Told:
    engine = open_database(Path(":memory:"))
    try:
        return tell(engine, range(first, first + CHUNK))
    finally:
        engine.dispose()


@pytest.mark.timeout(86_400 if "ASSAY_SOAK" in os.environ else 1_800)
def test_every_history_agrees_with_the_plain_model() -> None:
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("forkserver")) as pool:
        found = list(pool.map(told, range(0, HISTORIES, CHUNK)))
    assert sum(one.histories for one in found) == HISTORIES
    assert sum(one.messages for one in found) > 10 * HISTORIES
    assert sum(one.payments for one in found) > HISTORIES // 2
