"""Money and people: every figure by hand on a few rows, then on many by its own definition."""

from pathlib import Path

import numpy as np
import pytest

from training.consequences import Decided, consequences, cost_curve, remedies
from training.costs import Costs
from training.evaluate import Bootstrap

COSTS = Costs(2_000_000, 15_000_000, 0.01, 2.0, 0.5, 0.1)
ALL = remedies(COSTS, hold_days=7.0)


def figures(decided: Decided) -> dict[str, float | None]:
    return {name: estimate.value for name, estimate in consequences(decided, COSTS, ALL, Bootstrap(50)).items()}


def test_each_figure_is_what_a_person_would_count() -> None:
    decided = Decided(
        labels=np.array([1.0, 1, 1, 0, 0, 0]),
        stakes=np.array([10e6, 20e6, 4e6, 5e6, 1e6, 3e6]),
        actions=("decline", "approve", "hold", "review", "decline", "hold"),
        people=np.array([0, 0, 1, 2, 2, 3]),
    )
    found = figures(decided)
    assert found["fraud_at_stake"] == 34.0
    assert found["fraud_stopped"] == 12.0
    assert found["honest_people_refused"] == 1.0
    assert found["honest_people_refused_share"] == 0.5
    assert found["honest_delayed_currency_days"] == 5 * 2 + 3 * 7
    assert found["honest_delayed_days_per_unit"] == pytest.approx(31 / 9)
    assert found["review_share"] == pytest.approx(1 / 6)
    assert found["saved"] == pytest.approx(12 - 2 - 31 * 0.01 - (1 + 15))


def test_a_person_refused_twice_is_one_person() -> None:
    decided = Decided(np.zeros(3), np.full(3, 1e6), ("decline",) * 3, np.array([0, 0, 0]))
    assert figures(decided)["honest_people_refused"] == 1.0


def test_without_fraud_or_without_money_nothing_is_divided_by_zero() -> None:
    nobody = Decided(np.zeros(2), np.zeros(2), ("approve", "hold"), np.array([0, 1]))
    assert figures(nobody)["fraud_stopped_share"] == 0.0


def test_people_are_resampled_together() -> None:
    """One person of a thousand rows says less than a thousand people: the interval must be as wide as one person's."""
    labels, stakes = np.zeros(1000), np.full(1000, 1e6)
    actions = ["decline"] * 500 + ["approve"] * 500
    alone = consequences(Decided(labels, stakes, actions, np.arange(1000)), COSTS, ALL, Bootstrap(200))
    two = consequences(Decided(labels, stakes, actions, np.repeat([0, 1], 500)), COSTS, ALL, Bootstrap(200))
    wide, narrow = two["saved"], alone["saved"]
    assert (wide.high or 0) - (wide.low or 0) > 10 * ((narrow.high or 0) - (narrow.low or 0))


def test_the_cost_of_a_threshold_is_what_reviewing_from_there_on_costs() -> None:
    draws = np.random.default_rng(3)
    labels, scores = (draws.random(300) < 0.2).astype(float), np.round(draws.random(300), 2)
    stakes = draws.integers(1, 40, 300) * 1e6
    decided = Decided(labels, stakes, (), np.arange(300))
    curve = cost_curve(decided, scores, COSTS)
    for at in (0, 1, len(curve.costs) // 2, len(curve.costs) - 1):
        looked_at = scores >= curve.thresholds[at]
        paid = (labels * stakes)[~looked_at].sum() / 1e6
        waited = ((1 - labels) * stakes)[looked_at].sum() / 1e6 * 2.0 * 0.01
        assert curve.costs[at] == pytest.approx(paid + 2.0 * looked_at.sum() + waited)
        assert curve.review_shares[at] == pytest.approx(looked_at.mean())


def test_the_cheapest_threshold_is_one_that_reviewers_can_keep_up_with() -> None:
    scores = np.linspace(0, 1, 100)
    decided = Decided((scores > 0.5).astype(float), np.full(100, 100e6), (), np.arange(100))
    curve = cost_curve(decided, scores, COSTS)
    assert curve.review_shares[curve.cheapest(1.0)] == pytest.approx(0.5)
    assert curve.review_shares[curve.cheapest(0.1)] == pytest.approx(0.1)
    assert curve.review_shares[curve.cheapest(0.0)] == 0.0


def test_an_action_without_a_remedy_stops_everything() -> None:
    with pytest.raises(KeyError, match="banish"):
        figures(Decided(np.zeros(1), np.ones(1), ("banish",), np.array([0])))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("review_micros: 1\n", "missing hold_stops_share, honest_refused_micros"),
        ("{}", "missing"),
        ("", "missing"),
    ],
)
def test_costs_that_are_not_whole_are_refused_by_name(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "costs.yaml"
    file.write_text(text)
    with pytest.raises(ValueError, match=complaint):
        Costs.read(file)


@pytest.mark.parametrize("bad", [-1, True, "much", float("nan"), 1.5])
def test_a_share_outside_of_its_range_is_refused(bad: object) -> None:
    with pytest.raises(ValueError, match="hold_stops_share"):
        Costs(1, 1, 0.1, 1.0, bad, 0.1)  # type: ignore[arg-type]  # that is what is tested


def test_the_costs_that_are_shipped_are_whole() -> None:
    assert Costs.read().review_share_max == 0.01
