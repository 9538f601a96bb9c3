"""Materialisation: the history grows by whole files, the online store follows, and a stop in between does no harm."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.store.history import Adding, History, Stamp
from features.store.materialise import KEYS_PER_BATCH, Piece, materialise
from features.store.online import OnlineStore
from features.store.settings import Settings
from features.store.shape import graph_views, window_views
from features.windows import DAY, Entity

AT = 1_772_000_000_000_000
USER, PARTNER = window_views()[Entity.USER], window_views()[Entity.PARTNER]
GRAPH = graph_views()[Entity.USER]


def pieces(value: float, count: int = 3) -> Iterator[Piece]:
    """Users in two pieces, then partners, then the graph."""
    for view, names in ((USER, "u"), (USER, "v"), (PARTNER, "p"), (GRAPH, "u")):
        yield view, [f"{names}{at}" for at in range(count)], np.full((count, len(view.fields)), value)


def stamp(as_of: int, sequence: int = 1) -> Stamp:
    return Stamp(as_of, sequence, as_of)


def test_each_materialisation_is_added_to_its_day(store: OnlineStore, tmp_path: Path) -> None:
    history = History(tmp_path / "values")
    for at, day in enumerate((0, 0, 1)):
        materialise(store, history, pieces(float(at)), stamp(AT + day * DAY + at))
    files = history.files(USER)
    assert [file.parent.name for file in files] == ["day=2026-02-25", "day=2026-02-25", "day=2026-02-26"]
    first = pq.read_table(files[0], partitioning=None)
    assert first["user_id"].to_pylist() == ["u0", "u1", "u2", "v0", "v1", "v2"]
    assert first["user__count__7d"].to_pylist() == [0.0] * 6
    assert first["user__as_of"].to_pylist() == [AT] * 6


def test_both_are_filled_and_the_keys_are_counted(store: OnlineStore, tmp_path: Path) -> None:
    heard: list[int] = []
    loaded = materialise(store, History(tmp_path / "values"), pieces(2.0), stamp(AT), heard.append)
    assert loaded == {"user": 6, "partner": 3, "user_graph": 3}
    assert sum(heard) == 12
    assert set(store.read(Entity.USER, "v2", AT).values()) == {2.0}
    assert set(store.read(GRAPH, "u0", AT).values()) == {2.0}


def test_pieces_are_taken_one_at_a_time(store: OnlineStore, tmp_path: Path) -> None:
    """However many keys there are, one piece is in memory: the one before is written before the next is asked for."""
    heard: list[int] = []

    def asked() -> Iterator[Piece]:
        for at, piece in enumerate(pieces(1.0, KEYS_PER_BATCH + 1)):
            assert sum(heard) == at * (KEYS_PER_BATCH + 1)
            yield piece

    materialise(store, History(tmp_path / "values"), asked(), stamp(AT), heard.append)
    assert max(heard) == KEYS_PER_BATCH


def test_stopped_halfway_and_run_again_it_is_as_if_nothing_had_happened(store: OnlineStore, tmp_path: Path) -> None:
    def stopped() -> Iterator[Piece]:
        for at, piece in enumerate(pieces(1.0)):
            if at == 2:
                raise KeyboardInterrupt
            yield piece

    history = History(tmp_path / "values")
    with pytest.raises(KeyboardInterrupt):
        materialise(store, history, stopped(), stamp(AT))
    assert history.files(USER) == []
    for _ in range(2):
        materialise(store, history, pieces(1.0), stamp(AT))
    assert len(history.files(USER)) == 1
    assert pq.read_table(history.files(USER)[0], partitioning=None).num_rows == 6
    assert set(store.read(Entity.PARTNER, "p0", AT).values()) == {1.0}


def test_what_a_killed_run_left_is_not_read(tmp_path: Path) -> None:
    history = History(tmp_path)
    adding = Adding(history, stamp(AT))
    adding.add(USER, ["u"], np.zeros((1, len(USER.fields))))  # and never ended
    assert history.files(USER) == []


def test_a_materialisation_of_the_past_does_not_undo_what_is_newer(store: OnlineStore, tmp_path: Path) -> None:
    history = History(tmp_path / "values")
    materialise(store, history, pieces(2.0), stamp(AT))
    materialise(store, history, pieces(1.0), stamp(AT - DAY))
    assert set(store.read(Entity.USER, "u0", AT).values()) == {2.0}
    assert len(history.files(USER)) == 2


def test_old_days_are_dropped(tmp_path: Path) -> None:
    settings, history = Settings(tmp_path), History(tmp_path / "values")
    store = OnlineStore(settings)
    for day in (0, 300, 401):
        materialise(store, history, pieces(1.0), stamp(AT + day * DAY))
    assert [file.parent.name for file in history.files(USER)] == ["day=2026-12-22", "day=2027-04-02"]
    store.close()


def test_values_cannot_be_known_before_their_instant() -> None:
    with pytest.raises(ValueError, match="known before"):
        Stamp(AT, 1, AT - 1)
