"""What the tests of crashes share: processes that may be killed, a model that approves, a day that nobody killed."""

import json
import math
import threading
from collections.abc import Callable
from multiprocessing import get_context
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import pytest

from features.vector import FEATURES, VERSION
from pipelines.chaos.killed import live, told_in

FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["pipelines.chaos.killed"])
SECONDS_MAX = 300
Run = Callable[..., int | None]


_TURN = threading.Lock()
"""Whoever starts a process looks whether others have ended, and an exit code can be read only once."""


def run(work: Callable[..., None], *given: Any) -> int | None:
    """`work` in a process of its own; its exit code. One that does not end is a failure, and is ended."""
    process = FORKS.Process(target=work, args=given)
    with _TURN:
        process.start()
    has_ended = wait([process.sentinel], SECONDS_MAX)
    with _TURN:
        if not has_ended:
            process.kill()
        process.join()
    assert has_ended, f"{work.__name__} did not end in {SECONDS_MAX} s"
    return process.exitcode


@pytest.fixture(scope="session")
def running() -> Run:
    return run


@pytest.fixture(scope="session")
def approving(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that gives everything the probability of one in a hundred."""
    folder = tmp_path_factory.mktemp("approving")
    heads = {"event": {"intercept": math.log(0.01 / 0.99), "weights": {}}, "withdrawal": {"shared_with": "event"}}
    (folder / "heads.json").write_text(json.dumps(heads))
    described = {"features": FEATURES, "parts": {}, "features_version": VERSION, "target": "fraud"}
    (folder / "signature.json").write_text(json.dumps(described))
    return folder


@pytest.fixture(scope="session")
def whole_day(approving: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[Any]]:
    """What is told of a day that nobody killed: every answer, and at last how many points it has and what there is."""
    root = tmp_path_factory.mktemp("whole")
    assert run(live, root / "home", str(root / "home" / "assay.db"), approving, None, root / "told") == 0
    told = told_in(root / "told")
    assert told[-1][1][1]["findings"] == []
    return told
