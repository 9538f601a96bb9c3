"""The two pictures of a feature: how its values are spread in two periods, and the label's rate along them."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

import numpy as np
from matplotlib import rc_context, rcParams
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from numpy.typing import NDArray

from features.fold import Vector
from notebooks.relation import Relation
from training.monitoring.bins import Bins

BEFORE: Final = "#9aa5b1"
AFTER: Final = "#3b7dd8"
RATE: Final = "#c2571a"
# Paper and ink of marimo's two themes.
THEMES: Final = {"light": ("white", "#1f2933"), "dark": ("#181c1a", "#e4e7eb")}
_INKED: Final = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")
NAME_MAX: Final = 26
# So many letters lie beside each other under a picture.
ROOM: Final = 80
# Bins between the largest value and the missing ones, which are not its neighbours.
GAP: Final = 0.8
# So many edges of a histogram are named; more would lie on each other.
EDGES_NAMED: Final = 7
# Inches: small, so that letters stay readable where the picture is shrunk into a narrow window.
WIDTH: Final = 8.5
Say = Callable[[float], str]


def drawn_for(theme: str) -> AbstractContextManager[None]:
    """Figures made within have the colours of marimo's theme: `light` or `dark`."""
    paper, ink = THEMES[theme]
    return rc_context({"figure.facecolor": paper, "axes.facecolor": paper} | dict.fromkeys(_INKED, ink))


def spread_figure(
    bins: Bins, counts: Sequence[NDArray[np.int64]], periods: Sequence[str], say: Say, axis: str
) -> Figure:
    """Shares of the events in each bin, a colour a period; the missing ones at the right. `counts` as of Bins."""
    figure, axes = _page(3.4)
    shares = [each / max(each.sum(), 1) for each in counts]
    used = _used(bins, np.sum(counts, axis=0))
    places = np.arange(len(used)) + GAP * (np.array(used) == len(bins))
    for at, (share, colour) in enumerate(zip(shares, (BEFORE, AFTER), strict=True)):
        axes.bar(places + 0.4 * at - 0.2, share[used], 0.4, color=colour, label=periods[at])
    if bins.values is None:
        _name_edges(axes, bins, places, say)
    else:
        _name_bins(axes, [*bins.names(say), "missing"], used, places)
    axes.set_ylabel("share of events")
    axes.set_xlabel(axis)
    # Above the bars, where it hides none.
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)
    return figure


def rate_figure(relation: Relation, target: str, say: Say, axis: str) -> Figure:
    """A point a bin with its 95% interval and its number of events; the dashed line is the rate of all."""
    figure, axes = _page(3.6)
    used = [at for at, rate in enumerate(relation.rates) if rate is not None]
    rates = [rate for rate in relation.rates if rate is not None]
    values = np.array([rate.value for rate in rates])
    low, high = np.array([rate.interval for rate in rates]).T
    reach = np.array([np.maximum(values - low, 0), np.maximum(high - values, 0)])
    axes.errorbar(range(len(used)), values, reach, fmt="o", color=RATE, capsize=4, markersize=8)
    for at, rate in enumerate(rates):
        axes.annotate(
            f"{rate.rows:,}",
            (at, high[at]),
            (0, 6),
            textcoords="offset points",
            ha="center",
            fontsize=8,
            bbox={"boxstyle": "square,pad=0.1", "fc": rcParams["figure.facecolor"], "ec": "none"},
        )
    axes.axhline(relation.overall.value, color=rcParams["text.color"], linewidth=1, linestyle="dashed", zorder=0)
    _name_bins(axes, [*relation.bins.names(say), "missing"], used, np.arange(len(used), dtype=float))
    axes.set_ylim(bottom=0)
    axes.margins(y=0.15)
    axes.set_ylabel(f"share of {target}")
    axes.set_xlabel(f"{axis}; above each point: labelled events")
    return figure


def _page(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(WIDTH, height), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0))
    return figure, axes


def _used(bins: Bins, counts: NDArray[np.int64]) -> list[int]:
    """Bins to draw: a histogram keeps its empty ones, but "missing" and "others" only appear when there are any."""
    kept = len(bins) if bins.values is None else 0
    return [at for at in range(len(counts)) if at < kept or counts[at]]


def _name_edges(axes: Axes, bins: Bins, places: Vector, say: Say) -> None:
    step = max(1, round(len(bins) / EDGES_NAMED))
    named = [*range(0, len(bins) - step // 2, step), len(bins)]
    ticks, names = [at - 0.5 for at in named], [say(float(bins.edges[at])) for at in named]
    if len(places) > len(bins):
        ticks, names = [*ticks, places[-1]], [*names, "\nmissing"]
    axes.set_xticks(ticks, names)


def _name_bins(axes: Axes, names: Sequence[str], used: Sequence[int], places: Vector) -> None:
    shown = [_short(names[at]) for at in used]
    axes.set_xticks(places, shown)
    if len(shown) * max(map(len, shown)) > ROOM:
        axes.tick_params(axis="x", rotation=30, rotation_mode="anchor")
        for name in axes.get_xticklabels():
            name.set_horizontalalignment("right")
    axes.set_xlim(-0.6, max(places[-1], 3) + 0.6)


def _short(name: str) -> str:
    # A dollar sign would begin mathematics.
    return (name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…").replace("$", r"\$")
