"""A neighbourhood of the device graph as an SVG: kinds by colour and shape, times on the ties, hubs, the asked node."""

import math
import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Final

import networkx as nx
import numpy as np
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from features.events import instant_of

Places = Mapping[str, Any]

INK: Final = "#1f2933"
FAINT: Final = "#b8c2cc"
ASKED: Final = "#d64545"
KINDS: Final = {
    "user": ("o", "#3b7dd8", "person"),
    "device": ("s", "#f0a202", "device"),
    "destination": ("D", "#2a9d6f", "payout destination"),
    "identity": ("^", "#8e5bb5", "verified identity"),
    "network": ("h", "#8f6b4a", "network (joins nobody)"),
}
LABEL_LENGTH: Final = 22
# Beyond so many ties, only those of the asked node say when.
DATED_TIES_MAX: Final = 24
# The complement of production 2, Char, of XML 1.0.
_NOT_XML: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_HALO: Final = {"boxstyle": "round,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.85}


def draw(near: nx.Graph, asked: str, title: str) -> bytes:
    """The SVG of a neighbourhood (see `neighbourhood`); equal pictures are equal bytes."""
    side = 7 + 1.1 * math.sqrt(len(near))
    figure = Figure(figsize=(1.35 * side, side), layout="constrained")
    axes = figure.subplots()
    axes.set_axis_off()
    axes.margins(0.1)
    # An id is text, never mathematics, whatever dollar signs and backslashes it has.
    axes.set_title(_shown(title), color=INK, fontsize=13, loc="left", parse_math=False)
    places = nx.kamada_kawai_layout(near) if len(near) > 1 else {asked: np.zeros(2)}
    nx.draw_networkx_edges(near, places, ax=axes, edge_color=FAINT, width=1.3)
    for node in near:
        _draw_node(axes, near, places, node, asked)
    _date_ties(axes, near, places, asked)
    axes.legend(handles=_legend(near), loc="upper center", bbox_to_anchor=(0.5, 0), ncols=4, frameon=False)
    written = BytesIO()
    # Text stays text, so that it can be searched and copied; no date and no random ids, so that it can be compared.
    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "assay"}):
        figure.savefig(written, format="svg", metadata={"Date": None})
    return written.getvalue()


def _draw_node(axes: Axes, near: nx.Graph, places: Places, node: str, asked: str) -> None:
    shape, colour, _ = KINDS[node.partition(":")[0]]
    is_hub, is_asked = near.nodes[node]["hub"], node == asked
    axes.scatter(
        places[node][0],
        places[node][1],
        s=460 if is_asked else 190,
        marker=shape,
        color="white" if is_hub else colour,
        edgecolors=ASKED if is_asked else colour,
        linewidths=3.5 if is_asked or is_hub else 1,
        zorder=3,
    )
    axes.annotate(
        f"{_label(node)}\n{near.nodes[node]['degree']} ties" if is_hub else _label(node),
        places[node],
        (0, -21 if is_asked else -15),
        textcoords="offset points",
        ha="center",
        va="top",
        fontsize=10 if is_asked else 8,
        fontweight="bold" if is_asked else "normal",
        color=INK,
        bbox=_HALO,
        zorder=5,
        parse_math=False,
    )


def _label(node: str) -> str:
    name = node.partition(":")[2]
    return _shown(name if len(name) <= LABEL_LENGTH else f"{name[: LABEL_LENGTH - 1]}…")


def _shown(text: str) -> str:
    """An SVG is XML, which has no place for some characters, escaped or not."""
    return _NOT_XML.sub("\ufffd", text)


def _date_ties(axes: Axes, near: nx.Graph, places: Places, asked: str) -> None:
    crowded = near.number_of_edges() > DATED_TIES_MAX
    for one, two, tie in near.edges(data=True):
        if crowded and asked not in (one, two):
            continue
        middle = tuple((places[one] + places[two]) / 2)
        axes.annotate(
            _span(tie["first"], tie["last"]),
            middle,
            ha="center",
            va="center",
            fontsize=7.5,
            color="#52606d",
            bbox=_HALO,
        )


def _span(first: int, last: int) -> str:
    """`2026-01-03 to 02-07`, or one day."""
    begins, ends = instant_of(first), instant_of(last)
    if begins.date() == ends.date():
        return f"{begins:%Y-%m-%d}"
    return f"{begins:%Y-%m-%d} to {ends:%m-%d}" if begins.year == ends.year else f"{begins:%Y-%m-%d} to {ends:%Y-%m-%d}"


def _legend(near: nx.Graph) -> list[Line2D]:
    def mark(shape: str, colour: str, edge: str, text: str, size: float = 11) -> Line2D:
        return Line2D([], [], marker=shape, color="none", mfc=colour, mec=edge, mew=2.5, ms=size, label=text)

    shown = {node.partition(":")[0] for node in near}
    marks = [mark(shape, colour, colour, text, 10) for kind, (shape, colour, text) in KINDS.items() if kind in shown]
    marks.append(mark("o", "white", ASKED, "the asked node", 13))
    if any(hub for _, hub in near.nodes(data="hub")):
        marks.append(mark("s", "white", INK, "hollow: a hub, joins nobody"))
    marks.append(Line2D([], [], color=FAINT, label="tie, first to last seen"))
    if near.graph["left_out"]:
        marks.append(Line2D([], [], color="none", label=f"{near.graph['left_out']} more are tied to what is shown"))
    return marks
