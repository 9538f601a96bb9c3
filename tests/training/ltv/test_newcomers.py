"""New people and the cap on what one may cost: horizons in order, lower bounds, costs taken off."""

from pathlib import Path

import numpy as np
import pytest

from training.ltv.cap import acquisition_cap, load_costs
from training.ltv.newcomers import Newcomers, increments_of, lower_bounds
from training.ltv.purchases import Purchases, PurchasesError

DAY = 39 * 7 - 1


def test_a_longer_horizon_is_never_worth_less(shop: Purchases) -> None:
    known = increments_of(shop, DAY)
    model = Newcomers.fit(known)
    assert model.horizons_days == (7, 30, 90)  # nobody has lived through 365 days by week 39
    assert (np.diff(model.expected(known.features, known.cohorts), axis=1) >= 0).all()


def test_each_cohort_has_its_own_level(shop: Purchases) -> None:
    known = increments_of(shop, DAY)
    told = Newcomers.fit(known).expected(known.features, known.cohorts)[:, 2]
    came = known.spent[:, :3].sum(axis=1)
    for cohort in np.unique(known.cohorts):
        here = (known.cohorts == cohort) & known.over[:, 2]
        assert told[here].sum() == pytest.approx(came[here].sum(), rel=0.2)


def test_a_lower_bound_is_below_the_mean_and_rises_with_the_horizon(shop: Purchases) -> None:
    known = increments_of(shop, DAY)
    low = lower_bounds(known, seed=1)
    means = [known.spent[known.over[:, place], place].mean() for place in range(3)]
    assert (low < np.cumsum(means)).all()
    assert (np.diff(low) > 0).all()


def test_too_few_people_are_refused(shop: Purchases) -> None:
    with pytest.raises(PurchasesError, match="fewer than 100 people"):
        Newcomers.fit(increments_of(shop, 3))


def test_the_cap_takes_off_everything_that_a_person_costs(tmp_path: Path) -> None:
    file = tmp_path / "costs.yaml"
    file.write_text(
        "{reward_share: 0.5, reversal_share: 0.05, fraud_share: 0.05, payout_fee_share: 0.1,"
        " review_cost: 0.3, compute_cost: 0.7}"
    )
    costs = load_costs(file)
    assert acquisition_cap(10.0, 365, costs) == pytest.approx(10 * (1 - 0.1 - 0.55) - 1)
    assert acquisition_cap(1.0, 365, costs) == 0


@pytest.mark.parametrize(
    ("text", "told"), [("{reward_share: 2}", "reward_share"), ("{", "not YAML"), ("[]", "valid dictionary")]
)
def test_wrong_costs_are_named(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "costs.yaml"
    file.write_text(text)
    with pytest.raises(PurchasesError, match=told):
        load_costs(file)


def test_the_shipped_costs_leave_something() -> None:
    assert 0 < load_costs(None).kept_share < 1
