"""The four pictures of a model: precision over recall, calibration, scores by outcome, cost against threshold. SVG."""

from io import StringIO
from typing import Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from training.calibration import decile_table, log_odds
from training.consequences import CostCurve
from training.curves import Ranking
from training.estimates import wilson
from training.evaluate import Scored

INK: Final = "#1f2933"
FAINT: Final = "#9aa5b1"
HONEST: Final = "#3b7dd8"
FRAUD: Final = "#c2571a"
_BINS: Final = 40
# Beyond this many points a line looks the same and the file only grows.
_POINTS_MAX: Final = 800


def pictures(scored: Scored, costs: CostCurve, review_share_max: float, currency: str) -> dict[str, str]:
    """SVG text by name; equal inputs give equal text. `scored` needs both classes."""
    drawn = {
        "precision_recall": _precision_recall(scored),
        "calibration": _calibration(scored),
        "scores": _scores(scored),
        "cost": _cost(costs, review_share_max, currency),
    }
    return {name: _svg(figure) for name, figure in drawn.items()}


def _canvas(title: str, across: str, up: str) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(5.4, 3.9), layout="constrained")
    axes = figure.subplots()
    axes.set_title(title, loc="left", fontsize=11, color=INK)
    axes.set_xlabel(across, color=INK)
    axes.set_ylabel(up, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    return figure, axes


def _precision_recall(scored: Scored) -> Figure:
    figure, axes = _canvas("Precision over recall", "recall: share of fraud found", "precision")
    curve = Ranking.of(scored.labels, scored.scores).curve(np.ones(len(scored.labels)))
    recall, precision = curve.positives / curve.positives[-1], curve.positives / (curve.positives + curve.negatives)
    shown = _thinned(len(recall))
    axes.plot(recall[shown], precision[shown], color=FRAUD, linewidth=1.8)
    base = scored.labels.mean()
    axes.axhline(base, color=FAINT, linestyle="dashed", linewidth=1)
    axes.annotate(f"by chance {base:.1%}", (0, base), (6, 4), textcoords="offset points", color=FAINT)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.03))
    _in_percent(axes, "xy")
    return figure


def _calibration(scored: Scored) -> Figure:
    """Tenths of the score with the 95% interval of what was observed (Wilson), on log-odds, where rare is visible.

    A tenth without a positive has no log-odds: it is an open marker on the lower edge, and the legend says so.
    """
    figure, axes = _canvas("Calibration, by tenths of the score", "predicted", "observed")
    table = decile_table(scored.labels, scored.scores)
    predicted = np.array([row["predicted"] for row in table])
    rows = [row["rows"] for row in table]
    positives = [round(row["observed"] * row["rows"]) for row in table]
    low, high = np.array(list(map(wilson, positives, rows))).T
    observed = np.clip([row["observed"] for row in table], low, high)
    least = max(min(predicted.min(), observed[observed > 0].min(initial=1.0)) / 2, 1e-5)
    ends = np.array([least, min(0.999, max(predicted.max(), high.max()))])
    axes.plot(log_odds(ends), log_odds(ends), color=FAINT, linestyle="dashed", linewidth=1)
    places = log_odds(np.maximum(predicted, least))
    axes.vlines(places, log_odds(np.maximum(low, least)), log_odds(np.maximum(high, least)), color=FRAUD, alpha=0.45)
    none = np.array(positives) == 0
    axes.scatter(places[~none], log_odds(np.maximum(observed[~none], least)), color=FRAUD, s=26, zorder=3)
    axes.set_ylim(bottom=log_odds(ends)[0])
    if none.any():
        edge = np.full(int(none.sum()), log_odds(ends)[0])
        label = "none observed: 0%, below the scale"
        axes.scatter(places[none], edge, facecolor="white", edgecolor=FRAUD, s=30, zorder=4, clip_on=False, label=label)
        axes.legend(frameon=False, fontsize=9, loc="upper left")
    ticks = [tick for tick in (1e-5, 1e-4, 0.001, 0.01, 0.05, 0.2, 0.5, 0.8, 0.95, 0.99) if least <= tick <= ends[1]]
    labels = [f"{100 * tick:g}%" for tick in ticks]
    axes.set_xticks(log_odds(np.array(ticks)), labels)
    axes.set_yticks(log_odds(np.array(ticks)), labels)
    return figure


def _scores(scored: Scored) -> Figure:
    figure, axes = _canvas("Scores by outcome", "score", "share of the class (logarithmic)")
    edges = np.linspace(0, 1, _BINS + 1).tolist()
    for label, colour, name in ((0, HONEST, "honest"), (1, FRAUD, "fraud")):
        chosen = scored.scores[scored.labels == label]
        axes.hist(
            chosen,
            edges,
            weights=np.full(len(chosen), 1 / len(chosen)),
            color=colour,
            alpha=0.55,
            label=f"{name} ({len(chosen):,})",
        )
    axes.set_yscale("log")
    axes.legend(frameon=False)
    return figure


def _cost(curve: CostCurve, review_share_max: float, currency: str) -> Figure:
    figure, axes = _canvas("Cost against the share that people review", "share reviewed", f"expected cost, {currency}")
    shown, best = _thinned(len(curve.costs)), curve.cheapest(review_share_max)
    axes.plot(curve.review_shares[shown], curve.costs[shown], color=INK, linewidth=1.6)
    limit = f"all that reviewers can do: {review_share_max:.1%}"
    axes.axvline(review_share_max, color=FAINT, linestyle="dashed", linewidth=1, label=limit)
    share = curve.review_shares[best]
    cheapest = f"cheapest within it: score {curve.thresholds[best]:.3f}, {share:.2%} reviewed"
    axes.scatter([share], [curve.costs[best]], color=FRAUD, s=40, zorder=3, clip_on=False, label=cheapest)
    right = min(1.0, max(5 * review_share_max, 0.05))
    seen = curve.costs[curve.review_shares <= right]
    # Room above for the legend; from zero the curve would be a flat line.
    reach = max(seen.max() - seen.min(), 0.01 * abs(seen.max()), 0.01)
    axes.set(xlim=(0, right), ylim=(seen.min() - 0.08 * reach, seen.max() + 0.4 * reach))
    axes.legend(frameon=False, fontsize=9, loc="upper right")
    _in_percent(axes, "x")
    return figure


def _in_percent(axes: Axes, which: str) -> None:
    for name in which:
        getattr(axes, f"{name}axis").set_major_formatter(PercentFormatter(1.0))


def _thinned(points: int) -> np.ndarray:
    return np.unique(np.linspace(0, points - 1, min(points, _POINTS_MAX)).astype(np.int64))


def _svg(figure: Figure) -> str:
    written = StringIO()
    # Text stays text, so that it can be searched and copied; no date and no random ids, so that it can be compared.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "assay"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]
