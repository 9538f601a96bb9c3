from collections.abc import Iterator

import pytest
from sqlalchemy import Connection, Engine

from serving.ledger import proofs


@pytest.fixture
def connection(engine: Engine) -> Iterator[Connection]:
    """One unit of work; every story must leave a sound book."""
    with engine.begin() as connection:
        yield connection
        assert proofs.check(connection) == []
