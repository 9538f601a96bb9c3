from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from serving.database import open_database
from serving.ledger import proofs, reversals  # noqa: F401  (importing a module declares its tables)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "book.db")
    yield engine
    engine.dispose()


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One unit of work; every story must leave a sound book."""
    with engine.begin() as connection:
        yield connection
        assert proofs.check(connection) == []
