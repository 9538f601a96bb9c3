"""The table that is computed: the house's own windows and ratios, then those of installed packages.

A package names a sequence of `Windowed` and `Ratio` by an entry point of the group `assay.features`, and imports
`features.windows` for it, which never imports this module: so it does not matter which of them is imported first.
"""

from collections.abc import Sequence
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import pyarrow as pa

from features.log import PAYLOAD
from features.windows import (
    MEASURES,
    OWN_RATIOS,
    OWN_WINDOWS,
    Aggregate,
    Entity,
    FeatureError,
    Ratio,
    Windowed,
)

GROUP: Final = "assay.features"
Feature = Windowed | Ratio


def outside_features() -> list[Feature]:
    """What installed packages add. Raises FeatureError, naming entry point and feature, for what cannot be used."""
    found: list[Feature] = []
    for point in sorted(entry_points(group=GROUP)):
        found += checked(f"{GROUP}: {point.name} = {point.value}", _loaded(point), [*OWN_WINDOWS, *OWN_RATIOS, *found])
    return found


def _loaded(point: EntryPoint) -> Any:
    try:
        return point.load()
    except Exception as failure:
        raise FeatureError(
            f"{GROUP}: {point.name} = {point.value} does not load ({type(failure).__name__}: {failure}): correct or "
            "uninstall that package; of Assay it may import features.windows and features.events only"
        ) from failure


def checked(point: str, named: object, known: Sequence[Feature]) -> Sequence[Feature]:
    """`named`, if all of it can be computed beside the `known` features. Raises FeatureError, which names `point`."""
    if isinstance(named, str) or not isinstance(named, Sequence):
        shown = f"one {type(named).__name__}" if isinstance(named, Feature) else repr(named)
        raise FeatureError(f"{point} names {shown}: let it name a list of Windowed and Ratio")
    names = {feature.name for feature in known}
    for feature in named:
        if wrong := _unfit(feature):
            raise FeatureError(f"{point}: {wrong}")
        if feature.name in names:
            raise FeatureError(f"{point}: {feature.name} is in the table already: remove it")
        names.add(feature.name)
    _assert_halves(point, [*known, *named])
    return named


def _assert_halves(point: str, features: Sequence[Feature]) -> None:
    for ratio in (feature for feature in features if isinstance(feature, Ratio)):
        for half in (ratio.top, ratio.bottom):
            if half not in features:
                raise FeatureError(
                    f"{point}: {ratio.name}: {half.name} must be in the list, too: add it, with the same reason"
                )


def _unfit(feature: object) -> str | None:
    """Why the log cannot feed a feature, and the remedy; None when it can."""
    if not isinstance(feature, Feature):
        return f"{feature!r} is no feature: write a Windowed or a Ratio in its place"
    if isinstance(feature, Ratio):
        return None
    if not isinstance(feature.aggregate, Aggregate) or not isinstance(feature.entity, Entity):
        return f"{feature!r}: take entity from Entity and aggregate from Aggregate of features.windows"
    wrong = _misread(feature) if feature.measure else None
    return f"{feature.name}: {wrong}" if wrong else None


def _misread(feature: Windowed) -> str | None:
    column = feature.measure
    if column not in PAYLOAD.names:
        near = get_close_matches(column, PAYLOAD.names, n=1) or PAYLOAD.names
        return f"the log has no column {column!r}: did you mean {' or '.join(near)}?"
    kind = PAYLOAD.field(column).type
    is_text = pa.types.is_string(kind)
    if feature.aggregate is Aggregate.DISTINCT:
        return None if is_text else f"{column} is {kind}, and only text is told apart: name a column of text"
    if is_text or pa.types.is_nested(kind):
        return f"{column} is {kind}, and {feature.aggregate} needs a number: name a number, or use Aggregate.DISTINCT"
    if pa.types.is_floating(kind) and column not in MEASURES:
        return f"{column} has decimals: give it a scale in MEASURES of features/windows.py"
    return None


_OTHERS: Final = outside_features()
WINDOWS: Final[tuple[Windowed, ...]] = (*OWN_WINDOWS, *(one for one in _OTHERS if isinstance(one, Windowed)))
RATIOS: Final[tuple[Ratio, ...]] = (*OWN_RATIOS, *(one for one in _OTHERS if isinstance(one, Ratio)))
TABLE: Final[tuple[Feature, ...]] = (*WINDOWS, *RATIOS)
assert len({feature.name for feature in TABLE}) == len(TABLE), "two features have the same name"


def features_of(entity: Entity) -> list[Feature]:
    """The features of one entity, in the order of the table."""
    return [feature for feature in TABLE if feature.entity is entity]
