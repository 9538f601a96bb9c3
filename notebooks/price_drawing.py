"""The pictures of prices: response, burn, margin, and who earns how much."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateLocator, DateFormatter
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, PercentFormatter

from features.events import instant_of
from features.windows import DAY
from notebooks.profile_drawing import AFTER, BEFORE, RATE, WIDTH
from pipelines.priced import Burn, Margin, Responding
from training.pay.earners import Shares
from training.pay.groups import Group

COLUMNS: Final = 3
SIZE_MIN, SIZE_MAX = 3.0, 9.0
NAME_MAX: Final = 24


def responses_figure(found: Sequence[Responding], currency: str) -> Figure:
    """A panel a kind of task: the learned curve with its 95% interval, and what was seen as points with theirs.

    The larger a point, the more offers; the axis of rewards is logarithmic and ends where nothing was offered.
    """
    figure, panels = _grid(len(found), height=2.7)
    for axes, one in zip(panels, found, strict=True):
        seen = [level.reward_micros for level in one.levels]
        levels = np.array(one.curve.levels_micros)
        near = (levels >= min(seen) / 2.1) & (levels <= max(seen) * 2.1)
        units = levels[near] / 1e6
        axes.fill_between(units, one.curve.low[near], one.curve.high[near], color=AFTER, alpha=0.18, linewidth=0)
        axes.plot(units, one.curve.chance[near], color=AFTER, linewidth=2)
        _points(axes, one)
        axes.set_xscale("log")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set_xticks(units)
        axes.minorticks_off()
        axes.tick_params(axis="x", rotation=45)
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_title(_short(one.task_kind), fontsize=10, loc="left")
    panels[0].set_ylabel("completed")
    figure.supxlabel(f"reward in {currency}", fontsize=10)
    figure.legend(handles=_response_legend(), frameon=False, loc="outside upper left", ncols=2)
    return figure


def _points(axes: Axes, one: Responding) -> None:
    most = max(level.offered for level in one.levels)
    for level in one.levels:
        share = level.completed / level.offered
        size = SIZE_MIN + (SIZE_MAX - SIZE_MIN) * (level.offered / most) ** 0.5
        reach = [[max(share - level.low, 0)], [max(level.high - share, 0)]]
        axes.errorbar(
            [level.reward_micros / 1e6], [share], reach, fmt="o", color=RATE, capsize=3, markersize=size, linewidth=1
        )


def _response_legend() -> list[Line2D]:
    return [
        Line2D([], [], color=RATE, marker="o", linewidth=1, label="seen, with its 95 % interval"),
        Line2D([], [], color=AFTER, linewidth=2, label="learned, with its 95 % interval"),
    ]


def burns_figure(found: Sequence[Burn]) -> Figure:
    """A panel a campaign: the share of its budget that was charged, a step a completion, over what was planned."""
    figure, panels = _grid(len(found), height=2.1)
    for axes, one in zip(panels, found, strict=True):
        axes.plot([instant_of(int(at)) for at in one.at], one.plan, color=BEFORE, linewidth=2)
        charged_at = [instant_of(int(at)) for at in one.charged_at]
        axes.step(charged_at, one.charged, where="post", color=AFTER, linewidth=2)
        axes.xaxis.set_major_locator(AutoDateLocator(minticks=2, maxticks=4))
        axes.xaxis.set_major_formatter(DateFormatter("%d %b"))
        axes.set_ylim(0, max(1.02, float(one.charged.max())))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        axes.set_title(f"{_short(one.campaign_id)}: {one.off_plan:.0%} off", fontsize=10, loc="left")
    handles = [
        Line2D([], [], color=BEFORE, linewidth=2, label="planned by the week's traffic"),
        Line2D([], [], color=AFTER, linewidth=2, label="charged"),
    ]
    figure.legend(handles=handles, frameon=False, loc="outside upper left", ncols=2)
    return figure


def margins_figure(found: Sequence[Margin], margin_min: float) -> Figure:
    """A bar a day: the share of completed value that is kept; the line is the least that any offer must leave."""
    figure, (axes,) = _grid(1, height=2.9)
    axes.bar(range(len(found)), [one.kept for one in found], 0.7, color=AFTER)
    axes.axhline(margin_min, color=RATE, linewidth=2, label=f"least that any offer must leave: {margin_min:.0%}")
    axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    step = max(1, len(found) // 10)
    places = range(0, len(found), step)
    axes.set_xticks(places, [f"{instant_of(found[at].day * DAY):%d %b}" for at in places])
    axes.set_ylim(0, 1)
    axes.set_xlim(-0.6, max(len(found) - 1, 6) + 0.6)
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_ylabel("kept of the value")
    axes.set_xlabel("day on which it was offered, UTC")
    return figure


def lorenz_figure(found: Shares) -> Figure:
    """The share of all pay that the poorest of each share of earners have; the diagonal is equal pay."""
    figure, (axes,) = _grid(1, height=3.4)
    people = np.linspace(0, 1, len(found.lorenz))
    axes.plot([0, 1], [0, 1], color=BEFORE, linewidth=2)
    axes.fill_between(people, found.lorenz, people, color=AFTER, alpha=0.18, linewidth=0)
    axes.plot(people, found.lorenz, color=AFTER, linewidth=2)
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="earners, the poorest first", ylabel="share of all pay")
    axes.annotate("equal pay", (0.5, 0.5), (-8, 6), textcoords="offset points", ha="right", fontsize=9)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.set_aspect("equal")
    return figure


def groups_figure(found: Sequence[Group], names: dict[str, str], ratio_max: float) -> Figure:
    """A point a group with its 95% interval: what it is offered over what others are for like tasks, 1 in the middle.

    Shaded: what the policy allows. Orange: a group that stands out.
    """
    known = [one for one in found if one.ratio.value is not None]
    figure = Figure(figsize=(WIDTH, 1.1 + 0.26 * len(known)), dpi=150, layout="constrained")
    axes = figure.subplots()
    axes.axvspan(1 / ratio_max, ratio_max, color=BEFORE, alpha=0.18, linewidth=0)
    axes.axvline(1, color=rcParams["text.color"], linewidth=1, linestyle="dashed", zorder=0)
    for at, one in enumerate(known):
        value, low, high = (float(end or 0) for end in (one.ratio.value, one.ratio.low, one.ratio.high))
        reach = [[max(value - low, 0)], [max(high - value, 0)]]
        axes.errorbar([value], [at], xerr=reach, fmt="o", color=RATE if one.stands else AFTER, capsize=3, markersize=7)
    labels = [f"{names[one.attribute]} {_short(one.group)}  ({one.people:,} people)" for one in known]
    axes.set_yticks(range(len(known)), labels, fontsize=9)
    axes.invert_yaxis()
    axes.set_xlabel("offered, over what others are offered for like tasks")
    axes.spines[["top", "right"]].set_visible(False)
    return figure


def _grid(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """Panels in rows of COLUMNS, as many as are needed; a single one has the whole width."""
    columns = min(count, COLUMNS)
    rows = -(-count // columns)
    figure = Figure(figsize=(WIDTH, 0.5 + height * rows), dpi=150, layout="constrained")
    panels = list(figure.subplots(rows, columns, squeeze=False).flat)
    for spare in panels[count:]:
        spare.set_visible(False)
    for axes in panels:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    return figure, panels[:count]


def _short(name: str) -> str:
    # A dollar sign would begin mathematics.
    return (name if len(name) <= NAME_MAX else f"{name[: NAME_MAX - 1]}…").replace("$", r"\$")
