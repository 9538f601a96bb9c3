"""What tests of the service share: databases in both engines, and model folders that answer what a test wants."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from features.vector import FEATURES, VERSION
from serving.database import METADATA, open_database
from serving.ledger import proofs, reversals  # noqa: F401  (importing a module declares its tables)
from serving.payouts import phases  # noqa: F401  (as above)

WriteModel = Callable[..., Path]


@pytest.fixture(scope="session")
def write_model() -> WriteModel:
    """Writes a folder whose heads have no parts: each gives everything the one probability that its keyword says."""

    def write(folder: Path, signature: dict[str, Any] | None = None, **probabilities: float) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        heads = {name: {"intercept": math.log(p / (1 - p)), "weights": {}} for name, p in probabilities.items()}
        shared = {"withdrawal": {"shared_with": "event"}} if "event" in heads else {}
        (folder / "heads.json").write_text(json.dumps(shared | heads))
        target = "fraud" if "event" in heads else "reversal"
        described = {"features": FEATURES, "parts": {}, "features_version": VERSION, "target": target}
        (folder / "signature.json").write_text(json.dumps(described | (signature or {})))
        return folder

    return write


@pytest.fixture(scope="session")
def shared_engine(postgresql: Callable[..., AbstractContextManager[str]]) -> Iterator[Engine]:
    """A PostgreSQL database of this process's own."""
    with postgresql() as address:
        engine = open_database(address)
        yield engine
        engine.dispose()


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database, in both engines."""
    if request.param == "sqlite":
        engine = open_database(tmp_path / "book.db")
        yield engine
        engine.dispose()
        return
    engine = request.getfixturevalue("shared_engine")
    yield engine
    # A database each would cost a second each on a busy machine: what a test left is deleted, past the triggers.
    with engine.begin() as connection:
        connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        for table in METADATA.sorted_tables:
            if table.name != "shape":  # of which revision it is stays known
                connection.execute(table.delete())
