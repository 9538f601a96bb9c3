"""Two periods, and stretches of the earlier one as long as the later."""

import numpy as np

from training.labels import MICROS_PER_DAY as DAY
from training.monitoring.periods import NO_STRETCH, STRETCHES_MAX, Span, periods_of, thinned

AS_OF = 100 * DAY - 1


def test_the_training_period_ends_where_the_recent_one_begins_or_with_the_training() -> None:
    late = periods_of(0, AS_OF, 7, AS_OF, None)
    assert (late.reference, late.recent) == (Span(0, 93 * DAY), Span(93 * DAY, 100 * DAY))
    assert periods_of(0, AS_OF, 7, 50 * DAY - 1, None).reference == Span(0, 50 * DAY)
    assert periods_of(0, AS_OF, 7, AS_OF, 14).reference == Span(79 * DAY, 93 * DAY)


def test_the_instant_itself_is_recent_and_the_next_is_not() -> None:
    recent = periods_of(0, AS_OF, 7, AS_OF, None).recent
    assert recent.mask(np.array([93 * DAY - 1, 93 * DAY, AS_OF, AS_OF + 1])).tolist() == [False, True, True, False]


def test_stretches_count_back_and_the_first_broken_one_is_none() -> None:
    periods = periods_of(0, AS_OF, 7, 20 * DAY - 1, None)
    times = np.array([0, 6 * DAY - 1, 6 * DAY, 13 * DAY - 1, 13 * DAY, 20 * DAY - 1])
    assert periods.stretches(times).tolist() == [NO_STRETCH, NO_STRETCH, 1, 1, 0, 0]
    assert periods_of(0, AS_OF, 1, AS_OF, None).stretches(np.arange(99) * DAY).max() == STRETCHES_MAX - 1


def test_an_empty_reference_lasts_no_days() -> None:
    assert periods_of(99 * DAY, AS_OF, 7, AS_OF, None).reference.days == 0


def test_many_rows_are_thinned_evenly_and_keep_both_ends() -> None:
    assert thinned(np.ones(1000, dtype=bool), 10).tolist() == np.linspace(0, 999, 10).astype(int).tolist()
    assert thinned(np.array([True, False, True]), 10).tolist() == [0, 2]
