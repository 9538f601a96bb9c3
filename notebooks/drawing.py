"""The two pictures of a case: what raised the score, and who is tied to the person."""

from collections.abc import Sequence
from typing import Any, Final

import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from notebooks.evidence import Evidence
from notebooks.wording import short

INK: Final = "#1f2933"
FAINT: Final = "#9aa5b1"
RAISED: Final = "#c2571a"
CHOSEN: Final = "#d64545"
KINDS: Final = {
    "user": ("o", "#3b7dd8", "person"),
    "device": ("s", "#f0a202", "device"),
    "destination": ("D", "#2a9d6f", "payout destination"),
    "identity": ("^", "#8e5bb5", "verified identity"),
    "network": ("h", "#8f6b4a", "network"),
}
# Beyond this many nodes, only the nearest are labelled; the list beside the picture names them all.
LABELLED_MAX: Final = 26


def evidence_figure(strongest: Sequence[Evidence]) -> Figure:
    """Bars: how much each feature raised the odds. Beside them: where its value sits among recent decisions."""
    figure = Figure(figsize=(11, 1.5 + 0.42 * len(strongest)), layout="constrained")
    bars, places = figure.subplots(1, 2, sharey=True, width_ratios=(3, 2))
    heights = range(len(strongest))
    bars.barh(heights, [(one.odds or 1) - 1 for one in strongest], left=1, color=RAISED, height=0.62)
    for at, one in enumerate(strongest):
        bars.annotate(f"× {one.odds:.2f}", (one.odds or 1, at), (4, 0), textcoords="offset points", va="center")
    bars.set_yticks(heights, [f"{one.label}: {one.shown}" for one in strongest])
    bars.invert_yaxis()
    bars.margins(x=0.14)
    bars.set_xlabel("multiplies the odds of fraud by")
    _places(places, strongest)
    for axes in (bars, places):
        _plain(axes)
    return figure


def _places(axes: Axes, strongest: Sequence[Evidence]) -> None:
    for at, one in enumerate(strongest):
        if one.standing is None:
            axes.annotate("cannot be compared", (50, at), ha="center", va="center", color=FAINT, fontsize=8)
        else:
            axes.plot([0, 100], [at, at], color="#e4e7eb", linewidth=5, solid_capstyle="round", zorder=1)
            axes.scatter(one.standing.middle * 100, at, s=70, color=INK, zorder=2)
    axes.set_xlim(-4, 104)
    axes.set_xticks([0, 50, 100], ["smallest", "middle", "largest"])
    axes.set_xlabel("where this value sits among recent decisions")
    axes.tick_params(axis="y", left=False)


def _plain(axes: Axes) -> None:
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)


def neighbourhood_figure(near: nx.Graph, chosen: str, fresh: set[frozenset[str]]) -> Figure:
    """People, devices and destinations by shape and colour, `chosen` ringed, ties in `fresh` dashed, hubs small."""
    figure = Figure(figsize=(11, 6.6), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.margins(0.09)
    places = nx.kamada_kawai_layout(near)
    known = [tie for tie in near.edges if frozenset(tie) not in fresh]
    new = [tie for tie in near.edges if frozenset(tie) in fresh]
    nx.draw_networkx_edges(near, places, known, ax=axes, edge_color="#b8c2cc", width=1.2)
    nx.draw_networkx_edges(near, places, new, ax=axes, edge_color=CHOSEN, width=1.8, style="dashed")
    for kind, (shape, colour, _) in KINDS.items():
        _draw_nodes(axes, near, places, [node for node in near if node.startswith(f"{kind}:")], shape, colour, chosen)
    _write_labels(axes, near, places, chosen)
    axes.legend(handles=_legend(bool(new)), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=6, frameon=False)
    return figure


def _draw_nodes(
    axes: Axes, near: nx.Graph, places: Any, nodes: list[str], shape: str, colour: str, chosen: str
) -> None:
    for node in nodes:
        is_hub = near.nodes[node]["hub"]
        axes.scatter(
            places[node][0],
            places[node][1],
            s=430 if node == chosen else 40 if is_hub else 170,
            marker=shape,
            color=FAINT if is_hub else colour,
            edgecolors=CHOSEN if node == chosen else "white",
            linewidths=3 if node == chosen else 1,
            zorder=3,
        )


def _write_labels(axes: Axes, near: nx.Graph, places: Any, chosen: str) -> None:
    crowded = len(near) > LABELLED_MAX
    for node, hops in near.nodes(data="hops"):
        if crowded and hops > 1 and not near.nodes[node]["hub"]:
            continue
        axes.annotate(
            short(node.partition(":")[2]),
            places[node],
            (0, -19 if node == chosen else -15),
            textcoords="offset points",
            ha="center",
            fontsize=9 if node == chosen else 7.5,
            fontweight="bold" if node == chosen else "normal",
            color=INK,
            zorder=4,
        )


def _legend(any_new: bool) -> list[Line2D]:
    def mark(shape: str, colour: str, edge: str, size: float, text: str) -> Line2D:
        return Line2D([], [], marker=shape, color="none", mfc=colour, mec=edge, mew=2, ms=size, label=text)

    marks = [mark("o", KINDS["user"][1], CHOSEN, 13, "this person")]
    marks += [mark(shape, colour, "white", 11, text) for shape, colour, text in KINDS.values()]
    marks.append(mark("o", FAINT, "white", 7, "hub: shared by 64 or more"))
    if any_new:
        marks.append(Line2D([], [], color=CHOSEN, linestyle="dashed", label="new with this event"))
    return marks
