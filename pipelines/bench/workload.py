"""What benchmarks run on: a small simulated home that is made once, and events that it has not seen."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from features.events import Kind
from features.home import Home
from features.log import Log, body_of, is_outcome
from pipelines.up import prepare
from training.simulator.simulate import Scenario, simulate

USERS, DAYS = 300, 45


@contextmanager
def small_home(seed: int) -> Iterator[Home]:
    """A trained home of a small simulated platform, gone afterwards."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        home = Home(Path(folder) / "home")
        prepare(home, None, USERS, DAYS, seed)
        yield home


def fresh_events(seed: int, count: int) -> list[dict[str, Any]]:
    """Bodies of `count` simulated events of the kinds that score, as if they happened now."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        scenario = Scenario(users=USERS, days=10, seed=seed + 1, start=datetime(2026, 1, 1, tzinfo=UTC).date())
        simulate(scenario, Path(folder) / "log")
        rows = (row for row in Log(Path(folder) / "log").rows() if not is_outcome(row))
        scored = [row for row in rows if row["kind"] != Kind.WITHDRAWAL_REQUESTED]
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return [body_of(row) | {"occurred_at": now, "event_id": f"bench-{at}"} for at, row in enumerate(scored[-count:])]
