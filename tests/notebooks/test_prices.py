"""The notebook of prices, run from top to bottom: on a home with offers and on an empty one; and its pictures."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.colors import to_hex

from features.home import Home
from notebooks import price_drawing
from pipelines.priced import Burn, Level, Margin, Responding
from serving.pricing.response import Curve
from training.estimates import Estimate, unknown
from training.pay.earners import shares
from training.pay.groups import Group

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "prices.py"


def test_an_empty_home_says_what_to_do_and_stays_empty(tmp_path: Path, run: Any) -> None:
    defined = run(Home(tmp_path / "nothing"))
    assert defined["whole"] is None
    assert "/v1/price/offers" in defined["refusal"]
    assert list(tmp_path.iterdir()) == []


def test_a_home_with_offers_is_shown_whole(offered_home: Home, run: Any) -> None:
    defined = run(offered_home)
    page = defined["page"]
    assert defined["refusal"] is None
    assert page.count("<h2") == 6, "response, budgets, margin, trials, earners and fairness"
    assert "no offer broke the margin" in page
    assert "Nothing stands out" in page
    assert "Gini" in page


def responding(kind: str) -> Responding:
    chance = np.array([0.1, 0.2, 0.3, 0.4])
    curve = Curve((10_000, 100_000, 200_000, 5_000_000), chance, chance - 0.05, chance + 0.05)
    return Responding(kind, [Level(100_000, 40, 8, 0.1, 0.35), Level(200_000, 10, 3, 0.1, 0.6)], curve)


def test_a_curve_is_drawn_only_near_what_was_offered() -> None:
    (axes,) = price_drawing.responses_figure([responding("a$kind")], "CNY").axes
    assert axes.lines[0].get_xdata().tolist() == [0.1, 0.2]
    assert axes.get_title(loc="left") == r"a\$kind"


def test_panels_that_are_not_needed_are_not_seen() -> None:
    drawn = price_drawing.responses_figure([responding(str(at)) for at in range(4)], "CNY").axes
    assert [axes.get_visible() for axes in drawn] == [True] * 4 + [False] * 2


def test_a_budget_is_drawn_as_steps_beside_its_plan() -> None:
    hours = np.array([0, 5, 10]) * 3_600_000_000
    burn = Burn("c", hours, np.array([0.0, 0.5, 1.0]), hours[:2], np.array([0.0, 0.4]), 0.07)
    (axes,) = price_drawing.burns_figure([burn]).axes
    plan, charged = axes.lines
    assert charged.get_drawstyle() == "steps-post"
    assert plan.get_ydata().tolist() == [0.0, 0.5, 1.0]
    assert axes.get_title(loc="left") == "c: 7% off"


def test_a_margin_is_a_bar_a_day_over_the_least_that_is_allowed() -> None:
    (axes,) = price_drawing.margins_figure([Margin(20_000, 100, 60), Margin(20_001, 100, 50)], 0.3).axes
    assert [bar.get_height() for bar in axes.patches] == pytest.approx([0.4, 0.5])
    assert axes.lines[0].get_ydata() == [0.3, 0.3]


def test_equal_pay_lies_on_the_diagonal() -> None:
    (axes,) = price_drawing.lorenz_figure(shares(np.array([5, 5, 5, 5]))).axes
    curve = axes.lines[1]
    assert curve.get_xdata() == pytest.approx(curve.get_ydata())


def test_only_a_group_that_stands_out_is_orange_and_an_unknown_one_is_not_drawn() -> None:
    ratios = [Estimate(1.2, 1.1, 1.3), Estimate(1.0, 0.9, 1.1), unknown("nobody else")]
    groups = [Group("country", str(at), "CNY", 9, 9, 9, 1, ratio, 0.001, 1.05) for at, ratio in enumerate(ratios)]
    (axes,) = price_drawing.groups_figure(groups, {"country": "country"}, 1.05).axes
    points = [line for line in axes.get_lines() if line.get_markersize() == 7]
    assert [to_hex(point.get_color()) for point in points] == [price_drawing.RATE, price_drawing.AFTER]
