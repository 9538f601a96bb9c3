from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.offpolicy.estimators import valued
from training.offpolicy.logged import Logged
from training.offpolicy.model import crossfitted, foreseen
from training.offpolicy.overlap import standard_error

SOME = st.floats(0.05, 1.0)


def expected(terms: Any, chances: Any) -> float:
    return float(terms @ chances)


@settings(max_examples=50, deadline=None)
@given(
    wrong=st.lists(st.floats(-2, 2), min_size=6, max_size=6),
    shares=st.lists(SOME, min_size=6, max_size=6),
)
def test_ips_and_dr_are_unbiased_whatever_the_model_says(wrong: list[float], shares: list[float]) -> None:
    """Over everything that can happen, each with its probability: no sampling, no tolerance for it."""
    chances, rates = np.array([0.7, 0.3]), np.array([[0.1, 0.3, 0.5], [0.6, 0.4, 0.2]])
    logging = np.array([[0.6, 0.3, 0.1], [0.2, 0.2, 0.6]])
    candidate = np.array(shares).reshape(2, 3)
    candidate /= candidate.sum(axis=1, keepdims=True)
    context, arm, outcome = (column.ravel() for column in np.meshgrid(range(2), range(3), [0.0, 1.0], indexing="ij"))
    rate = rates[context, arm]
    chance = chances[context] * logging[context, arm] * np.where(outcome > 0, rate, 1 - rate)
    log = Logged(
        np.eye(2)[context], arm, logging[context, arm], outcome, np.ones((1, 3)), np.arange(12), propensity_min=0.1
    )
    predicted = np.array(wrong).reshape(2, 3)[context]
    truth = float(chances @ (candidate * rates).sum(axis=1))
    found = valued(log, candidate[context], predicted, switch_weight_max=np.inf)
    assert expected(found["ips"].terms, chance) == pytest.approx(truth)
    assert expected(found["dr"].terms, chance) == pytest.approx(truth)
    assert expected(found["switch_dr"].terms, chance) == pytest.approx(truth)
    assert expected(log.weights(candidate[context]), chance) == pytest.approx(1)


def test_with_a_perfect_model_the_direct_method_is_unbiased_and_switching_changes_nothing(tiny: Any) -> None:
    context, arm, outcome, chance = tiny.cells()
    log, candidate = tiny.log(context, arm, outcome), tiny.candidate[context]
    found = valued(log, candidate, (tiny.rates * tiny.gain)[context], switch_weight_max=0.5)
    truth = tiny.value(tiny.candidate)
    for name in ("ips", "dm", "dr", "switch_dr"):
        assert expected(found[name].terms, chance) == pytest.approx(truth), name


def test_where_outcomes_are_certain_and_the_model_knows_them_dr_has_no_error_but_that_of_the_contexts(
    tiny: Any,
) -> None:
    draws = np.random.default_rng(1)
    log, context = tiny.drawn(2000, draws)
    certain = Logged(
        log.context, log.arm, log.propensity, tiny.rates[context, log.arm], log.gain, log.person, log.propensity_min
    )
    found = valued(certain, tiny.candidate[context], (tiny.rates * tiny.gain)[context])
    np.testing.assert_allclose(found["dr"].terms, found["dm"].terms)


def test_the_candidate_that_is_the_logging_policy_is_worth_what_was_logged(tiny: Any) -> None:
    log, context = tiny.drawn(3000, np.random.default_rng(2))
    found = valued(log, tiny.logging[context], crossfitted(log))
    assert found["ips"].value == pytest.approx(found["snips"].value) == pytest.approx(log.payoff.mean())


def test_intervals_cover_as_they_promise(tiny: Any) -> None:
    draws, truth, covered = np.random.default_rng(3), tiny.value(tiny.candidate), []
    for _ in range(400):
        log, context = tiny.drawn(1000, draws)
        found = valued(log, tiny.candidate[context], crossfitted(log))
        row = [found[name].estimate(log) for name in ("ips", "snips", "dr")]
        covered.append([one.low <= truth <= one.high for one in row])
    assert np.all(np.abs(np.mean(covered, axis=0) - 0.95) < 0.035)
    assert found["dm"].estimate(log).low is None


def test_rows_of_one_person_count_as_one_voice(tiny: Any) -> None:
    """The same rows ten times over, of the same people: not one bit more is known."""
    log, context = tiny.drawn(1500, np.random.default_rng(4))
    again = [np.tile(column, 10) for column in (context, log.arm, log.outcome, log.person)]
    tenfold = tiny.log(*again[:3], person=again[3])
    once = valued(log, tiny.candidate[context], (tiny.rates * tiny.gain)[context])["dr"].estimate(log)
    ten = valued(tenfold, tiny.candidate[again[0]], (tiny.rates * tiny.gain)[again[0]])["dr"].estimate(tenfold)
    assert (ten.value, ten.low, ten.high) == pytest.approx((once.value, once.low, once.high))
    assert standard_error(tiny.log(*again[:3]), tenfold.payoff) < standard_error(tenfold, tenfold.payoff) / 2


def test_a_row_is_predicted_by_a_model_that_never_saw_its_person(tiny: Any) -> None:
    log, _ = tiny.drawn(1200, np.random.default_rng(5))
    person = np.arange(1200) // 3
    before = tiny.log(log.context.argmax(axis=1), log.arm, log.outcome, person)
    mine = person == 7
    changed = tiny.log(log.context.argmax(axis=1), log.arm, np.where(mine, 1 - log.outcome, log.outcome), person)
    np.testing.assert_array_equal(crossfitted(before)[mine], crossfitted(changed)[mine])
    assert (crossfitted(before)[~mine] != crossfitted(changed)[~mine]).any()


def test_what_is_foreseen_knows_nothing_of_what_comes_later(tiny: Any) -> None:
    log, context = tiny.drawn(1000, np.random.default_rng(6))
    later = np.arange(1000) >= 500
    changed = tiny.log(context, log.arm, np.where(later, 1 - log.outcome, log.outcome))
    np.testing.assert_array_equal(foreseen(log)[:500], foreseen(changed)[:500])


def test_the_model_finds_the_rates_of_each_arm(tiny: Any) -> None:
    log, context = tiny.drawn(60_000, np.random.default_rng(7))
    np.testing.assert_allclose(crossfitted(log)[:50], (tiny.rates * tiny.gain)[context][:50], atol=0.03)
