"""The health of a home, run from top to bottom: on a trained home and on an empty one."""

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.colors import to_hex

from features.home import Home
from notebooks import health_drawing
from training.estimates import Estimate
from training.monitoring.cohorts import Cohort
from training.monitoring.delays import Delay, Wait
from training.monitoring.partners import Excess
from training.monitoring.periods import Span
from training.scrubbing import Partner

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "health.py"
NAN = float("nan")


def test_an_empty_home_says_what_to_do_and_stays_empty(tmp_path: Path, run: Any) -> None:
    defined = run(Home(tmp_path / "nothing"))
    assert defined["report"] is None
    assert "assay up" in defined["refusal"]
    assert list(tmp_path.iterdir()) == []


def test_a_trained_home_is_shown_whole(trained_home: Home, run: Any) -> None:
    defined = run(trained_home)
    page = defined["page"]
    assert defined["refusal"] is None
    assert "No alert stands" in page
    assert page.count("<h2") == 6, "scores, features, weeks, delays, partners and reasons"
    assert "The score did not move" in page
    assert "?file=profiles.py" in page


def cohort(start: int, ratio: Estimate, *, is_learned: bool) -> Cohort:
    nothing = Estimate(None, reason="one class only")
    return Cohort(Span(start, start + 10), 50, 5, 4.0, ratio, nothing, nothing, is_learned)


def test_weeks_are_points_with_intervals_and_hollow_where_they_were_learned_from() -> None:
    weeks = [cohort(0, Estimate(1.1, 0.8, 9.0), is_learned=True), cohort(10, Estimate(0.9, 0.5, 1.4), is_learned=False)]
    ratios, recalls = health_drawing.weeks_figure(weeks, far=1.5).axes
    assert len(ratios.containers) == 2
    assert recalls.containers == [], "what is unknown is not drawn"
    assert ratios.get_ylim()[1] == health_drawing.RATIO_DRAWN_MAX
    assert [text.get_text() for text in ratios.get_legend().get_texts()] == [
        "new to the champion",
        "the champion learned from it",
    ]


def test_kinds_without_any_outcome_have_no_row() -> None:
    nothing, some = Wait(0, NAN, NAN, 7.0), Wait(40, 2.0, 5.0, 7.0)
    (axes,) = health_drawing.delays_figure([Delay("ban", nothing, nothing), Delay("clean", nothing, some)]).axes
    assert [text.get_text() for text in axes.get_yticklabels()] == ["clean"]


def test_only_a_new_excess_is_drawn_as_an_alert() -> None:
    high, usual = Partner("p$", 200, 60, 20.0, 0.0), Partner("q", 200, 20, 20.0, 1.0)
    found = [Excess(high, None, 1.0), Excess(high, high, 1.0), Excess(usual, usual, 1.0)]
    (axes,) = health_drawing.partners_figure(found, far=1.5).axes
    now = [line for line in axes.get_lines() if line.get_markersize() == 10]
    assert [to_hex(line.get_color()) for line in now] == [
        health_drawing.RATE,
        health_drawing.AFTER,
        health_drawing.AFTER,
    ]


def test_every_score_is_in_a_bin() -> None:
    scores = np.array([1e-9, 0.002, 0.5, 1.0])
    assert health_drawing.score_bins(scores).counts(scores).sum() == 4
    assert len(health_drawing.score_bins(np.empty(0))) > 0
