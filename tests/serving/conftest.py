"""What tests of the service share: databases in both engines, and model folders that answer what a test wants."""

import json
import math
import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

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


@contextmanager
def made_database() -> Iterator[str]:
    """The address of an empty PostgreSQL database. In CI the server must be there."""
    name = f"assay_test_{uuid4().hex[:12]}"
    made = subprocess.run(["createdb", name], capture_output=True, text=True, check=False)
    if made.returncode:
        if "CI" in os.environ:
            pytest.fail(f"CI has a PostgreSQL, and it does not answer: {made.stderr}")
        pytest.skip("no PostgreSQL answers here")
    try:
        yield f"postgresql+psycopg:///{name}"
    finally:
        subprocess.run(["dropdb", "--force", name], check=True)


@pytest.fixture
def empty_postgresql() -> Iterator[str]:
    with made_database() as address:
        yield address


@pytest.fixture(scope="session")
def shared_engine() -> Iterator[Engine]:
    """A PostgreSQL database of this process's own."""
    with made_database() as address:
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
            connection.execute(table.delete())
