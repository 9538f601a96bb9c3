"""What a feature is profiled from: a home's frame, read a column at a time, its periods, and its mature labels."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Final

import numpy as np
import polars as pl
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.events import instant_of, micros_of
from features.fold import Vector
from features.frame import frames_folder, outcomes_of, read_frame
from features.home import Home
from features.intrinsic import INTRINSIC
from features.log import Log
from pipelines.frame import maturity_of
from training.labels import TARGETS, settling_times
from training.monitoring import periods
from training.splits import Labelling

Mask = NDArray[np.bool_]
KEYS: Final = ("event_id", "kind", "user_id", "as_of")
_INTRINSIC: Final = {feature.name: feature for feature in INTRINSIC}
ROWS_MAX: Final = 200_000
"""More rows than this are thinned: what is shown changes in no digit that matters, and a page stays quick."""


@dataclass(frozen=True)
class Days:
    """A period: whole days in UTC, both included."""

    first: date
    last: date

    def __str__(self) -> str:
        return f"{self.first:%d %b %Y}" if self.first == self.last else f"{self.first:%d %b} to {self.last:%d %b %Y}"

    def mask(self, times: NDArray[np.int64]) -> Mask:
        """Which of `times` (microseconds) lie within."""
        begin = micros_of(datetime(self.first.year, self.first.month, self.first.day, tzinfo=UTC))
        length = ((self.last - self.first).days + 1) * 86_400_000_000
        return np.asarray((times >= begin) & (times < begin + length))


@dataclass(frozen=True)
class Known:
    """The events of a home in order of arrival: KEYS, and for each target 1.0, 0.0 or NaN (nobody can know yet)."""

    home: Home
    events: pl.DataFrame
    labels: Mapping[str, Vector]

    @property
    def times(self) -> NDArray[np.int64]:
        return self.events["as_of"].to_numpy()

    @property
    def days(self) -> Days:
        return Days(instant_of(int(self.times.min())).date(), instant_of(int(self.times.max())).date())

    @property
    def kinds(self) -> list[str]:
        """The kinds of event, the commonest first."""
        return self.events["kind"].value_counts().sort("count", "kind", descending=True)["kind"].to_list()

    def of_kind(self, kind: str | None) -> Mask:
        """Which events are of this kind; all of them for None."""
        return np.ones(self.events.height, dtype=bool) if kind is None else (self.events["kind"] == kind).to_numpy()

    def column(self, name: str) -> Vector:
        """One feature of every event, `(events,)`; missing as NaN."""
        # A service may add to the frame meanwhile; what was there at first stays first.
        return read_frame(self.home.features, [name])[name].to_numpy()[: self.events.height].astype(np.float64)

    def people(self) -> NDArray[np.int64]:
        """A number for each event's person; an event of nobody is a person of its own."""
        names = self.events.select(pl.coalesce("user_id", pl.format("\x00{}", pl.int_range(pl.len()))))
        return names.to_series().rank("dense").to_numpy().astype(np.int64) - 1


def known_of(home: Home) -> Known | str:
    """What the home knows; a sentence for people when there is nothing to profile."""
    if not any(frames_folder(home.features).glob("*.parquet")):
        return (
            f"**There are no features of this release in `{home.root}`.** `assay up` makes a home, `assay backfill` "
            "computes the features of one; if yours is elsewhere, start this notebook with `ASSAY_HOME` set to it."
        )
    events = read_frame(home.features, KEYS)
    if events.is_empty():
        return f"**The log of `{home.root}` holds no event yet.**"
    return Known(home, events, _labels(home, events))


def _labels(home: Home, events: pl.DataFrame) -> dict[str, Vector]:
    """As training reads them: as known at the newest instant of the log."""
    log = Log(home.log)
    outcomes, (_, newest) = outcomes_of(log), log.last()
    settling = settling_times(events, outcomes)
    read = {target: Labelling(target, maturity_of(home), settling).read(events, outcomes, newest) for target in TARGETS}
    return {target: labels.cast(pl.Float64).fill_null(np.nan).to_numpy() for target, labels in read.items()}


def words_of(home: Home, name: str) -> dict[float, str]:
    """What each number of a categorical feature stands for in the log; of ids that share a number, the first met."""
    feature = _INTRINSIC[name]
    words: dict[float, str] = {}
    for rows in Log(home.log).tables([feature.column]):
        for said in pc.unique(rows[feature.column]).drop_null().to_pylist():
            words.setdefault(feature.number(said), str(said))
    return words


def usual_periods(days: Days) -> tuple[Days, Days]:
    """The middle and the last third of `days`: in the first one the longest windows were still filling."""
    third = ((days.last - days.first).days + 1) // 3
    if third == 0:
        return Days(days.first, days.first), Days(days.last, days.last)
    later = Days(days.last - timedelta(days=third - 1), days.last)
    return Days(later.first - timedelta(days=third), later.first - timedelta(days=1)), later


def thinned(chosen: Mask, rows_max: int = ROWS_MAX) -> NDArray[np.int64]:
    """Places of the chosen rows, evenly thinned to at most `rows_max`."""
    return periods.thinned(chosen, rows_max)
