"""What many tests share: a trained home of a small simulated platform, and services that run on copies of it."""

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from itertools import islice
from multiprocessing import get_context
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Engine
from sqlalchemy import event as engine_event

from features.home import Home
from features.secrets import SECRET_BYTES
from pipelines import load
from pipelines.bench.running import START_SECONDS_MAX, free_port
from pipelines.offering import offering
from pipelines.serve import serve
from pipelines.up import prepare
from serving.database import open_database

ROOT = Path(__file__).parents[1]
Body = dict[str, Any]
# The suite draws the same examples every time, so that a failure is of the change that was made; what is new is looked
# for by `make soak`, with fresh ones. How long one takes is the machine's affair, and no failure.
TIMELESS: dict[str, Any] = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("suite", derandomize=True, **TIMELESS)
settings.register_profile("soak", print_blob=True, **TIMELESS)
settings.load_profile("soak" if "ASSAY_SOAK" in os.environ else "suite")
# A service imports for seconds before it starts. Those of the tests are forked from a process that has imported and
# done nothing else; that `assay serve` starts from nothing as well is tested where it is killed under load.
FORKS = get_context("forkserver")
FORKS.set_forkserver_preload(["pipelines.serve", "serving.doorman", "serving.service"])
ANSWER_SECONDS_MAX = 120.0
"""Nothing takes this long; a machine that is busy with something else may seem to."""


def keyed(home: Home) -> None:
    """The key that draws who is offered what, chosen, so that every run of the suite draws the same."""
    home.root.mkdir(parents=True, exist_ok=True)
    (home.root / "offer.key").write_bytes(bytes(range(SECRET_BYTES)))


@pytest.fixture(scope="session")
def trained_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Everything that `make run` makes, on a small platform. Never served itself: tests serve copies.

    Its last day is always a Saturday, at most a week ago: people live by the week, so that the same seed would make
    another platform, and another model, on each day of it.
    """
    home = Home(tmp_path_factory.mktemp("trained") / "home")
    keyed(home)
    today = datetime.now(UTC).date()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(load, "_today", lambda: today - timedelta(days=today.isoweekday() % 7))
        prepare(home, None, users=300, days=45, seed=7)
    return home


@pytest.fixture(scope="session")
def offered_home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with an offer log: what `assay pay simulate` makes, small."""
    home = Home(tmp_path_factory.mktemp("offered") / "home")
    keyed(home)
    offering(home, people=100, days=2, seed=7)
    return home


@pytest.fixture
def home(trained_home: Home, tmp_path: Path) -> Home:
    """A copy of the trained home, for a test that changes it."""
    shutil.copytree(trained_home.root, tmp_path / "home")
    return Home(tmp_path / "home")


def start(home: Home) -> tuple[BaseProcess, str]:
    """A process that serves the home in the environment of the first one, and its address, once it is ready."""
    port = free_port()
    process = FORKS.Process(target=serve, args=(home, "127.0.0.1", port, list), daemon=True)
    process.start()
    address, deadline = f"http://127.0.0.1:{port}", time.monotonic() + START_SECONDS_MAX
    while not is_ready(address):
        assert process.is_alive(), f"the service ended: {process.exitcode}"
        assert time.monotonic() < deadline, "the service was not ready in time"
        time.sleep(0.05)
    return process, address


def is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/readyz", timeout=1).is_success
    except httpx.HTTPError:
        return False


@contextmanager
def serving(home: Home) -> Iterator[httpx.Client]:
    """A service for the length of a `with` block; asked to end, it must drain and end well."""
    process, address = start(home)
    try:
        with httpx.Client(base_url=address, timeout=ANSWER_SECONDS_MAX) as client:
            yield client
    finally:
        process.terminate()
        process.join(ANSWER_SECONDS_MAX)
    assert process.exitcode == 0


@pytest.fixture
def started() -> Callable[[Home], tuple[BaseProcess, str]]:
    """Starts a service that the test itself ends; gives its process and its address."""
    return start


@pytest.fixture
def served() -> Callable[[Home], AbstractContextManager[httpx.Client]]:
    """Starts a service of its own on a home, for the length of a `with` block."""
    return serving


@pytest.fixture(scope="module")
def client(trained_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A service that the tests of one module share."""
    copy = Home(tmp_path_factory.mktemp("served") / "home")
    shutil.copytree(trained_home.root, copy.root)
    with serving(copy) as client:
        yield client


@contextmanager
def made_postgresql(like: str | None = None) -> Iterator[str]:
    """The address of a PostgreSQL database, empty or a copy of the one at `like`; dropped at the end, come what may.

    Where no server answers, the test is skipped; in CI one must be there.
    """
    name = f"assay_test_{uuid4().hex[:12]}"
    copied = ["--template", like.rpartition("/")[2]] if like else []
    made = subprocess.run(["createdb", *copied, name], capture_output=True, text=True, check=False)
    if made.returncode:
        if like or "CI" in os.environ:
            pytest.fail(f"PostgreSQL made no database: {made.stderr}")
        pytest.skip("no PostgreSQL answers here")
    try:
        yield f"postgresql+psycopg:///{name}"
    finally:
        subprocess.run(["dropdb", "--force", name], check=True)


@pytest.fixture(scope="session")
def postgresql() -> Callable[..., AbstractContextManager[str]]:
    """Makes a PostgreSQL database for the length of a `with` block; see `made_postgresql`."""
    return made_postgresql


@pytest.fixture
def empty_postgresql() -> Iterator[str]:
    with made_postgresql() as address:
        yield address


@pytest.fixture(params=["sqlite", "postgresql"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A database of the test's own, in both engines, for many who write at once."""
    is_file = request.param == "sqlite"
    engine = open_database(tmp_path / "anywhere.db" if is_file else request.getfixturevalue("empty_postgresql"))
    if is_file:
        # A service has one writer. SQLite lets several wait in no order: one may have bad luck for long.
        engine_event.listen(engine, "connect", lambda connection, _: connection.execute("PRAGMA busy_timeout = 120000"))
        engine.dispose()
    yield engine
    engine.dispose()


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


@pytest.fixture(scope="session")
def first_rows(public_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, int], Path]:
    """Makes a folder of the name of one of public data, with the first rows of each of its files."""

    def make(name: str, rows: int) -> Path:
        few = tmp_path_factory.mktemp("few") / name
        few.mkdir()
        for file in (public_data / name).iterdir():
            if file.suffix == ".parquet":
                first = next(pq.ParquetFile(file).iter_batches(rows))
                pq.write_table(pa.Table.from_batches([first]), few / file.name)
            elif file.suffix == ".csv":
                with file.open(encoding="utf-8") as lines:
                    (few / file.name).write_text("".join(islice(lines, rows + 1)))
        return few

    return make
