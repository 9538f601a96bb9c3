"""One run at a time: a second is refused with a sentence, and a lock ends with its holder however that ends."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from features.home import Home
from pipelines.backfill import backfill
from pipelines.console import UserError
from pipelines.locks import alone
from pipelines.retrain import retrain

HOLDER = """
import sys, time
from pathlib import Path
from pipelines.locks import alone

with alone(Path(sys.argv[1]), "backfill"):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_run_is_refused_and_the_next_one_goes(tmp_path: Path) -> None:
    lock = tmp_path / "home" / "a.lock"
    with (
        alone(lock, "backfill"),
        pytest.raises(UserError, match=r"another backfill runs in this home"),
        alone(lock, "backfill"),
    ):
        pytest.fail("two held it")
    with alone(lock, "backfill"):
        assert lock.exists()


def test_a_killed_run_holds_nothing(tmp_path: Path) -> None:
    lock = tmp_path / "a.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, lock], stdout=subprocess.PIPE, env=os.environ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(UserError, match="another backfill"), alone(lock, "backfill"):
            pytest.fail("two held it")
        holder.send_signal(signal.SIGKILL)
    with alone(lock, "backfill"):
        pass


def test_backfill_and_retrain_ask_for_their_lock_before_they_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    with (
        alone(home.features / "backfill.lock", "backfill"),
        pytest.raises(UserError, match="another backfill runs"),
    ):
        backfill(home)
    with alone(home.root / "retrain.lock", "retraining"), pytest.raises(UserError, match="another retraining runs"):
        retrain(home)
