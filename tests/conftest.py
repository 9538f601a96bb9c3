"""What many tests share: a trained home of a small simulated platform, and services that run on copies of it."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from features.home import Home
from pipelines.bench.running import running
from pipelines.up import prepare

ROOT = Path(__file__).parents[1]
Body = dict[str, Any]


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Everything that `make run` makes, on a small platform. Never served itself: tests serve copies."""
    home = Home(tmp_path_factory.mktemp("trained") / "home")
    prepare(home, None, users=300, days=45, seed=7)
    return home


@pytest.fixture
def home(trained_home: Home, tmp_path: Path) -> Home:
    """A copy of the trained home, for a test that changes it."""
    shutil.copytree(trained_home.root, tmp_path / "home")
    return Home(tmp_path / "home")


@pytest.fixture
def served() -> Callable[[Home], AbstractContextManager[httpx.Client]]:
    """Starts a service of its own on a home, for the length of a `with` block."""

    @contextmanager
    def serve(home: Home) -> Iterator[httpx.Client]:
        with running(home) as address, httpx.Client(base_url=address, timeout=30) as client:
            yield client

    return serve


@pytest.fixture(scope="module")
def client(trained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that the tests of one module share."""
    copy = Home(tmp_path_factory.mktemp("served") / "home")
    shutil.copytree(trained_home.root, copy.root)
    with running(copy) as address, httpx.Client(base_url=address, timeout=30) as client:
        yield client


@pytest.fixture
def event(request: pytest.FixtureRequest) -> Callable[..., Body]:
    """Makes honest ad views, each with an id of its own; keywords change fields."""
    made = iter(range(1_000_000))

    def make(**fields: Any) -> Body:
        number = next(made)
        return {
            "event_id": f"{request.node.name[:60]}-{number}",
            "kind": "ad_viewed",
            "occurred_at": now(),
            "user_id": f"{request.node.name[:60]}-u",
            "campaign_id": "c-tea",
            "partner_id": "p-ads",
            "ip": {"address": "10.9.8.7"},
            "devices": [{"id": f"{request.node.name[:40]}-phone", "kind": "install"}],
            "interaction": {"duration_ms": 31000, "tap_count": 4, "tap_interval_spread_ms": 410.0},
            "revenue_micros": 2_000_000,
            "reward_micros": 1_000_000,
            "currency": "CNY",
        } | fields

    return make


def now() -> str:
    """This instant as RFC 3339."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


@pytest.fixture(scope="session")
def public_data() -> Path:
    """The folder of public data; tests that need it are skipped, and say so, where it is absent."""
    folder = (ROOT / os.environ.get("ASSAY_DATA", "../shared/data")).resolve()
    if not folder.is_dir():
        pytest.skip(f"the public data is not at {folder}: set ASSAY_DATA to its folder")
    return folder
