"""SIGKILL at every point at which something is made durable, and again while the service recovers: nothing is lost,
nothing is done twice. Two hundred here, every pair of points by `make soak`.
"""

import os
import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from itertools import product
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipelines.chaos.killed import live, told_in
from serving.database import open_database

CASES = None if "ASSAY_SOAK" in os.environ else 100
AT_ONCE = 2
Run = Callable[..., int | None]
Postgresql = Callable[..., AbstractContextManager[str]]
Case = tuple[int, int | None]


def cases(points: int) -> list[Case]:
    """First the kills at each point alone, then those with a second kill while the first is recovered from."""
    alone: list[Case] = [(first, None) for first in range(1, points + 1)]
    twice: list[Case] = list(product(range(1, points + 1), range(1, points + 1)))
    Random(7).shuffle(twice)  # noqa: S311  # a sample, no secret
    return [*alone, *twice][:CASES]


def assert_survives(run: Run, root: Path, place: str, model: Path, case: Case, whole: list[list[Any]]) -> None:
    told, home = root / "told", root / "home"
    assert run(live, home, place, model, case[0], told) == -signal.SIGKILL
    if case[1] is not None:
        # The day that is told again has fewer points: it may well end before it is killed.
        assert run(live, home, place, model, case[1], told) in {-signal.SIGKILL, 0}
    assert run(live, home, place, model, None, told) == 0
    said = told_in(told)
    answers = dict(line for line in whole if line[0] != "end")
    assert said[-1][1][1] == whole[-1][1][1], case
    assert {name: answer for name, answer in said if name != "end"} == answers
    assert all(answers[name] == answer for name, answer in said if name != "end"), case


@pytest.fixture(scope="module")
def template(postgresql: Postgresql) -> Iterator[str]:
    """The address of a PostgreSQL database with every table, to be copied."""
    with postgresql() as address:
        open_database(address).dispose()
        yield address


@pytest.mark.timeout(86_400 if CASES is None else 1_200)
def test_sqlite_survives(running: Run, approving: Path, whole_day: list[list[Any]], tmp_path: Path) -> None:
    def survive(case: Case) -> None:
        root = tmp_path / "-".join(map(str, case))
        root.mkdir()
        assert_survives(running, root, str(root / "home" / "assay.db"), approving, case, whole_day)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(survive, cases(whole_day[-1][1][0])))


@pytest.mark.timeout(86_400 if CASES is None else 1_200)
def test_postgresql_survives(
    running: Run,
    approving: Path,
    whole_day: list[list[Any]],
    postgresql: Postgresql,
    template: str,
    tmp_path: Path,
) -> None:
    def survive(case: Case) -> None:
        root = tmp_path / "-".join(map(str, case))
        root.mkdir()
        with postgresql(template) as place:
            assert_survives(running, root, place, approving, case, whole_day)

    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(survive, cases(whole_day[-1][1][0])))
