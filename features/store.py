"""Feast: the registry of what each feature means, and the online key-value store that mirrors the fold.

Feast computes no windows here. Its views are generated from the table in `features/windows.py`; the backfill hands it
the values of every key, and the running service writes the keys that changed behind its own state.
"""

import warnings
from collections.abc import Iterable, Mapping
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from functools import cached_property
from io import StringIO
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity as FeastEntity
from feast import FeatureService, FeatureStore, FeatureView, Field, FileSource, RepoConfig, ValueType
from feast.data_format import ParquetFormat
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import RegistryConfig
from feast.types import Float64

from features.backfill import Backfill
from features.events import instant_of
from features.fold import Changed
from features.windows import WINDOWS, Entity, Windowed

PROJECT: Final = "assay"
SERVICE: Final = "fraud"
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)


class OnlineStore:
    """Feast's registry and SQLite online store in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @cached_property
    def feast(self) -> FeatureStore:
        registry = RegistryConfig(path=str(self.folder / "registry.db"), cache_mode="thread", cache_ttl_seconds=300)
        return FeatureStore(
            config=RepoConfig(
                project=PROJECT,
                provider="local",
                registry=registry,
                online_store={"type": "sqlite", "path": str(self.folder / "online.db")},
                offline_store={"type": "duckdb"},
                entity_key_serialization_version=3,
            )
        )

    @cached_property
    def views(self) -> dict[Entity, FeatureView]:
        """One wide view per entity, generated from the table of windows."""
        return {entity: self._view(entity) for entity in dict.fromkeys(feature.entity for feature in WINDOWS)}

    def _view(self, entity: Entity) -> FeatureView:
        chosen = features_of(entity)
        source = FileSource(
            name=f"{entity.label}_values",
            path=str(self._values_file(entity)),
            file_format=ParquetFormat(),
            timestamp_field="event_timestamp",
            created_timestamp_column="created_timestamp",
        )
        return FeatureView(
            name=entity.label,
            entities=[FeastEntity(name=entity.label, join_keys=[entity.value], value_type=ValueType.STRING)],
            ttl=timedelta(microseconds=max(feature.over for feature in chosen)),
            schema=[Field(name=feature.name, dtype=Float64, description=feature.description) for feature in chosen],
            source=source,
        )

    def _values_file(self, entity: Entity) -> Path:
        return self.folder / f"{entity.label}.parquet"

    def apply(self) -> None:
        """Register entities, views and the feature service that the fraud model reads."""
        views = list(self.views.values())
        entities = [
            FeastEntity(name=entity.label, join_keys=[entity.value], value_type=ValueType.STRING)
            for entity in self.views
        ]
        self.feast.apply([*entities, *views, FeatureService(name=SERVICE, features=views)])

    def materialise(self, events: pa.Table) -> dict[str, int]:
        """Compute every key's values after the last event, and load them into the online store. Keys per entity."""
        backfill = Backfill(events, WINDOWS)
        as_of = instant_of(events["as_of"][-1].as_py())
        loaded = {entity.label: self._write_values(entity, backfill, as_of) for entity in self.views}
        with redirect_stdout(StringIO()), warnings.catch_warnings():  # Feast narrates, its engine warns about itself
            warnings.simplefilter("ignore", DeprecationWarning)
            self.feast.materialize(EARLIEST, as_of + timedelta(seconds=1))
        return loaded

    def _write_values(self, entity: Entity, backfill: Backfill, as_of: datetime) -> int:
        keys, values = backfill.of_entity(entity)
        stamp = pa.array([as_of] * len(keys), pa.timestamp("us", tz="UTC"))
        columns: dict[str, Any] = {entity.value: keys, "event_timestamp": stamp, "created_timestamp": stamp}
        columns |= {feature.name: values[:, at] for at, feature in enumerate(features_of(entity))}
        pq.write_table(pa.table(columns), self._values_file(entity))
        return len(keys)

    def write(self, changes: Iterable[Changed]) -> None:
        """Mirror keys that changed. One writer, in order of sequence: this store lets an older write win."""
        batches: dict[Entity, list[Any]] = {}
        for change in changes:
            batches.setdefault(change.entity, []).append(_ready(change))
        for entity, batch in batches.items():
            provider = self.feast._get_provider()  # noqa: SLF001  # the public way goes through pandas: 20 x slower
            provider.online_write_batch(self.feast.config, self.views[entity], batch, None)

    def read(self, entity: Entity, key: str) -> Mapping[str, float | None]:
        """What the online store holds of one key; None for a key that it has never seen."""
        view = self.views[entity]
        references = [f"{view.name}:{feature.name}" for feature in features_of(entity)]
        answer = self.feast.get_online_features(references, [{entity.value: key}]).to_dict()
        return {feature.name: answer[feature.name][0] for feature in features_of(entity)}


def features_of(entity: Entity) -> list[Windowed]:
    return [feature for feature in WINDOWS if feature.entity is entity]


def _ready(change: Changed) -> tuple[EntityKey, dict[str, Value], datetime, datetime]:
    key = EntityKey(join_keys=[change.entity.value], entity_values=[Value(string_val=change.key)])
    pairs = zip(features_of(change.entity), change.values, strict=True)
    stamp = instant_of(change.as_of)
    return key, {feature.name: Value(double_val=value) for feature, value in pairs}, stamp, stamp
