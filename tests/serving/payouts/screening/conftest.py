from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from serving.database import open_database
from serving.payouts.identity.sealing import Seal
from serving.payouts.screening import hits  # noqa: F401  (importing a module declares its tables)


@pytest.fixture
def seal() -> Seal:
    return Seal(b"s" * 32)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "book.db")
    yield engine
    engine.dispose()
