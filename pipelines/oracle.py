"""The definition of every window feature, written out: what the fast engine is compared with, by tests and benchmarks.

Plain Python over plain lists, one pass over the entity's past for each cell: integers where the definition adds
integers, fractions for means and variances, `math.fsum` for decayed sums. It shares nothing with the engine but the
table of features and the scale of each measure.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

from features.state.points import NEGLIGIBLE
from features.windows import AMOUNT_MAX, DISTINCT_MAX, GRAINS_MAX, SECOND, Aggregate, Ratio, Windowed, measure_of

Row = Mapping[str, Any]
Feature = Windowed | Ratio
NAN: Final = math.nan
EXACT: Final = frozenset(
    {Aggregate.COUNT, Aggregate.SUM, Aggregate.DISTINCT, Aggregate.MIN, Aggregate.MAX, Aggregate.LAST, Aggregate.SINCE}
)
"""What must agree to the last bit. Means and variances end in one division, decayed sums in many: see `tolerance`."""


def tolerance(feature: Feature) -> float:
    """The relative (and, below one, absolute) difference that rounding may make."""
    if isinstance(feature, Ratio):
        return max(1e-12, tolerance(feature.top), tolerance(feature.bottom))
    if feature.aggregate in EXACT:
        return 0.0
    return 1e-9 if feature.aggregate is Aggregate.DECAYED else 1e-12


class Definition:
    """Remembers every row. Rows must come in the order of their sequence."""

    def __init__(self, features: Sequence[Feature]) -> None:
        self._features = tuple(features)
        self._entities = tuple(dict.fromkeys(feature.entity for feature in features))
        self._past: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)

    def learn(self, row: Row) -> None:
        for entity in self._entities:
            if row[entity.value] is not None:
                self._past[entity.value, row[entity.value]].append(row)

    def vector(self, row: Row) -> list[float]:
        """Each feature's value for a decision on `row`, missing as NaN."""
        return [self.value(feature, row) for feature in self._features]

    def value(self, feature: Feature, row: Row) -> float:
        key = row[feature.entity.value]
        if key is None:
            return NAN
        if isinstance(feature, Ratio):
            top, bottom = self.value(feature.top, row), self.value(feature.bottom, row)
            return NAN if bottom == 0 else top / bottom
        past = self._past.get((feature.entity.value, key), [])
        return aggregated(feature, [event for event in past if _is_inside(feature, event, row["as_of"])], row["as_of"])


def vectors(features: Sequence[Feature], rows: Iterable[Row]) -> Iterator[list[float]]:
    """The vector of each row, read before it is learned."""
    definition = Definition(features)
    for row in rows:
        yield definition.vector(row)
        definition.learn(row)


def _is_inside(feature: Windowed, event: Row, as_of: int) -> bool:
    if feature.kind and event["kind"] != feature.kind:
        return False
    edge = as_of - feature.over
    return feature.aggregate is Aggregate.DECAYED or bool(event["event_time"] >= edge - edge % feature.hop)


def aggregated(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    """The aggregate over `events`, which are inside the window, in the order of their sequence."""
    return _OVER_EVENTS.get(feature.aggregate, _over_numbers)(feature, events, as_of)


def _count(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    return float(len(events))


def _since(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    """Seconds since the latest of the events, of those that have the measure if there is one."""
    times = [event["event_time"] for event, number in _numbered(feature, events) if number is not None]
    return (as_of - max(times)) / SECOND if times else NAN


def _last(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    """The value with the greatest event time; of equal times the one that arrived last."""
    latest, value = None, NAN
    for event, number in _numbered(feature, events):
        if number is not None and (latest is None or event["event_time"] >= latest):
            latest, value = event["event_time"], number / measure_of(feature.measure).scale
    return value


def _distinct(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    return float(min(len({event[feature.measure] for event in events} - {None}), DISTINCT_MAX))


def _decayed(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    """Each amount halves every `over`; a sum below NEGLIGIBLE is nothing."""
    halved = math.fsum(
        number * 0.5 ** ((as_of - event["event_time"]) / feature.over)
        for event, number in _numbered(feature, events)
        if number is not None
    )
    return halved / measure_of(feature.measure).scale if abs(halved) >= NEGLIGIBLE else 0.0


def _over_numbers(feature: Windowed, events: Sequence[Row], as_of: int) -> float:
    """Of the integers that the events have of the measure."""
    measure = measure_of(feature.measure)
    numbers = [number for _, number in _numbered(feature, events) if number is not None]
    if feature.aggregate is Aggregate.SUM:
        return sum(numbers) / measure.scale
    if not numbers:
        return NAN
    if feature.aggregate is Aggregate.MEAN:
        return float(Fraction(sum(numbers), len(numbers) * measure.scale))
    if feature.aggregate is Aggregate.VARIANCE:
        grains = [max(-GRAINS_MAX, min(GRAINS_MAX, number // measure.grain)) for number in numbers]
        return float(_variance(grains) * Fraction(measure.grain, measure.scale) ** 2)
    return {Aggregate.MIN: min, Aggregate.MAX: max}[feature.aggregate](numbers) / measure.scale


def _variance(numbers: Sequence[int]) -> Fraction:
    """Of the population: the mean of the squared distances from the mean."""
    mean = Fraction(sum(numbers), len(numbers))
    return sum(((number - mean) ** 2 for number in numbers), Fraction(0)) / len(numbers)


_OVER_EVENTS: Final = {
    Aggregate.COUNT: _count,
    Aggregate.SINCE: _since,
    Aggregate.LAST: _last,
    Aggregate.DISTINCT: _distinct,
    Aggregate.DECAYED: _decayed,
}


def _numbered(feature: Windowed, events: Sequence[Row]) -> Iterator[tuple[Row, int | None]]:
    """Each event with the integer that it has of the measure; one, where the feature has no measure."""
    for event in events:
        yield event, integer_of(event[feature.measure], feature.measure) if feature.measure else 1


def integer_of(value: float | None, column: str) -> int | None:
    """`round(value * scale)`, at most AMOUNT_MAX either way; None for what is missing or no number."""
    if value is None or math.isnan(value):
        return None
    scaled = value * measure_of(column).scale
    return int(max(-AMOUNT_MAX, min(AMOUNT_MAX, scaled if math.isinf(scaled) else round(scaled))))
