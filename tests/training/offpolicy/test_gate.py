from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from training.offpolicy.gate import Guardrail, assessed
from training.offpolicy.logged import Logged
from training.offpolicy.overlap import effective_sample, refusals


@pytest.fixture
def log(tiny: Any) -> Logged:
    logged: Logged = tiny.drawn(6000, np.random.default_rng(21))[0]
    return logged


def candidate_on(tiny: Any, log: Logged) -> Any:
    return tiny.candidate[log.context.argmax(axis=1)]


def names(log: Logged, candidate: Any) -> list[str]:
    return [refusal.name for refusal in refusals(log, candidate)]


def with_first(column: Any, value: float) -> Any:
    changed = column.copy()
    changed[0] = value
    return changed


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        (lambda log: replace(log, propensity=with_first(log.propensity, np.nan)), "propensity_missing"),
        (lambda log: replace(log, propensity=with_first(log.propensity, 0)), "propensity_wrong"),
        (lambda log: replace(log, propensity=with_first(log.propensity, 1.1)), "propensity_wrong"),
        (lambda log: replace(log, propensity=with_first(log.propensity, 0.0099)), "propensity_low"),
        (lambda log: replace(log, propensity_min=0.2), "propensity_low"),
        (lambda log: replace(log, outcome=with_first(log.outcome, np.nan)), "outcome_missing"),
        (lambda log: replace(log, outcome=with_first(log.outcome, 2.0)), "outcome_wrong"),
        (lambda log: replace(log, propensity=log.propensity / 2, propensity_min=0.01), "support_lacking"),
    ],
)
def test_a_log_that_cannot_tell_is_refused_by_name(tiny: Any, log: Logged, changed: Any, name: str) -> None:
    candidate = candidate_on(tiny, log)
    assert names(log, candidate) == []
    assert name in names(changed(log), candidate)
    found = assessed(changed(log), candidate)
    assert not found.verdict.passed
    assert found.values is None
    assert found.uplift_low is None


def test_too_few_rows_are_refused(tiny: Any) -> None:
    log, context = tiny.drawn(999, np.random.default_rng(22))
    assert names(log, tiny.candidate[context]) == ["rows_too_few"]


def test_a_candidate_that_is_no_distribution_is_refused(tiny: Any, log: Logged) -> None:
    assert names(log, candidate_on(tiny, log) * 0.5) == ["candidate_wrong"]
    assert names(log, candidate_on(tiny, log)[:, :2]) == ["candidate_wrong"]


def test_a_candidate_that_does_what_the_log_hardly_tried_is_refused(like: Any) -> None:
    rare = like(
        logging=np.array([[0.95, 0.025, 0.025], [0.95, 0.025, 0.025]]), candidate=np.array([[0.0, 0, 1], [0, 0, 1]])
    )
    log, context = rare.drawn(20_000, np.random.default_rng(23))
    assert names(log, rare.candidate[context]) == ["effective_sample_low"]


def test_a_candidate_that_does_what_the_log_never_tried_is_refused(like: Any) -> None:
    never = like(logging=np.array([[0.5, 0.5, 0.0], [0.5, 0.5, 0.0]]), candidate=np.full((2, 3), 1 / 3))
    log, context = never.drawn(5000, np.random.default_rng(24))
    assert "support_lacking" in names(replace(log, propensity_min=0.5), never.candidate[context])


def test_the_effective_sample_of_equal_weights_is_their_number() -> None:
    assert effective_sample(np.full(7, 3.0)) == pytest.approx(7)
    assert effective_sample(np.array([1.0, 0, 0])) == 1
    assert effective_sample(np.zeros(3)) == 0


def test_a_better_candidate_passes_and_each_question_has_its_sentence(tiny: Any, log: Logged) -> None:
    found = assessed(log, candidate_on(tiny, log))
    assert found.verdict.passed, found.verdict.reasons
    assert len(found.verdict.reasons) == 5
    assert found.values is not None
    assert found.uplift is not None
    assert found.uplift_low is not None
    assert found.uplift.value is not None
    assert 0 < found.uplift_low < found.uplift.value


def test_a_worse_candidate_fails_with_its_reason_first(like: Any, tiny: Any) -> None:
    worse = like(candidate=np.array([[0.7, 0.2, 0.1], [0.1, 0.2, 0.7]]))
    log, context = worse.drawn(6000, np.random.default_rng(25))
    verdict = assessed(log, worse.candidate[context]).verdict
    assert not verdict.passed
    assert "lower bound of the uplift" in verdict.reasons[0]
    assert "not met" in verdict.reasons[0]


def test_estimators_that_disagree_fail_it(tiny: Any, log: Logged) -> None:
    """Propensities that are wrong, but keep the mean weight at 1, show in the estimates: SNIPS and DR part."""
    context = log.context.argmax(axis=1)
    bent = np.where(log.arm == 2, log.propensity * 2.0, log.propensity)
    bent = np.where(log.arm == 0, bent * 0.37, bent)
    found = assessed(replace(log, propensity=np.minimum(bent, 1), propensity_min=0.05), tiny.candidate[context])
    assert not found.verdict.passed
    assert found.refused or any("must agree" in one and "not met" in one for one in found.verdict.reasons)


def test_a_guardrail_that_is_broken_more_often_than_before_fails_it(tiny: Any, log: Logged) -> None:
    candidate = candidate_on(tiny, log)
    same, worse = [Guardrail.of("margin", 0.01, 0.01)], [Guardrail.of("margin", 0.02, 0.01)]
    assert assessed(log, candidate, same).verdict.passed
    verdict = assessed(log, candidate, worse).verdict
    assert not verdict.passed
    assert "margin" in verdict.reasons[0]


def test_columns_of_unequal_length_are_refused_with_their_name(log: Logged) -> None:
    with pytest.raises(ValueError, match="outcome has"):
        replace(log, outcome=log.outcome[:-1])
    with pytest.raises(ValueError, match="arm must be"):
        replace(log, arm=log.arm + 1)
