"""Curves of cohorts: purchases a customer since the first one, as they came and as they were expected. SVG."""

from io import StringIO
from typing import Final

import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from training.ltv.purchases import WEEK, Floats, History, Purchases
from training.ltv.study import Fitted, Study

INK: Final = "#1f2933"
FAINT: Final = "#9aa5b1"
CAME: Final = "#3b7dd8"
EXPECTED: Final = "#c2571a"
PANELS_MAX: Final = 12
_REPEATS_MAX: Final = 7


def pictures(purchases: Purchases, study: Study, holdout_weeks: int) -> dict[str, str]:
    """SVG text by name: `cohorts` over the weeks, `repeats` by purchases before the day of looking."""
    expected = study.fitted.expected(holdout_weeks)
    return {"cohorts": _svg(_cohorts(purchases, study, holdout_weeks)), "repeats": _svg(_by_repeats(study, expected))}


def _cohorts(purchases: Purchases, study: Study, holdout_weeks: int) -> Figure:
    """One panel a cohort; of more than PANELS_MAX the largest."""
    names = purchases.cohorts()[study.fitted.chosen]
    largest = sorted(study.cohorts, key=lambda one: -one.customers)[:PANELS_MAX]
    shown = sorted(one.name for one in largest)
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = Figure(figsize=(4.2 * columns, 3.3 * rows + 0.5), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(panels, shown, strict=False):
        _panel(axes, purchases, study.fitted, names == name, holdout_weeks)
        axes.set_title(f"{name}: {int((names == name).sum()):,} customers", loc="left", fontsize=10, color=INK)
    for axes in panels[len(shown) :]:
        axes.set_visible(False)
    panels[0].legend(frameon=False, fontsize=8, loc="upper left")
    figure.supxlabel("weeks since the table began", fontsize=9, color=INK)
    figure.supylabel("repeat purchases a customer", fontsize=9, color=INK)
    return figure


def _panel(axes: Axes, purchases: Purchases, fitted: Fitted, members: np.ndarray, holdout_weeks: int) -> None:
    day, codes = fitted.day, fitted.chosen[members]
    ends = np.arange(WEEK - 1, day + holdout_weeks * WEEK + 1, WEEK)
    came = _repeats(purchases, codes, ends)
    axes.plot((ends + 1) / WEEK, came, color=CAME, linewidth=1.8, label="came")
    before = ends[ends <= day]
    told = [_told_before(fitted, purchases.first[codes], int(end)) for end in before]
    axes.plot((before + 1) / WEEK, told, color=EXPECTED, linewidth=1.2, linestyle="dotted", label="fitted")
    ahead = np.arange(holdout_weeks + 1)
    known = float(_repeats(purchases, codes, np.array([day]))[0])
    coming = [known] + [known + float(fitted.expected(float(weeks))[members].mean()) for weeks in ahead[1:]]
    axes.plot((day + 1) / WEEK + ahead, coming, color=EXPECTED, linewidth=1.8, label="expected")
    axes.axvline((day + 1) / WEEK, color=FAINT, linewidth=1, linestyle="dashed")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.set_ylim(bottom=0)


def _repeats(purchases: Purchases, codes: np.ndarray, ends: np.ndarray) -> Floats:
    """Repeat purchases a customer of `codes` up to each of the days `ends`."""
    days = purchases.days[np.isin(purchases.customers, codes)]
    made = np.searchsorted(np.sort(days), ends, "right")
    begun = np.searchsorted(np.sort(purchases.first[codes]), ends, "right")
    mean: Floats = (made - begun) / len(codes)
    return mean


def _told_before(fitted: Fitted, first: np.ndarray, day: int) -> float:
    """What the models say of a customer of whom nothing is known but the first day."""
    age = np.maximum(day - first, 0) / WEEK
    new = History(*np.zeros((3, 1)))
    ages, count = np.unique(age, return_counts=True)
    return float(
        sum(n * fitted.pair.expected(new, float(weeks))[0] for weeks, n in zip(ages, count, strict=True)) / len(age)
    )


def _by_repeats(study: Study, expected: Floats) -> Figure:
    figure = Figure(figsize=(5.4, 3.9), layout="constrained")
    axes = figure.subplots()
    groups = np.minimum(study.fitted.history.repeats, _REPEATS_MAX).astype(int)
    there = np.unique(groups)
    lines = (
        (study.came, CAME, "came"),
        (expected, EXPECTED, "expected"),
        (study.forecasts, FAINT, "forecast of least absolute error"),
    )
    for values, colour, label in lines:
        axes.plot(there, _means(values, groups, there), color=colour, marker="o", linewidth=1.6, label=label)
    axes.set_xticks(there, [f"{one}+" if one == _REPEATS_MAX else str(one) for one in there])
    axes.set_xlabel("repeat purchases before", color=INK)
    axes.set_ylabel("purchases after, a customer", color=INK)
    axes.set_title("By what was known of a customer", loc="left", fontsize=11, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.legend(frameon=False)
    return figure


def _means(values: Floats, groups: np.ndarray, there: np.ndarray) -> list[float]:
    return [float(values[groups == one].mean()) for one in there]


def _svg(figure: Figure) -> str:
    written = StringIO()
    # Text stays text, so that it can be searched and copied; no date and no random ids, so that it can be compared.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "assay"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    text = written.getvalue()
    return text[text.index("<svg") :]
