"""Everything that `make run` does: load, backfill, train, promote, serve. What exists already is kept."""

import getpass
import json
import os
import shlex
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from features.frame import frames_folder
from features.home import Home
from features.intelligence.lists import Lists
from features.log import recorded_now
from pipelines.backfill import backfill
from pipelines.console import UserError, out
from pipelines.damaged import assert_startable
from pipelines.load import load_folder, load_simulated
from pipelines.promotion import promote
from pipelines.replay import held_back
from pipelines.retrain import champion_version, retrain
from pipelines.shown import show_ingest, show_registered


def prepare(home: Home, data: Path | None, users: int, days: int, seed: int) -> None:
    """Bring the home to where it can serve. Each step is skipped when what it makes is there."""
    assert_startable(home)
    _assert_same_source(home, data)
    if not home.manifest_file.exists():
        _load(home, data, users, days, seed)
    if not home.records.exists():
        Lists.of_home(home).reload(since=1, recorded_at=recorded_now())  # nothing was decided yet by any list
    if not frames_folder(home.features).exists():
        backfill(home)
    if champion_version(home) is None:
        _train_first(home)


def _assert_same_source(home: Home, data: Path | None) -> None:
    wanted = data.resolve().name if data else "simulated"
    found = home.manifest.get("folder", wanted)
    if found != wanted:
        raise UserError(f"{home.root} holds {found}, not {wanted}: set ASSAY_HOME to another folder, or `make clean`")


def _load(home: Home, data: Path | None, users: int, days: int, seed: int) -> None:
    if data is None:
        summary = load_simulated(home, users, days, seed)
        out.print(f"simulated {summary.events:,} events of {summary.users:,} people")
    else:
        show_ingest(load_folder(home, data), home.log)


def _train_first(home: Home) -> None:
    """The first model serves even if its gate has doubts: without one, everything would be held. The reason is kept."""
    registered = retrain(home)
    show_registered(registered)
    doubts = "" if registered.verdict.passed else f"; its gate said: {registered.verdict.reasons[0]}"
    promote(home, registered.version, f"the first model of this home{doubts}", getpass.getuser(), force=bool(doubts))


def welcome(home: Home, host: str, port: int) -> None:
    """Where it listens, something to send, and where to look next."""
    address = f"http://{host}:{port}"
    held = next(islice(held_back(home), 1), None)
    path, body = held or ("/v1/score/event", _example())
    key = ' -H "Authorization: Bearer $ASSAY_API_KEY"' if os.environ.get("ASSAY_API_KEY") else ""
    send = f"curl -s{key} {address}{path} -d {shlex.quote(json.dumps(body, ensure_ascii=False))}"
    out.print(f"\n[bold]Assay[/bold] listens on [link]{address}[/link]. Try:\n")
    out.print(send, soft_wrap=True)
    out.print("\nThen:\n")
    out.print(_next(home, address, replayable=held is not None), soft_wrap=True)


def _next(home: Home, address: str, *, replayable: bool) -> str:
    here = f"ASSAY_HOME={shlex.quote(str(home.root))}"
    lines = [
        ("every endpoint", f"{address}/docs"),
        ("flagged decisions, for reviewers", f"{here} make notebooks"),
        ("training runs and versions", f"{here} make tracking"),
        ("drain and stop", "Ctrl-C"),
    ]
    if replayable:
        lines.insert(1, ("send the newest real events", f"{here} .venv/bin/assay replay --address {address}"))
    return "\n".join(f"  {what + ':':34}{how}" for what, how in lines)


def _example() -> dict[str, object]:
    now = datetime.now(UTC)
    return {
        "event_id": f"try-{now:%H%M%S%f}",
        "kind": "ad_viewed",
        "occurred_at": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "user_id": "u-newcomer",
        "campaign_id": "c-tea",
        "partner_id": "p-ads",
        "ip": {"address": "203.0.113.7"},
        "devices": [{"id": "6f1e9a30-1c57-4b7e-9d3a-2f0c8b5a4e11", "kind": "idfv"}],
        "interaction": {"duration_ms": 31000, "tap_count": 4, "tap_interval_spread_ms": 410.0},
        "revenue_micros": 400000,
        "reward_micros": 200000,
        "currency": "CNY",
    }
