"""Feast's registry: what each feature means, in which unit, why it exists, and which model reads which views."""

from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
from feast import Entity as FeastEntity
from feast import FeatureService, FeatureStore, FeatureView, FileSource, RepoConfig, ValueType
from feast import Field as FeastField
from feast.data_format import ParquetFormat
from feast.types import Float64, Int64

from features.store.history import History
from features.store.settings import Settings, Unreachable, without_password
from features.store.shape import Field, View, graph_views, ring_view, window_views
from features.vector import VERSION
from features.windows import DAY

MODELS: Final = ("fraud", "reversal")
"""Models that read what is known when the event arrives: windows and the device graph."""
REVIEW: Final = "review"
"""What a reviewer sees of a case: the models' features, and the nightly rings."""
_NIGHTS: Final = "as_of=*.parquet"
_KEYS: Final = ("user_id", "event_timestamp", "created_timestamp")


class Registry:
    """Feast over one folder, with its registry in a file there, or in PostgreSQL."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.history = History(settings.folder / "values")
        self.rings_folder = settings.folder / "rings"
        self.rings = rings_of(self.rings_folder)
        views = [*window_views().values(), *graph_views().values(), *([self.rings] if self.rings else [])]
        self.views = {view.name: view for view in views}

    @cached_property
    def feast(self) -> FeatureStore:
        """Raises Unreachable, naming ASSAY_REGISTRY, when PostgreSQL does not answer."""
        store = self.settings
        online = {"type": "features.store.feast_store.PackedOnlineStore", "folder": str(store.folder)}
        config = RepoConfig(
            project=store.project,
            provider="local",
            registry=self._registry(),
            online_store=online | ({"redis": store.redis} if store.redis else {}),
            # The default offline store drops training rows that have no match; this one returns them with nulls.
            offline_store={"type": "duckdb"},
            entity_key_serialization_version=3,
        )
        return _opened(config, store)

    def assert_reachable(self) -> None:
        """Raises Unreachable, as `feast` does, if the registry is in PostgreSQL; a file needs no asking."""
        if self.settings.registry:
            self.feast.list_entities()

    def _registry(self) -> dict[str, Any]:
        # Without a thread of its own, the registry's cache makes the request wait that crosses its time to live.
        cache = {"cache_mode": "thread", "cache_ttl_seconds": 300}
        if self.settings.registry:
            return cache | {"registry_type": "sql", "path": self.settings.registry}
        return cache | {"path": str(self.settings.folder / "registry.db")}

    def apply(self) -> None:
        """Register entities, views and services; what is no longer in the tables of features is removed."""
        entities = {view.entity: _entity(view) for view in self.views.values()}
        views = {name: self._feast_view(view, entities[view.entity]) for name, view in self.views.items()}
        services = self._services(views)
        wanted = [*entities.values(), *views.values(), *services]
        gone = [view for view in self.feast.list_feature_views() if view.name not in views]
        self.feast.apply(wanted, objects_to_delete=gone, partial=not gone)

    def is_stamped(self, view: View) -> bool:
        """Whether values carry the instant as of which they are; a night of rings is one instant for all."""
        return view != self.rings

    def pattern(self, view: View) -> str:
        """The files that Feast's offline store reads for a view."""
        return self.history.pattern(view) if self.is_stamped(view) else str(self.rings_folder / _NIGHTS)

    def nights(self) -> list[Path]:
        """The files of rings, the newest last."""
        return sorted(self.rings_folder.glob(_NIGHTS))

    def has_values(self, view: View) -> bool:
        """Whether there is a file yet: the offline store fails without one."""
        return bool(self.history.files(view)) if self.is_stamped(view) else self.rings is not None

    def _feast_view(self, view: View, entity: FeastEntity) -> FeatureView:
        stamp = [_stamp_field(view)] if self.is_stamped(view) else []
        return FeatureView(
            name=view.name,
            entities=[entity],
            # Whole days: its retrieval fails on a mixture of days and hours. `features/retrieval.py` is exact.
            ttl=timedelta(days=-(-view.lives // DAY)),
            schema=[*(_feast_field(field) for field in view.fields), *stamp],
            source=_source(view, self.pattern(view)),
            tags={"table": view.table, "lives": str(view.lives), "stamp": view.stamp, "features": VERSION},
        )

    def _services(self, views: dict[str, FeatureView]) -> list[FeatureService]:
        read = [view for name, view in views.items() if self.is_stamped(self.views[name])]
        models = [
            FeatureService(
                name=name, features=read, description=f"what the {name} model reads", tags={"features": VERSION}
            )
            for name in MODELS
        ]
        return [*models, FeatureService(name=REVIEW, features=list(views.values()), description="what a reviewer sees")]


def rings_of(folder: Path) -> View | None:
    """The view of the newest night's columns, None before the first night."""
    nights = sorted(folder.glob(_NIGHTS))
    if not nights:
        return None
    schema = pq.read_schema(nights[-1])
    columns = [column for column in schema if column.name not in _KEYS and pa.types.is_floating(column.type)]
    return ring_view([(column.name, (column.metadata or {}).get(b"description", b"").decode()) for column in columns])


def _opened(config: RepoConfig, settings: Settings) -> FeatureStore:
    try:
        store = FeatureStore(config=config)
        store.list_entities()
    except Exception as failure:
        if settings.registry is None:
            raise
        shown, why = without_password(settings.registry), str(failure).partition("\n")[0]
        raise Unreachable(
            f"ASSAY_REGISTRY names {shown}, which does not open ({why}): start PostgreSQL there, install its "
            "driver (psycopg), correct the address, or unset ASSAY_REGISTRY to keep the registry in a file"
        ) from failure
    return store


def _entity(view: View) -> FeastEntity:
    return FeastEntity(name=view.entity.label, join_keys=[view.entity.value], value_type=ValueType.STRING)


def _feast_field(field: Field) -> FeastField:
    # Feast's retrieval drops each column that ends so, for it believes that a join has made it.
    assert not field.name.endswith("_y"), f"rename {field.name}: Feast would drop it"
    told = {"unit": field.unit, "reason": field.reason, "lives_seconds": str(field.lives // 1_000_000)}
    tags = {name: text for name, text in told.items() if text}
    return FeastField(name=field.name, dtype=Float64, description=field.description, tags=tags)


def _stamp_field(view: View) -> FeastField:
    text = f"as of when the values of {view.name} are, microseconds"
    return FeastField(name=view.stamp, dtype=Int64, description=text, tags={"role": "stamp", "unit": "us"})


def _source(view: View, path: str) -> Any:
    return FileSource(
        name=f"{view.name}_values",
        path=path,
        file_format=ParquetFormat(),
        timestamp_field="event_timestamp",
        created_timestamp_column="created_timestamp",
    )
