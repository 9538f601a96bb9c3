"""Out-of-time slices: learn from the past, calibrate on what came after, test on what came last.

Each slice is read with the outcomes that were on record when the next one begins, so that what is measured is what
would have been known: nobody trains today with labels that arrive next month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.labels import MICROS_PER_DAY, Target, default_precedence, label_events, settled

Slice = Literal["train", "calibrate", "test"]
Labels = NDArray[np.float64]

TRAIN_SHARE: Final = 0.6
# Of what follows the training slice; the test has the rest, less the second gap.
CALIBRATE_SHARE: Final = 0.4
# Longer waits would starve the model to flatter the split.
WAITS_MAX_SHARE: Final = 0.5
_SLICES: Final[tuple[Slice, ...]] = ("train", "calibrate", "test")


@dataclass(frozen=True)
class Labelling:
    """How labels are read. `maturity` is by kind of outcome, `settling` by kind of event, both in microseconds.

    `precedence` ranks the sources, the most trusted first.
    """

    target: Target
    maturity: Mapping[str, int]
    settling: Mapping[str, int]
    precedence: tuple[str, ...] = field(default_factory=default_precedence)

    def read(self, events: pl.DataFrame, outcomes: pl.DataFrame, as_of: int) -> pl.Series:
        """Labels as of `as_of`; None for what had not settled by then."""
        labels = label_events(events, outcomes, self.target, as_of, self.maturity, self.precedence)
        return labels.set(~settled(events, self.settling, as_of), None)


@dataclass(frozen=True)
class Boundaries:
    """Instants in microseconds. A row belongs to a slice by its own `as_of`, the time of its decision.

    The `gap` before each boundary holds rows whose labels were not yet known there; they are in no slice.
    `patient` False reads every label as of the end instead: for logs too short to wait, and optimistic.
    """

    calibrate_from: int
    test_from: int
    end: int
    gap: int
    patient: bool = True

    def spans(self) -> dict[Slice, tuple[int, int, int]]:
        """`(from, before, labels as of)` of each slice."""
        first, second = (self.calibrate_from, self.test_from) if self.patient else (self.end, self.end)
        return {
            "train": (0, self.calibrate_from - self.gap, first),
            "calibrate": (self.calibrate_from, self.test_from - self.gap, second),
            "test": (self.test_from, self.end + 1, self.end),
        }


@dataclass(frozen=True)
class Rows:
    """Labelled rows of one slice, in order of sequence, and their labels as 0.0 and 1.0."""

    frame: pl.DataFrame
    labels: Labels

    @property
    def positives(self) -> int:
        return int(self.labels.sum())

    @property
    def has_both_classes(self) -> bool:
        return 0 < self.positives < len(self.labels)

    def of_kinds(self, kinds: Sequence[str]) -> "Rows":
        """The rows of some kinds of event only."""
        mask = self.frame["kind"].is_in(list(map(str, kinds))).fill_null(value=False)
        return Rows(self.frame.filter(mask), self.labels[mask.to_numpy()])


def boundaries(events: pl.DataFrame, labelled: pl.Series, end: int, gap: int) -> Boundaries:
    """Boundaries with 60% of the labelled rows before the first gap, and 40% of what follows it before the second.

    When waiting twice would cost more than half of the labelled time, there is no gap, and labels are read as of the
    end. Raises ValueError when no row has a label.
    """
    times = np.sort(events.filter(labelled.is_not_null())["as_of"].to_numpy())
    if not len(times):
        raise ValueError("no event has a label yet: load outcomes (reversal, ban, disposition, clean) or wait longer")
    if gap and WAITS_MAX_SHARE * (times[-1] - times[0]) < 2 * gap:
        return replace(boundaries(events, labelled, end, 0), patient=False)
    calibrate_from = _instant_at(times, TRAIN_SHARE) + gap
    later = times[times >= calibrate_from]
    test_from = (_instant_at(later, CALIBRATE_SHARE) if len(later) else calibrate_from) + gap
    return Boundaries(calibrate_from, test_from, end, gap)


def _instant_at(times: NDArray[np.int64], share: float) -> int:
    """The time of the row that has `share` of the rows before it."""
    return int(times[min(int(share * len(times)), len(times) - 1)])


def out_of_time(
    frame: pl.DataFrame, outcomes: pl.DataFrame, labelling: Labelling, end: int
) -> tuple[Boundaries, dict[Slice, Rows]]:
    """Boundaries measured from the log, and their slices: patient ones, unless waiting would leave a slice without
    both classes. Raises ValueError when even labels as of the end leave one so, and names what to record when the whole
    log knows one class only.
    """
    labels = labelling.read(frame, outcomes, end)
    _assert_two_classes(labels, labelling.target)
    bounds = boundaries(frame, labels, end, max(labelling.settling.values(), default=0))
    try:
        return bounds, split(frame, outcomes, labelling, bounds)
    except ValueError:
        if not bounds.patient:
            raise
    hasty = replace(boundaries(frame, labels, end, 0), patient=False)
    return hasty, split(frame, outcomes, labelling, hasty)


def split(frame: pl.DataFrame, outcomes: pl.DataFrame, labelling: Labelling, bounds: Boundaries) -> dict[Slice, Rows]:
    """The slices `train`, `calibrate` and `test`. Raises ValueError for one that is empty or has a single class."""
    slices = cut(frame, outcomes, labelling, bounds)
    for name in _SLICES:
        _check(name, slices[name], bounds, labelling.target)
    return slices


def cut(frame: pl.DataFrame, outcomes: pl.DataFrame, labelling: Labelling, bounds: Boundaries) -> dict[Slice, Rows]:
    """The slices as they are, empty and one-sided ones, too."""
    slices: dict[Slice, Rows] = {}
    for name, (start, before, known_at) in bounds.spans().items():
        rows = frame.filter(pl.col("as_of").is_between(start, before, closed="left"))
        labels = labelling.read(rows, outcomes, known_at)
        slices[name] = Rows(rows.filter(labels.is_not_null()), labels.drop_nulls().cast(pl.Float64).to_numpy())
    return slices


_LACKING: Final = {
    ("fraud", False): (
        "no labelled event is a fraud",
        "record frauds as outcomes: a disposition `fraud`, a reversal with the reason `fraud`, or a ban by a person",
    ),
    ("fraud", True): (
        "every labelled event is a fraud",
        "record what turned out well, too: an outcome `clean`, or a disposition `genuine`",
    ),
    ("reversal", False): ("no labelled event was reversed", "record reversals as outcomes of the kind `reversal`"),
    ("reversal", True): ("every labelled event was reversed", "record what was not taken back as outcomes `clean`"),
}
"""What a log of one class lacks, by target and by the class that it has, and what to record."""


def _assert_two_classes(labels: pl.Series, target: Target) -> None:
    known = labels.drop_nulls()
    if known.n_unique() != 1:
        return
    lacking, remedy = _LACKING[target, bool(known[0])]
    raise ValueError(
        f"{lacking}, of {len(known):,} with a label, so there is nothing to tell apart: {remedy}. Send them to POST "
        "/v1/outcomes, or name their column in the folder's mapping.yaml and ingest it anew; `assay data doctor` says "
        "what a log holds"
    )


def _check(name: Slice, rows: Rows, bounds: Boundaries, target: Target) -> None:
    if rows.has_both_classes:
        return
    gap_days = bounds.gap / MICROS_PER_DAY
    found = f"{len(rows.labels)} labelled rows, {rows.positives} of them positive, with a gap of {gap_days:.1f} days"
    _, remedy = _LACKING[target, rows.positives > 0]
    raise ValueError(
        f"the {name} slice needs both classes and has {found}: take a longer log, wait until more labels mature, or "
        f"{remedy}"
    )
