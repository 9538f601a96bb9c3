"""The online store on SQLite and on Redis: the same promises, the same vectors."""

import math
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import numpy as np
import pytest

from features.fold import Changed, Windows
from features.log import Row
from features.store.engines import assert_reachable
from features.store.online import OnlineStore
from features.store.settings import Settings, Unreachable
from features.store.shape import graph_views
from features.table import TABLE, WINDOWS, features_of
from features.windows import DAY, HOUR, Entity

AT = 1_772_000_000_000_000
USER = len(features_of(Entity.USER))


def change(key: str, value: float, as_of: int = AT) -> Changed:
    return Changed(Entity.USER, key, as_of, [value] * USER)


def held(store: OnlineStore, key: str, as_of: int = AT) -> set[float | None]:
    return set(store.read(Entity.USER, key, as_of).values())


@pytest.mark.parametrize(("entity", "key"), [(Entity.USER, "u1"), (Entity.DEVICE, "web:d2"), (Entity.IP, "10.0.1.1")])
def test_what_is_written_is_what_the_fold_knows(store: OnlineStore, rows: list[Row], entity: Entity, key: str) -> None:
    windows = Windows(TABLE)
    for row in rows:
        windows.fold(row)
    as_of = rows[-1]["as_of"]
    known = windows.of_entity(entity, key, as_of)
    store.write([Changed(entity, key, as_of, known.tolist())], 60)
    read = np.array(list(store.read(entity, key, as_of).values()), float)
    assert read.tobytes() == known.tobytes()


def test_both_engines_hold_the_same_bytes(tmp_path: Path, redis_address: str, project: str) -> None:
    values = np.random.default_rng(7).normal(size=(50, USER))
    values[::3, ::5] = np.nan
    keys, held = [f"u{at}" for at in range(50)], []
    for settings in (Settings(tmp_path), Settings(tmp_path, redis_address, project=project)):
        store = OnlineStore(settings)
        view = store.views[Entity.USER]
        store.put(view, keys, values, AT, 9)
        got = store.rows.get(view.table, [key.encode() for key in keys])
        held.append([(one.as_of, one.sequence, one.values.tobytes()) for one in got if one])
        store.close()
    assert held[0] == held[1] == [(AT, 9, row.tobytes()) for row in values]


def test_a_key_that_was_never_seen_has_no_values(store: OnlineStore) -> None:
    assert held(store, "nobody") == {None}
    store.write([change("somebody", 1.0)], 1)
    assert held(store, "nobody") == {None}


def test_a_newer_write_replaces_and_survives_the_process(store: OnlineStore, settings: Settings) -> None:
    store.write([change("u", 1.0), change("v", 5.0)], 1)
    store.write([change("u", 2.0, AT + 1)], 2)
    again = OnlineStore(settings)
    assert held(again, "u") == {2.0}
    assert held(again, "v") == {5.0}
    again.close()


@pytest.mark.parametrize(
    ("as_of", "sequence", "kept"),
    [(AT - 1, 99, 1.0), (AT, 9, 1.0), (AT, 10, 2.0), (AT, 11, 2.0), (AT + 1, 3, 2.0), (-5, 99, 1.0)],
    ids=["older", "same instant, lower sequence", "the same again", "same instant, later", "newer", "before 1970"],
)
def test_an_older_write_never_wins(store: OnlineStore, as_of: int, sequence: int, kept: float) -> None:
    store.write([change("u", 1.0)], 10)
    store.write([change("u", 2.0, as_of)], sequence)
    assert held(store, "u") == {kept}


def test_a_batch_may_hold_a_key_twice_in_any_order(store: OnlineStore) -> None:
    store.write([change("u", 2.0, AT + 5), change("u", 1.0)], 1)
    assert held(store, "u") == {2.0}


def test_of_two_writers_that_cross_the_newer_one_is_kept(settings: Settings) -> None:
    def write(offset: int) -> None:
        own = OnlineStore(settings)
        for at in range(offset, 60, 2):
            own.write([change(f"u{key}", float(at), AT + at) for key in range(40)], at)
        own.close()

    writers = [Thread(target=write, args=(offset,)) for offset in (0, 1)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    store = OnlineStore(settings)
    assert {value for key in range(40) for value in held(store, f"u{key}")} == {59.0}
    store.close()


def test_a_value_that_has_outlived_its_window_is_missing(store: OnlineStore) -> None:
    """Feast returns it: its time to live is not looked at online."""
    store.write([change("u", 3.0)], 1)
    by_name = {feature.name: feature for feature in WINDOWS}
    later = store.read(Entity.USER, "u", AT + 2 * DAY)
    assert later["user__count__1h"] is None
    assert later["user__count__7d"] == 3.0
    edge = by_name["user__count__1h"].over + by_name["user__count__1h"].hop
    assert store.read(Entity.USER, "u", AT + edge)["user__count__1h"] == 3.0
    assert store.read(Entity.USER, "u", AT + edge + 1)["user__count__1h"] is None
    assert held(store, "u", AT + 400 * DAY) == {None}


def test_known_to_be_missing_is_not_the_same_as_unknown(store: OnlineStore) -> None:
    store.write([change("u", math.nan)], 1)
    assert all(value is not None and math.isnan(value) for value in store.read(Entity.USER, "u", AT).values())


@pytest.mark.parametrize("key", ["", "a b:*\n", "名字", "half \ud83d", "nul\0inside", "x" * 100_000])
def test_any_text_is_a_key(store: OnlineStore, key: str) -> None:
    store.write([change(key, 4.0)], 1)
    assert held(store, key) == {4.0}
    assert held(store, key + "x") == {None}


def test_views_do_not_mix(store: OnlineStore) -> None:
    graph = graph_views()[Entity.USER]
    store.write([change("u", 1.0)], 1)
    store.put(graph, ["u"], np.full((1, len(graph.fields)), 7.0), AT, 1)
    assert held(store, "u") == {1.0}
    assert set(store.read(graph, "u", AT).values()) == {7.0}


def test_what_nobody_would_be_given_is_forgotten(settings: Settings) -> None:
    store = OnlineStore(settings)
    table, lives = store.views[Entity.USER].table, store.views[Entity.USER].lives
    store.write([change("old", 1.0), change("new", 2.0, AT + lives)], 1)
    store.forget(AT + lives + HOUR)
    kept = store.rows.get(table, [b"old", b"new"])
    assert kept[1] is not None
    # Redis lets each row die by itself, by its own clock.
    assert (kept[0] is None) == (settings.redis is None)
    store.close()


def test_dropping_a_table_leaves_the_others(store: OnlineStore) -> None:
    store.write([change("u", 1.0), Changed(Entity.PARTNER, "u", AT, [2.0] * len(features_of(Entity.PARTNER)))], 1)
    store.rows.drop(store.views[Entity.USER].table)
    assert held(store, "u") == {None}
    assert set(store.read(Entity.PARTNER, "u", AT).values()) == {2.0}


def test_every_row_in_redis_dies_by_itself(redis_address: str, project: str, tmp_path: Path) -> None:
    store = OnlineStore(Settings(tmp_path, redis_address, project=project))
    store.write([change("u", 1.0)], 1)
    view = store.views[Entity.USER]
    left = store.rows._redis.ttl(f"{project}:{view.table}:u")  # type: ignore[attr-defined]  # the engine under test
    assert 0 < left <= view.lives // 1_000_000
    store.close()


def test_an_unreachable_redis_is_named_with_its_remedy(tmp_path: Path) -> None:
    settings = Settings(tmp_path, redis="redis://user:secret@127.0.0.1:1/0")
    with pytest.raises(Unreachable, match=r"ASSAY_REDIS names redis://127\.0\.0\.1:1/0.*unset ASSAY_REDIS") as refused:
        assert_reachable(settings)
    assert "secret" not in str(refused.value)
    with pytest.raises(ValueError, match="ASSAY_REDIS"):
        OnlineStore(settings).write([change("u", 1.0)], 1)


@pytest.fixture
def silent_server() -> Iterator[int]:
    """Takes connections and never answers."""
    import socket  # noqa: PLC0415  # of this fixture alone

    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_redis_that_hangs_costs_a_deadline(tmp_path: Path, silent_server: int) -> None:
    """Else this would never end."""
    with pytest.raises(Unreachable):
        assert_reachable(Settings(tmp_path, redis=f"redis://127.0.0.1:{silent_server}/0"))


@pytest.mark.parametrize(
    ("told", "named"),
    [
        ({"redis": "127.0.0.1:6379"}, "ASSAY_REDIS"),
        ({"registry": "sqlite:///here.db"}, "ASSAY_REGISTRY"),
        ({"project": "Assay:1"}, "ASSAY_PROJECT"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_named(tmp_path: Path, told: dict[str, str], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        Settings(tmp_path, **told)


def test_settings_come_from_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_REDIS", "redis://127.0.0.1:6379/9")
    monkeypatch.setenv("ASSAY_PROJECT", "other")
    monkeypatch.setenv("ASSAY_REGISTRY", "")
    assert Settings.from_environment(tmp_path) == Settings(tmp_path, "redis://127.0.0.1:6379/9", None, "other")
