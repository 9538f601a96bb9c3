"""The online store that Feast sees: the same rows, so that its SDK and its feature server read what the service writes.

Named in Feast's configuration by its module and class; Feast finds its settings in the class beside it.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
from feast import Entity as FeastEntity
from feast import FeatureView, RepoConfig
from feast.infra.online_stores.online_store import OnlineStore as FeastOnlineStore
from feast.protos.feast.types.EntityKey_pb2 import EntityKey
from feast.protos.feast.types.Value_pb2 import Value
from feast.repo_config import FeastConfigBaseModel

from features.events import instant_of, micros_of
from features.store.engines import rows_of
from features.store.rows import Held, Row, Rows, encoded
from features.store.settings import Settings

Written = tuple[EntityKey, dict[str, Value], datetime, datetime | None]
Read = tuple[datetime | None, dict[str, Value] | None]


class PackedOnlineStoreConfig(FeastConfigBaseModel):  # type: ignore[misc]  # Feast ships no types
    """Where the rows are; Feast fills it from its configuration."""

    type: Literal["features.store.feast_store.PackedOnlineStore"] = "features.store.feast_store.PackedOnlineStore"
    folder: str
    redis: str | None = None


class PackedOnlineStore(FeastOnlineStore):  # type: ignore[misc]  # Feast ships no types
    """Feast's interface over `Rows`. It takes doubles only; a feature that is left out of a write becomes missing."""

    _engine: Rows | None = None

    def online_write_batch(
        self, config: RepoConfig, table: FeatureView, data: list[Written], progress: Callable[[int], Any] | None
    ) -> None:
        names = _names(table)
        rows = [_row(names, *written) for written in data]
        self._rows(config).put(table.tags["table"], rows, int(table.tags["lives"]))
        if progress is not None:
            progress(len(rows))

    def online_read(
        self,
        config: RepoConfig,
        table: FeatureView,
        entity_keys: list[EntityKey],
        requested_features: list[str] | None = None,
    ) -> list[Read]:
        # Feast asks without an instant, so what has expired is returned as well: `OnlineStore.read` leaves it out, and
        # who reads through Feast has the field `<view>__as_of` to judge by.
        held = self._rows(config).get(table.tags["table"], [_key(key) for key in entity_keys])
        wanted = set(requested_features) if requested_features else None
        return [(None, None) if one is None else _answer(table, one, wanted) for one in held]

    def update(
        self,
        config: RepoConfig,
        tables_to_delete: Sequence[FeatureView],
        tables_to_keep: Sequence[FeatureView],
        entities_to_delete: Sequence[FeastEntity],
        entities_to_keep: Sequence[FeastEntity],
        partial: bool,
    ) -> None:
        """Tables are made when they are first written; those of features that are gone are dropped."""
        kept = {table.tags.get("table") for table in tables_to_keep}
        for table in tables_to_delete:
            if (name := table.tags.get("table")) and name not in kept:
                self._rows(config).drop(name)

    def teardown(self, config: RepoConfig, tables: Sequence[FeatureView], entities: Sequence[FeastEntity]) -> None:
        for table in tables:
            self._rows(config).drop(table.tags["table"])
        self._rows(config).close()
        self._engine = None

    def _rows(self, config: RepoConfig) -> Rows:
        if self._engine is None:
            store = config.online_store
            self._engine = rows_of(Settings(Path(store.folder), store.redis, project=config.project))
        return self._engine


def _names(table: FeatureView) -> list[str]:
    return [field.name for field in table.features if field.tags.get("role") != "stamp"]


def _key(key: EntityKey) -> bytes:
    return encoded(key.entity_values[0].string_val)


def _row(names: list[str], key: EntityKey, values: dict[str, Value], at: datetime, created: datetime | None) -> Row:
    doubles = [values[name].double_val if name in values else np.nan for name in names]
    # Feast knows no sequence: of two writes for one instant, the one that was created later is the newer.
    order = 0 if created is None else micros_of(_aware(created))
    return Row(_key(key), micros_of(_aware(at)), order, np.array(doubles, "<f8").tobytes())


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _answer(table: FeatureView, held: Held, wanted: set[str] | None) -> Read:
    values = {
        name: Value(double_val=value)
        for name, value in zip(_names(table), held.values.tolist(), strict=True)
        if wanted is None or name in wanted
    }
    stamp = table.tags["stamp"]
    if wanted is None or stamp in wanted:
        values[stamp] = Value(int64_val=held.as_of)
    return instant_of(held.as_of), values
