"""Feast: views and services generated from the tables, readable through Feast's own interface."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value

from features.events import micros_of
from features.fold import Changed
from features.graph import GRAPH_FEATURES
from features.store.materialise import load_rings
from features.store.online import OnlineStore
from features.store.registry import MODELS, REVIEW, Registry
from features.store.settings import Settings, Unreachable
from features.store.shape import window_views
from features.table import TABLE, features_of
from features.windows import Entity

AT = datetime(2026, 3, 1, tzinfo=UTC)
USER = [feature.name for feature in features_of(Entity.USER)]


def night(folder: Path, day: str, **columns: list[float]) -> Path:
    """A file as the nightly search for rings writes it."""
    at = pa.array([datetime.fromisoformat(day).replace(tzinfo=UTC)] * 2, pa.timestamp("us", tz="UTC"))
    table = pa.table({"user_id": ["u1", "u2"], "event_timestamp": at, "created_timestamp": at} | columns)
    table = table.cast(
        pa.schema([field.with_metadata({"description": f"about {field.name}"}) for field in table.schema])
    )
    folder.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, folder / f"as_of={day}.parquet")
    return folder / f"as_of={day}.parquet"


@pytest.fixture
def registry(settings: Settings) -> Registry:
    night(settings.folder / "rings", "2026-02-27", ring__older=[1.0, 2.0])
    night(settings.folder / "rings", "2026-02-28", ring__score=[0.5, np.nan], ring__members=[4.0, 1.0])
    made = Registry(settings)
    made.apply()
    return made


def test_every_feature_is_registered_with_its_description_unit_and_reason(registry: Registry) -> None:
    fields = {field.name: field for view in registry.feast.list_feature_views() for field in view.schema}
    for feature in TABLE:
        field = fields[feature.name]
        assert field.description == feature.description
        assert field.tags["unit"] == feature.unit
        assert field.tags.get("reason", "") == feature.reason
    for graph in GRAPH_FEATURES:
        assert fields[graph.name].description == graph.description
    assert fields["ring__score"].description == "about ring__score"


def test_there_is_one_wide_view_an_entity(registry: Registry) -> None:
    views = {view.name: view for view in registry.feast.list_feature_views()}
    for entity, view in window_views().items():
        registered = [field.name for field in views[view.name].features]
        assert registered == [*view.names, view.stamp]
        assert views[view.name].join_keys == [entity.value]
        assert timedelta(0) <= views[view.name].ttl - timedelta(microseconds=view.lives) < timedelta(days=1)
    assert "ring__older" not in {field.name for field in views["user_rings"].features}, "the newest night decides"


def test_each_model_reads_a_service_and_reviewers_read_the_rings_too(registry: Registry) -> None:
    def read(name: str) -> set[str]:
        return {projection.name for projection in registry.feast.get_feature_service(name).feature_view_projections}

    everything = {view.name for view in registry.feast.list_feature_views()}
    assert read(REVIEW) == everything
    for model in MODELS:
        assert read(model) == everything - {"user_rings"}


def test_a_view_that_is_gone_leaves_the_registry(registry: Registry, settings: Settings) -> None:
    for file in (settings.folder / "rings").iterdir():
        file.unlink()
    later = Registry(settings)
    later.apply()
    assert "user_rings" not in {view.name for view in later.feast.list_feature_views()}


def test_feast_reads_what_the_service_writes(registry: Registry, settings: Settings) -> None:
    values = np.arange(len(USER), dtype=float)
    store = OnlineStore(settings)
    store.write([Changed(Entity.USER, "u1", micros_of(AT), values.tolist())], 3)
    asked = [f"user:{name}" for name in USER] + ["user:user__as_of", "partner:partner__count__1d"]
    answer = registry.feast.get_online_features(
        asked, [{"user_id": "u1", "partner_id": "nobody"}, {"user_id": "nobody", "partner_id": "nobody"}]
    ).to_dict()
    assert [answer[name][0] for name in USER] == values.tolist()
    assert answer["user__as_of"] == [micros_of(AT), None]
    assert {answer[name][1] for name in USER} == {None}
    assert answer["partner__count__1d"] == [None, None]
    store.close()


def test_what_is_written_through_feast_is_guarded_too(registry: Registry, settings: Settings) -> None:
    view = registry.feast.get_feature_view("user")
    provider = registry.feast._get_provider()
    key = EntityKey(join_keys=["user_id"], entity_values=[Value(string_val="u9")])

    def write(value: float, at: datetime) -> None:
        values = {name: Value(double_val=value) for name in USER}
        provider.online_write_batch(registry.feast.config, view, [(key, values, at, at)], None)

    store = OnlineStore(settings)
    write(2.0, AT)
    write(1.0, AT - timedelta(microseconds=1))
    assert set(store.read(Entity.USER, "u9", micros_of(AT)).values()) == {2.0}
    write(3.0, AT)
    assert set(store.read(Entity.USER, "u9", micros_of(AT)).values()) == {3.0}
    store.close()


def test_a_night_of_rings_is_read_online(registry: Registry, settings: Settings) -> None:
    assert registry.rings is not None
    store = OnlineStore(settings)
    assert load_rings(store, registry.rings, registry.nights()[-1]) == 2
    answer = registry.feast.get_online_features(["user_rings:ring__members"], [{"user_id": "u1"}]).to_dict()
    assert answer["ring__members"] == [4.0]
    week_later = micros_of(AT + timedelta(days=8))
    assert set(store.read(registry.rings, "u1", week_later).values()) == {None}
    store.close()


def test_the_registry_may_lie_in_postgresql(empty_postgresql: str, tmp_path: Path) -> None:
    Registry(Settings(tmp_path, registry=empty_postgresql)).apply()
    again = Registry(Settings(tmp_path / "elsewhere", registry=empty_postgresql))
    names = {view.name for view in again.feast.list_feature_views()}
    assert names == set(again.views)


def test_a_registry_that_does_not_open_is_named_with_its_remedy(tmp_path: Path) -> None:
    settings = Settings(tmp_path, registry="postgresql+psycopg://somebody:secret@127.0.0.1:1/none")
    with pytest.raises(Unreachable, match=r"ASSAY_REGISTRY names .*127\.0\.0\.1:1/none.*unset ASSAY_REGISTRY"):
        Registry(settings).apply()
