"""The README's commands, run as a newcomer would: each call answers what is printed there."""

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import polars as pl
import pytest

from features.home import Home
from features.log import Log

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CALLS = re.findall(r"```sh\n(curl .*?)```\n```json\n(.*?)```", README, re.DOTALL)
COMMANDS = [line for block in re.findall(r"```sh\n(assay .*?)```", README, re.DOTALL) for line in block.splitlines()]
# What differs from run to run: everything else must be printed as it is answered.
VOLATILE = {"score", "versions", "accept_by", "complete_by", "offer_id", "policy_version"} | {
    "since",
    "until",
    "at",
    "timestamp",
}
# A few offers in a hundred try out another price, and say so.
TRIED = {"reward_micros", "goals", "reason"}


def test_there_is_a_call_for_every_endpoint() -> None:
    called = " ".join(call for call, _ in CALLS)
    for path in (
        "score/event ",
        "score/events",
        "score/withdrawal",
        "price/offers",
        "outcomes",
        "decisions/",
        "payouts/",
    ):
        assert f"/v1/{path}" in called, path


def test_the_calls_answer_what_the_readme_prints(client: httpx.Client) -> None:
    address = str(client.base_url).rstrip("/")
    for call, printed in CALLS:
        expected = json.loads(printed)
        deadline = time.monotonic() + 120
        while (found := answer(call, address)) != expected and "/payouts/" in call and time.monotonic() < deadline:
            time.sleep(0.2)
        assert stable(found) == stable(expected), call


def answer(call: str, address: str) -> Any:
    command = call.replace("http://127.0.0.1:3000", address)
    return json.loads(subprocess.check_output(["bash", "-c", command], text=True))


def stable(node: Any, name: str = "") -> Any:
    """The same tree with what differs from run to run replaced by its type."""
    if name in VOLATILE:
        return type(node).__name__
    if name == "offers":
        return [{key: stable(value, key) for key, value in offer.items() if key not in TRIED} for offer in node]
    if name == "lines":  # a payout is settled beside the calls, so before or after the outcome
        return sorted(map(stable, node), key=json.dumps)
    if isinstance(node, dict):
        return {key: stable(value, key) for key, value in node.items()}
    return [stable(value) for value in node] if isinstance(node, list) else node


@pytest.mark.timeout(600)
def test_the_commands_run(home: Home, tmp_path: Path) -> None:
    assert len(COMMANDS) >= 5
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"ASSAY_HOME": str(home.root), "PATH": path}
    for command in COMMANDS:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environment, text=True, capture_output=True, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


def test_the_training_set_through_feast_is_what_the_example_shows(home: Home, tmp_path: Path) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    log = pl.DataFrame(pl.from_arrow(Log(home.log).read(["user_id", "event_time"])))
    user, at = log.select("user_id", "event_time").drop_nulls().tail(2000).row(0)
    day_later = f"datetime.fromtimestamp({at // 1_000_000 + 86_400}, UTC)"
    asked = program.replace("u00001", user).replace("datetime(2026, 11, 15, tzinfo=UTC)", day_later)
    done = subprocess.run(
        [sys.executable, "-c", asked],
        env=os.environ | {"ASSAY_HOME": str(home.root)},
        cwd=ROOT,
        text=True,
        capture_output=True,
        check=True,
    )
    row = next(line for line in done.stdout.splitlines() if user in line)
    assert "null" not in row
