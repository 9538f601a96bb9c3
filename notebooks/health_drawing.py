"""The pictures of a home's health: weeks that matured, waits for outcomes, and what partners took back."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from features.events import instant_of
from features.fold import Vector
from notebooks.profile_drawing import AFTER, BEFORE, RATE, WIDTH
from training.estimates import Estimate
from training.monitoring.bins import Bins
from training.monitoring.cohorts import Cohort
from training.monitoring.delays import Delay
from training.monitoring.partners import Excess, ratio_of

# The axis of a ratio ends here: an interval from almost nothing expected would flatten all others.
RATIO_DRAWN_MAX: Final = 4.0
# Smaller scores are in the first bin: to nobody do they differ.
SCORE_DRAWN_MIN: Final = 1e-4
SCORE_EDGES: Final = 21


def weeks_figure(cohorts: Sequence[Cohort], far: float) -> Figure:
    """Observed over expected, and recall, a point a week with its 95% interval; hollow where the champion learned.

    Shaded: up to `far`, or its inverse, nothing is an alert.
    """
    figure = Figure(figsize=(WIDTH, 5.2), dpi=150, layout="constrained")
    ratios, recalls = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    ratios.axhspan(1 / far, far, color=BEFORE, alpha=0.18, linewidth=0)
    ratios.axhline(1, color=rcParams["text.color"], linewidth=1, linestyle="dashed", zorder=0)
    _points(ratios, cohorts, [one.ratio for one in cohorts])
    _points(recalls, cohorts, [one.recall for one in cohorts])
    highest = max((one.ratio.high or one.ratio.value or 1.0 for one in cohorts), default=1.0)
    ratios.set_ylim(0, min(max(highest * 1.08, 2.0), RATIO_DRAWN_MAX))
    recalls.set_ylim(0, 1)
    ratios.set_ylabel("observed / expected")
    recalls.set_ylabel("recall at 1 %\nfalse positives")
    names = [f"{instant_of(one.span.start):%d %b}\n{one.positives:,} of {one.rows:,}" for one in cohorts]
    recalls.set_xticks(range(len(cohorts)), names, fontsize=8)
    recalls.set_xlim(-0.6, max(len(cohorts) - 1, 3) + 0.6)
    recalls.set_xlabel("week that begins on; positives of labelled events")
    ratios.legend(handles=_weeks_legend(cohorts), frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    for axes in (ratios, recalls):
        axes.spines[["top", "right"]].set_visible(False)
    return figure


def _points(axes: Axes, cohorts: Sequence[Cohort], figures: Sequence[Estimate]) -> None:
    for at, (cohort, found) in enumerate(zip(cohorts, figures, strict=True)):
        if found.value is None:
            continue
        low, high = (found.value if end is None else end for end in (found.low, found.high))
        face = rcParams["figure.facecolor"] if cohort.is_learned else RATE
        axes.errorbar(
            at, found.value, [[found.value - low], [high - found.value]], fmt="o", color=RATE, mfc=face, capsize=4, ms=8
        )


def _weeks_legend(cohorts: Sequence[Cohort]) -> list[Line2D]:
    seen = {one.is_learned for one in cohorts}
    said = {False: "new to the champion", True: "the champion learned from it"}
    return [_mark(RATE, said[one], is_hollow=one) for one in (False, True) if one in seen]


def _mark(colour: str, said: str, *, is_hollow: bool = False) -> Line2D:
    face = rcParams["figure.facecolor"] if is_hollow else colour
    return Line2D([], [], marker="o", color="none", mec=colour, mfc=face, ms=8, label=said)


def delays_figure(delays: Sequence[Delay]) -> Figure:
    """From the middle delay to that of nine in ten, in days: a pair of bars a kind of outcome."""
    known = [one for one in delays if one.before.outcomes or one.recent.outcomes]
    figure, axes = _rows(len(known))
    for at, delay in enumerate(known):
        for wait, colour, offset in ((delay.before, BEFORE, -0.17), (delay.recent, AFTER, 0.17)):
            if wait.outcomes:
                axes.plot([wait.middle, wait.ninetieth], [at + offset] * 2, color=colour, linewidth=5, alpha=0.5)
                axes.plot([wait.middle], [at + offset], "o", color=colour, markersize=8)
                axes.annotate(
                    f"{wait.outcomes:,}",
                    (wait.ninetieth, at + offset),
                    (8, 0),
                    textcoords="offset points",
                    va="center",
                    fontsize=8,
                )
    axes.set_yticks(range(len(known)), [one.kind for one in known])
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_xlabel("days from the event to its outcome: middle (dot) to nine in ten; beside it how many")
    _periods_legend(axes)
    return figure


def partners_figure(found: Sequence[Excess], far: float) -> Figure:
    """Reversals for reasons other than fraud over those of matched traffic: before and now, a row a partner."""
    figure, axes = _rows(len(found))
    for at, one in enumerate(found):
        now = ratio_of(one.recent)
        if one.before is not None:
            before = ratio_of(one.before)
            axes.plot([before, now], [at, at], color=BEFORE, linewidth=2, zorder=1)
            axes.plot([before], [at], "o", color=BEFORE, markersize=8, zorder=2)
        alarming = one.recent.stands_out and one.is_new
        axes.plot([now], [at], "o", color=RATE if alarming else AFTER, markersize=10, zorder=3)
        said = f"{one.recent.reversed:,} of {one.recent.events:,}, expected {one.recent.expected:.1f}"
        axes.annotate(said, (1.01, at), xycoords=("axes fraction", "data"), va="center", fontsize=8)
    axes.axvline(1, color=rcParams["text.color"], linewidth=1, linestyle="dashed", zorder=0)
    axes.axvline(far, color=RATE, linewidth=1, linestyle="dotted", zorder=0)
    axes.set_yticks(range(len(found)), [one.recent.partner_id.replace("$", r"\$") for one in found])
    axes.set_xlim(left=0)
    axes.set_xlabel("taken back, over what matched traffic of other partners lets expect; dotted: the limit")
    _periods_legend(axes)
    return figure


def _rows(count: int) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, 1.4 + 0.45 * max(count, 1)), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.set_ylim(max(count, 1) - 0.5, -0.5)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _periods_legend(axes: Axes) -> None:
    marks = [_mark(BEFORE, "reference"), _mark(AFTER, "recent")]
    axes.legend(handles=marks, frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def score_bins(scores: Vector) -> Bins:
    """Bins a factor apart: most scores are small, and the few large ones decide. All are probabilities above 0."""
    return Bins(np.geomspace(max(float(scores.min(initial=1.0)), SCORE_DRAWN_MIN), 1.0, SCORE_EDGES))
