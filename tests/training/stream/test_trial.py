"""A window is learned and measured twice on the same payments: by our features and by the book's."""

from dataclasses import replace
from datetime import date

import numpy as np
import pytest

from training.stream import model
from training.stream.payments import Payments
from training.stream.protocol import Window
from training.stream.trial import STEPS, Known, known_at, tried

WINDOW = Window(date(2024, 3, 16), 7, 7, 7)


@pytest.fixture(autouse=True)
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model, "ROUNDS", 30)


@pytest.fixture(scope="module")
def known(payments: Payments) -> Known:
    return known_at(payments, WINDOW.delay_days)


def test_both_are_measured_on_the_same_rows_and_the_days_add_up(payments: Payments, known: Known) -> None:
    steps: list[int] = []
    trial = tried(payments, known, WINDOW, 7, steps.append)
    assert len(steps) == STEPS
    assert trial.ours.auc is not None
    assert trial.ours.auc > 0.6
    assert trial.gain.value == pytest.approx((trial.ours.ap or 0) - (trial.book.ap or 0))
    assert trial.gain.low is not None
    assert [day.day for day in trial.days] == [f"2024-03-{day}" for day in range(30, 32)] + [
        f"2024-04-0{day}" for day in range(1, 6)
    ]
    assert sum(day.payments for day in trial.days) == trial.test_rows
    assert sum(day.frauds for day in trial.days) == trial.test_positives
    assert trial.ours.card_precision == pytest.approx(np.mean([day.card_precision for day in trial.days]))


def test_the_same_seed_gives_the_same_scores_and_another_others(payments: Payments, known: Known) -> None:
    rows = slice(0, 2000)
    one, same, other = (
        model.learned_scores(known.ours[rows], payments.labels[rows], known.ours[2000:], seed, lambda _: None)
        for seed in (7, 7, 8)
    )
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


def test_the_labels_of_the_test_days_change_no_score(payments: Payments, known: Known) -> None:
    """Turned round, they change what is measured, never what was learned or known, before the first has matured."""
    turned = replace(payments, labels=np.where(payments.days >= payments.days[-1] - 8, 0.0, payments.labels))
    again = known_at(turned, WINDOW.delay_days)
    first = payments.days < payments.days[-1] - 8 + WINDOW.delay_days
    np.testing.assert_array_equal(known.ours[first], again.ours[first])


def test_a_test_without_fraud_states_that_nothing_can_be_ranked(payments: Payments, known: Known) -> None:
    tested = payments.days >= payments.days[0] + 26
    trial = tried(replace(payments, labels=np.where(tested, 0.0, payments.labels)), known, WINDOW, 7)
    assert (trial.ours.auc, trial.ours.ap, trial.book.ap) == (None, None, None)
    assert trial.ours.card_precision == 0
    assert trial.gain.reason == f"one class only: 0 of {trial.test_rows} rows are positive"
