"""Feast: views generated from the table, values equal to the fold's, written behind it."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from features.events import parse
from features.fold import Changed, Windows
from features.log import SCHEMA, Row, row_of
from features.store import SERVICE, OnlineStore, features_of
from features.windows import WINDOWS, Entity


def rows(count: int = 60) -> list[Row]:
    made = []
    for at in range(count):
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


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> OnlineStore:
    store = OnlineStore(tmp_path_factory.mktemp("feast"))
    store.apply()
    store.materialise(pa.Table.from_pylist(rows(), schema=SCHEMA))
    return store


def test_the_registry_holds_every_window_feature_with_its_description(store: OnlineStore) -> None:
    views = {view.name: view for view in store.feast.list_feature_views()}
    fields = {field.name: field.description for view in views.values() for field in view.schema}
    for feature in WINDOWS:
        assert fields[feature.name] == feature.description
    assert store.feast.get_feature_service(SERVICE)


@pytest.mark.parametrize(("entity", "key"), [(Entity.USER, "u1"), (Entity.DEVICE, "web:d2"), (Entity.IP, "10.0.1.1")])
def test_what_was_materialised_is_what_the_fold_knows(store: OnlineStore, entity: Entity, key: str) -> None:
    windows = Windows(WINDOWS)
    for row in rows():
        windows.fold(row)
    known = windows.of_entity(entity, key, rows()[-1]["as_of"])
    assert list(store.read(entity, key).values()) == known.tolist()


def test_a_key_that_was_never_seen_has_no_values(store: OnlineStore) -> None:
    assert set(store.read(Entity.USER, "nobody").values()) == {None}


def test_what_is_written_behind_replaces_what_was_there(store: OnlineStore, tmp_path: Path) -> None:
    values = [float(at) for at in range(len(features_of(Entity.USER)))]
    store.write([Changed(Entity.USER, "u3", rows()[-1]["as_of"] + 1, values), Changed(Entity.USER, "new", 1, values)])
    assert list(store.read(Entity.USER, "u3").values()) == values
    assert list(OnlineStore(store.folder).read(Entity.USER, "new").values()) == values
