"""Point-in-time retrieval for training sets: what was known of given entities at given instants, through Feast.

Rows in = rows out, in their order. A value is the newest one of before its row's instant which was known by then, and
null where there is none, or where it had outlived its window. For the exact vector of an event as it arrived, see
`features/frame.py`: values here are as fresh as the last materialisation.
"""

import warnings
from collections.abc import Iterable, Sequence
from typing import Any, Final

import polars as pl

from features.store.registry import Registry
from features.store.shape import View

_ROW: Final = "row__at"
_INSTANT: Final = "event_timestamp"


def retrieve(registry: Registry, entities: pl.DataFrame, features: Sequence[str], as_of: str) -> pl.DataFrame:
    """`entities` with a float64 column for each of `features`, null where nothing was known.

    `entities` has the key columns of the features' entities (`user_id`, `device_key`, ...), and in the column `as_of`
    the instant of each row: integers of microseconds since 1970, or times with a time zone. Rows may repeat.
    Raises ValueError for a feature that nobody registered, a missing column, or times without a time zone.
    """
    chosen = _views_of(registry, features)
    _check(entities, features, [view.entity.value for view in chosen], as_of)
    asked = entities.select(
        pl.int_range(pl.len()).alias(_ROW),
        _instant(entities, as_of).alias(_INSTANT),
        *dict.fromkeys(view.entity.value for view in chosen),
    )
    answered = _answered(registry, asked, chosen, set(features))
    assert answered.height == entities.height, "Feast returned another number of rows than it was asked for"
    return pl.concat([entities, answered.select(features)], how="horizontal")


def _views_of(registry: Registry, features: Iterable[str]) -> list[View]:
    owners = {name: view for view in registry.views.values() for name in view.names}
    unknown = [name for name in features if name not in owners]
    if unknown:
        raise ValueError(f"no view has the features {', '.join(unknown[:5])}: see `assay features list`")
    return list({owners[name].name: owners[name] for name in features}.values())


def _check(entities: pl.DataFrame, features: Sequence[str], keys: Sequence[str], as_of: str) -> None:
    absent = [name for name in (*keys, as_of) if name not in entities.columns]
    if absent:
        raise ValueError(f"the frame lacks the columns {', '.join(absent)}")
    twice = [name for name in features if name in entities.columns]
    if twice:
        raise ValueError(f"the frame has columns of the names {', '.join(twice)} already")


def _instant(entities: pl.DataFrame, as_of: str) -> pl.Expr:
    """In UTC: Feast would take an instant without a time zone for UTC, whatever was meant."""
    kind = entities.schema[as_of]
    if entities[as_of].null_count():
        raise ValueError(f"{as_of} must be given in every row")
    if kind.is_integer():
        return pl.from_epoch(pl.col(as_of), time_unit="us").dt.replace_time_zone("UTC")
    if isinstance(kind, pl.Datetime) and kind.time_zone is not None:
        return pl.col(as_of).dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    raise ValueError(f"{as_of} must hold microseconds since 1970, or times with a time zone, not {kind}")


def _answered(registry: Registry, asked: pl.DataFrame, chosen: Sequence[View], wanted: set[str]) -> pl.DataFrame:
    """One row a row of `asked`, in its order."""
    known = [view for view in chosen if registry.has_values(view)]
    names = [(view, name) for view in chosen for name in view.names if name in wanted]
    nothing = [pl.lit(None, pl.Float64).alias(name) for view, name in names if view not in known]
    if not known or not asked.height:
        return asked.with_columns(pl.lit(None, pl.Float64).alias(name) for _, name in names)
    references = [f"{view.name}:{name}" for view, name in names if view in known]
    stamps = [f"{view.name}:{view.stamp}" for view in known if registry.is_stamped(view)]
    found = pl.DataFrame(pl.from_arrow(_ask(registry, asked, references + stamps))).sort(_ROW)
    return found.with_columns(
        *nothing, *(_alive(registry, view, name).alias(name) for view, name in names if view in known)
    )


def _ask(registry: Registry, asked: pl.DataFrame, references: Sequence[str]) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its engine warns about itself
        # Without this filter Feast looks at when a value was known only to break ties: late values would leak.
        return registry.feast.get_historical_features(
            asked.to_pandas(), list(references), filter_by_created_timestamp=True
        ).to_arrow()


def _alive(registry: Registry, view: View, name: str) -> pl.Expr:
    """Feast has one time to live a view; a short window's value is dead long before the widest one's."""
    if not registry.is_stamped(view):
        return pl.col(name)
    lives = next(field.lives for field in view.fields if field.name == name)
    age = pl.col(_INSTANT).dt.epoch("us") - pl.col(view.stamp)
    return pl.when(age <= lives).then(pl.col(name))
