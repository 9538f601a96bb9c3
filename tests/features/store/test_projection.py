"""Mirroring changes behind the service: in batches, retried, bounded."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from features.fold import Changed
from features.store.online import OnlineStore
from features.store.projection import BATCHES_PER_ROUND, KEYS_PER_BATCH, RESTS_MAX, Projection
from features.store.rows import Row
from features.store.settings import Settings
from features.store.sqlite_rows import SqliteRows
from features.table import features_of
from features.windows import Entity

USER = len(features_of(Entity.USER))


class Changes:
    """Gives out keys that changed, each named once, like the service's knowledge."""

    def __init__(self, count: int) -> None:
        self.names = [f"u{at}" for at in range(count)]
        self.sequence = 1
        self.asked = 0

    def take(self, limit: int) -> tuple[list[Changed], int]:
        self.asked += 1
        taken, self.names = self.names[:limit], self.names[limit:]
        return [Changed(Entity.USER, name, 1_000, [float(self.sequence)] * USER) for name in taken], self.sequence


class Fragile(SqliteRows):
    """An engine that can be lost."""

    lost = False

    def put(self, table: str, rows: Sequence[Row], lives: int) -> None:
        if self.lost:
            raise ConnectionError("lost")
        super().put(table, rows, lives)


@pytest.fixture
def store(tmp_path: Path) -> OnlineStore:
    store = OnlineStore(Settings(tmp_path))
    store.__dict__["rows"] = Fragile(tmp_path / "fragile.db")
    return store


def lose(store: OnlineStore, *, lost: bool) -> None:
    store.rows.lost = lost  # type: ignore[attr-defined]  # the engine of the fixture


def value(store: OnlineStore, key: str) -> float | None:
    return store.read(Entity.USER, key, 1_000)["user__count__7d"]


def test_a_round_writes_all_that_changed_up_to_its_limit(store: OnlineStore) -> None:
    changes = Changes(KEYS_PER_BATCH * BATCHES_PER_ROUND + 7)
    project = Projection(changes.take, lambda: store)
    assert project() == KEYS_PER_BATCH * BATCHES_PER_ROUND
    assert project() == 7
    assert project() == 0
    assert value(store, f"u{KEYS_PER_BATCH * BATCHES_PER_ROUND + 6}") == 1.0


def test_nothing_is_opened_before_something_changed(store: OnlineStore) -> None:
    opened: list[int] = []
    project = Projection(Changes(0).take, lambda: opened.append(1) or store)  # type: ignore[func-returns-value]  # None leads on to the store
    project()
    assert not opened


def test_what_a_lost_store_did_not_take_is_written_when_it_is_back(store: OnlineStore) -> None:
    changes = Changes(KEYS_PER_BATCH + 5)
    project = Projection(changes.take, lambda: store)
    lose(store, lost=True)
    with pytest.raises(ConnectionError):
        project()
    changes.names.insert(0, "u0")  # changes once more meanwhile
    changes.sequence = 2
    lose(store, lost=False)
    assert project() == 0  # it rests once
    assert project() == KEYS_PER_BATCH + 6
    assert (value(store, "u0"), value(store, "u1"), value(store, f"u{KEYS_PER_BATCH}")) == (2.0, 1.0, 2.0)


def test_a_store_that_stays_lost_is_asked_ever_more_rarely_and_takes_no_more(store: OnlineStore) -> None:
    changes = Changes(10 * KEYS_PER_BATCH)
    project = Projection(changes.take, lambda: store)
    lose(store, lost=True)
    failed = []
    for at in range(400):
        try:
            project()
        except ConnectionError:
            failed.append(at)
    gaps = [later - earlier for earlier, later in pairwise(failed)]
    assert gaps[:6] == [2, 3, 5, 9, 17, 33]
    assert max(gaps) == RESTS_MAX + 1
    assert changes.asked == 1


def test_a_store_that_cannot_be_opened_is_tried_again(store: OnlineStore) -> None:
    tries: list[int] = []

    def opened() -> OnlineStore:
        tries.append(1)
        if len(tries) == 1:
            raise ConnectionError("not yet")
        return store

    project = Projection(Changes(3).take, opened)
    with pytest.raises(ConnectionError):
        project()
    assert [project(), project()] == [0, 3]
