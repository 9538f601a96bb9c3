"""The pictures of a profile: every bin that holds something is named, in the colours of the page around it."""

import math

import numpy as np
import pytest
from matplotlib.colors import to_hex

from notebooks import profile_drawing
from notebooks.distribution import histogram_bins, spread_of
from notebooks.relation import relation_of

NAN = math.nan
GROWN = np.append(np.arange(200.0), [NAN])
FEW = np.array([1.0, 1.0, 2.0, NAN])


def say(number: float) -> str:
    return f"{number:.0f}"


@pytest.mark.parametrize(("values", "first"), [(GROWN, "0"), (FEW, "1")])
def test_a_spread_has_two_bars_a_bin_and_names_the_missing_ones(values: np.ndarray, first: str) -> None:
    bins = histogram_bins(values, spread_of(values))
    counts = [bins.counts(values), bins.counts(values[:2])]
    figure = profile_drawing.spread_figure(bins, counts, ["one", "two"], say, "axis")
    (axes,) = figure.axes
    names = [text.get_text().strip() for text in axes.get_xticklabels()]
    assert (names[0], names[-1]) == (first, "missing")
    earlier, later = axes.containers
    assert len(earlier) == len(later)
    assert sum(bar.get_height() for bar in earlier) == pytest.approx(1.0)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["one", "two"]


def test_nobody_s_bin_is_drawn_in_the_relation() -> None:
    found = relation_of(FEW, np.array([0.0, 1.0, 1.0, NAN]), np.arange(4))
    assert found is not None
    (axes,) = profile_drawing.rate_figure(found, "bad $ events", say, "axis").axes
    assert [text.get_text() for text in axes.get_xticklabels()] == ["1", "2"]


@pytest.mark.parametrize("theme", list(profile_drawing.THEMES))
def test_paper_and_ink_are_the_page_s(theme: str) -> None:
    bins = histogram_bins(FEW, spread_of(FEW))
    with profile_drawing.drawn_for(theme):
        figure = profile_drawing.spread_figure(bins, [bins.counts(FEW)] * 2, ["one", "two"], say, "axis")
    paper, ink = profile_drawing.THEMES[theme]
    assert to_hex(figure.get_facecolor()) == to_hex(paper)
    assert to_hex(figure.axes[0].xaxis.label.get_color()) == to_hex(ink)
