"""What the tests of the store share: both engines, small histories, and servers that must be there in CI."""

import os
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from redis import Redis
from redis.exceptions import RedisError

from features.events import parse
from features.log import Row, row_of
from features.store.online import OnlineStore
from features.store.settings import Settings

REDIS = os.environ.get("ASSAY_TEST_REDIS", "redis://127.0.0.1:6379/5")


@pytest.fixture(scope="session")
def redis_address() -> str:
    """A Redis that answers. In CI it must be there."""
    try:
        Redis.from_url(REDIS, socket_connect_timeout=30).ping()
    except RedisError as failure:
        if "CI" in os.environ:
            pytest.fail(f"CI has a Redis, and {REDIS} does not answer: {failure}")
        pytest.skip(f"no Redis answers at {REDIS}: start one, or name it in ASSAY_TEST_REDIS")
    return REDIS


@pytest.fixture
def project(redis_address: str) -> Iterator[str]:
    """A prefix of one test's own; what lies under it is removed afterwards."""
    name = f"test_{uuid4().hex[:12]}"
    yield name
    client = Redis.from_url(redis_address)
    for key in client.scan_iter(f"{name}:*"):
        client.delete(key)
    client.close()


@pytest.fixture(params=["sqlite", "redis"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    if request.param == "sqlite":
        return Settings(tmp_path / "features")
    address, name = request.getfixturevalue("redis_address"), request.getfixturevalue("project")
    return Settings(tmp_path / "features", redis=address, project=name)


@pytest.fixture
def store(settings: Settings) -> Iterator[OnlineStore]:
    store = OnlineStore(settings)
    yield store
    store.close()


@pytest.fixture(scope="session")
def rows() -> list[Row]:
    """Sixty events of four people on three devices over two days, stamped."""
    made = []
    for at in range(60):
        body = {
            "event_id": f"e{at}",
            "kind": "ad_viewed" if at % 3 else "sign_up",
            "occurred_at": f"2026-03-0{1 + at // 30}T{at % 24:02d}:00:00Z",
            "user_id": f"u{at % 4}",
            "devices": [{"id": f"d{at % 3}", "kind": "web"}],
            "ip": {"address": f"10.0.{at % 2}.1"},
        }
        made.append(row_of(parse(body)) | {"sequence": at + 1, "recorded_at": 0})
    as_of = np.maximum.accumulate([row["event_time"] for row in made])
    return [row | {"as_of": int(at)} for row, at in zip(made, as_of, strict=True)]
