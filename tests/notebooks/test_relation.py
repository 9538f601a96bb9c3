"""Rates with their intervals, and how well a feature alone ranks, on labels that are final only."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import roc_auc_score

from notebooks.relation import auc_of, relation_of
from notebooks.sentences import of_auc, of_relation
from training.estimates import wilson

NAN = math.nan
DRAWS = np.random.default_rng(11)
ROWS = 600
LABELS = (DRAWS.random(ROWS) < 0.3).astype(float)
VALUES = DRAWS.normal(size=ROWS) + LABELS
PEOPLE = np.arange(ROWS) // 3


@pytest.mark.parametrize(("positives", "rows"), [(0, 10), (10, 10), (3, 17), (1, 1), (40, 4000)])
def test_the_interval_of_a_share_is_scipy_s_wilson(positives: int, rows: int) -> None:
    expected = binomtest(positives, rows).proportion_ci(method="wilson")
    assert wilson(positives, rows) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(("positives", "rows"), [(0, 0), (2, 1), (-1, 4)])
def test_what_is_no_share_has_no_interval(positives: int, rows: int) -> None:
    with pytest.raises(ValueError, match="no share"):
        wilson(positives, rows)


def test_the_area_is_scikit_learn_s_and_lies_within_its_interval() -> None:
    found = auc_of(VALUES, LABELS, PEOPLE)
    assert found.value == pytest.approx(roc_auc_score(LABELS, VALUES))
    assert found.low is not None
    assert found.high is not None
    assert found.value is not None
    assert 0.5 < found.low < found.value < found.high < 1
    assert "High values are suspicious" in of_auc(found, "fraud")
    assert "Low values are suspicious" in of_auc(auc_of(-VALUES, LABELS, PEOPLE), "fraud")


def test_people_are_resampled_not_events() -> None:
    """The same events ten times over, by the same people, tell nothing new."""
    once, tenfold = (auc_of(np.repeat(VALUES, n), np.repeat(LABELS, n), np.repeat(PEOPLE, n)) for n in (1, 10))
    assert (once.low, once.high) == pytest.approx((tenfold.low, tenfold.high))


def test_one_class_or_one_value_is_a_reason_not_a_number() -> None:
    assert auc_of(VALUES, np.ones(ROWS), PEOPLE).reason == "all 600 labels are the same"
    assert auc_of(np.ones(ROWS), LABELS, PEOPLE).reason == "the value is always the same"


def test_rates_are_of_events_with_a_final_label_and_missing_values_have_their_own() -> None:
    values = np.array([0.0, 0.0, 1.0, 1.0, NAN, NAN, 1.0])
    labels = np.array([0.0, 1.0, 1.0, 1.0, 0.0, 1.0, NAN])
    found = relation_of(values, labels, np.arange(7))
    assert found is not None
    assert [(rate.rows, rate.positives) if rate else None for rate in found.rates] == [(2, 1), (2, 2), None, (2, 1)]
    assert (found.overall.rows, found.overall.positives) == (6, 4)


def test_quantiles_share_the_labelled_events_evenly() -> None:
    found = relation_of(VALUES, LABELS, PEOPLE)
    assert found is not None
    assert all(rate and 59 <= rate.rows <= 61 for rate in found.rates[:-1])
    assert found.rates[-1] is None


def test_without_labels_or_values_a_sentence_says_so() -> None:
    assert relation_of(VALUES, np.full(ROWS, NAN), PEOPLE) is None
    assert relation_of(np.full(ROWS, NAN), LABELS, PEOPLE) is None
    assert "No event has a final label" in of_relation(None, 0, "fraud")
    assert "No labelled event has a value" in of_relation(None, 5, "fraud")
    one_class = relation_of(VALUES, np.zeros(ROWS), PEOPLE)
    assert "all 600 labels are the same" in of_relation(one_class, ROWS, "reversal")


def test_a_category_has_rates_but_no_area() -> None:
    found = relation_of(np.round(VALUES), LABELS, PEOPLE, categorical=True)
    assert found is not None
    assert found.auc.reason == "a category has no order"
