"""Threads of a fit wait asleep: set before OpenMP is loaded, and left to whoever set it otherwise."""

import os
import subprocess
import sys

import pytest

SAID = "import training.boosters, os; print(os.environ['OMP_WAIT_POLICY'])"


@pytest.mark.parametrize(("given", "wanted"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_waiting_threads_sleep_unless_somebody_says_otherwise(given: str | None, wanted: str) -> None:
    told = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    told |= {"OMP_WAIT_POLICY": given} if given else {}
    done = subprocess.run([sys.executable, "-c", SAID], env=told, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == wanted
