"""What is kept of each entity: its views, their fields, and how long a value may be believed.

Feast's registry, the online store and the history of values all read these shapes, and they are made from the tables of
features: a feature that is added there appears here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

from features.graph import GRAPH_FEATURES
from features.table import WINDOWS, features_of
from features.windows import DAY, Aggregate, Entity, Ratio, Windowed, version_of

NO_EDGE_LIVES: Final = 90 * DAY
"""A value without a window (a degree, a decayed sum) is believed for as long as the device graph keeps an edge."""
RINGS_LIVE: Final = 7 * DAY
"""Rings are found nightly; after a week without a night that worked, none is better than an old one."""


@dataclass(frozen=True)
class Field:
    """`lives`: microseconds after which a value that was not written again comes back as missing."""

    name: str
    description: str
    unit: str
    reason: str
    lives: int


@dataclass(frozen=True)
class View:
    """Features of one entity, in one order."""

    name: str
    entity: Entity
    fields: tuple[Field, ...]

    @cached_property
    def table(self) -> str:
        """Where values lie: named after the fields, so that values of other features are never read by mistake."""
        return f"{self.name}_{version_of([(field.name, field.description) for field in self.fields])}"

    @cached_property
    def names(self) -> tuple[str, ...]:
        return tuple(field.name for field in self.fields)

    @cached_property
    def lives(self) -> int:
        return max(field.lives for field in self.fields)

    @property
    def stamp(self) -> str:
        """The field that says as of when the others are, microseconds."""
        return f"{self.name}__as_of"


def window_views() -> dict[Entity, View]:
    """One wide view per entity, with its features in the order of the table."""
    return {entity: _window_view(entity) for entity in dict.fromkeys(feature.entity for feature in WINDOWS)}


def _window_view(entity: Entity) -> View:
    fields = tuple(_field(feature, _lives(feature)) for feature in features_of(entity))
    return View(entity.label, entity, fields)


def _lives(feature: Windowed | Ratio) -> int:
    """Once `over + hop` have passed, all that was counted has left the window: the value is certainly another one."""
    if isinstance(feature, Ratio):
        return min(_lives(feature.top), _lives(feature.bottom))
    return NO_EDGE_LIVES if feature.aggregate is Aggregate.DECAYED else feature.over + feature.hop


def graph_views() -> dict[Entity, View]:
    """The features of the device graph, one view an entity."""
    fields: dict[Entity, list[Field]] = {}
    for feature in GRAPH_FEATURES:
        fields.setdefault(_owner(feature.name), []).append(_field(feature, NO_EDGE_LIVES))
    return {entity: View(f"{entity.label}_graph", entity, tuple(some)) for entity, some in fields.items()}


def _owner(name: str) -> Entity:
    """The entity that the second word of a graph feature's name says; what names none is about the person."""
    word = name.removeprefix("graph__").split("_")[0]
    return next((entity for entity in (Entity.DEVICE, Entity.DESTINATION) if entity.label == word), Entity.USER)


def ring_view(descriptions: Sequence[tuple[str, str]]) -> View:
    """The nightly features of rings, `(name, description)` each; they are found offline and belong to a person."""
    fields = (Field(name, text, "", "rings are found nightly, offline", RINGS_LIVE) for name, text in descriptions)
    return View("user_rings", Entity.USER, tuple(fields))


def _field(feature: Any, lives: int) -> Field:
    return Field(feature.name, feature.description, getattr(feature, "unit", ""), getattr(feature, "reason", ""), lives)
