"""Who is learned from and who is tested: the handbook's protocol, beside its definition written out with sets."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from training.stream.payments import Payments, PaymentsError
from training.stream.protocol import Window, every_week, last_window, parsed, rows_of
from training.stream.reading import read_payments

FIRST = date(2024, 3, 4)


def by_definition(payments: Payments, begin: int, window: Window) -> list[int]:
    """Test day by test day: the pool of known cards grows by the day that lies the delay and one day before."""
    day = payments.days - payments.days[0]

    def bad_cards(since: int, before: int) -> set[int]:
        bad = (payments.labels == 1) & (day >= since) & (day < before)
        return set(payments.customers[bad].tolist())

    known, tested = bad_cards(begin, begin + window.train_days), []
    for number in range(window.test_days):
        today = begin + window.train_days + window.delay_days + number
        known |= bad_cards(today - window.delay_days - 1, today - window.delay_days)
        rows = np.flatnonzero(day == today).tolist()
        tested += [row for row in rows if payments.customers[row] not in known]
    return tested


@pytest.mark.parametrize("begin", [0, 5, 14])
@pytest.mark.parametrize("days", [(7, 7, 7), (5, 3, 6), (7, 0, 3)])
def test_the_rows_are_those_of_the_definition(payments: Payments, begin: int, days: tuple[int, int, int]) -> None:
    window = Window(date.fromordinal(FIRST.toordinal() + begin), *days)
    rows = rows_of(payments, window)
    day = payments.days - payments.days[0]
    assert rows.train.tolist() == np.flatnonzero((day >= begin) & (day < begin + days[0])).tolist()
    assert rows.test.tolist() == by_definition(payments, begin, window)
    assert rows.removed > 0


def test_a_card_leaves_the_day_after_the_delay_and_old_frauds_do_not_count(few: Callable[..., Payments]) -> None:
    payments = few(
        (0.0, 0, 0, 9.0, 1),  # before the training day: forgotten
        (1.0, 1, 0, 9.0, 1),
        (1.1, 2, 0, 9.0, 0),
        (2.5, 2, 0, 9.0, 1),  # on a day of the delay: known two days and a bit later
        *((3.0 + day, card, 0, 9.0, 0) for day in (0, 1, 2) for card in (0, 1, 2)),
    )
    rows = rows_of(payments, Window(date(2024, 3, 5), 1, 1, 3))
    seen = [(int(payments.days[row] - payments.days[0]), int(payments.customers[row])) for row in rows.test]
    assert seen == [(3, 0), (3, 2), (4, 0), (5, 0)]


def test_a_window_outside_the_file_names_the_files_days(payments: Payments) -> None:
    with pytest.raises(PaymentsError, match="the file holds 2024-03-04 to 2024-04-07, the window needs 2024-03-03"):
        rows_of(payments, Window(date(2024, 3, 3)))
    with pytest.raises(PaymentsError, match="to 2024-04-08"):
        rows_of(payments, Window(date(2024, 3, 19)))


def test_a_window_with_nothing_in_it_or_nothing_to_learn_says_so(few: Callable[..., Payments]) -> None:
    gap = few((0.0, 0, 0, 1.0, 0), (0.1, 1, 0, 1.0, 1), (30.0, 0, 0, 1.0, 0))
    with pytest.raises(PaymentsError, match="the test days from 2024-03-06 hold no payments"):
        rows_of(gap, Window(FIRST, 1, 1, 1))
    with pytest.raises(PaymentsError, match="the training days from 2024-03-05 hold no payments"):
        rows_of(gap, Window(date(2024, 3, 5), 1, 1, 1))
    with pytest.raises(PaymentsError, match=r"one class only [(]0 of 1 payments"):
        rows_of(few((0.0, 0, 0, 1.0, 0), (2.0, 0, 0, 1.0, 0)), Window(FIRST, 1, 1, 1))
    with pytest.raises(PaymentsError, match="1 of known cards were removed"):
        rows_of(few((0.0, 0, 0, 1.0, 1), (0.0, 1, 0, 1.0, 0), (2.0, 0, 0, 1.0, 0)), Window(FIRST, 1, 1, 1))


def test_days_have_limits_and_dates_a_form() -> None:
    with pytest.raises(PaymentsError, match="train_days must be 1 to 366, not 0"):
        Window(FIRST, train_days=0)
    with pytest.raises(PaymentsError, match="write it as 2018-07-25"):
        parsed("25.7.2018")
    assert parsed("2018-07-25") == date(2018, 7, 25)


def test_every_week_walks_the_file_and_can_be_anchored(payments: Payments) -> None:
    window = last_window(payments, 7, 7, 7)
    assert window.last_day == date(2024, 4, 7)
    assert [str(one.train_from) for one in every_week(payments, window, anchored=False)] == [
        "2024-03-04",
        "2024-03-11",
        "2024-03-18",
    ]
    moved = Window(date(2024, 3, 12))
    assert [str(one.train_from) for one in every_week(payments, moved, anchored=True)] == ["2024-03-05", "2024-03-12"]
    with pytest.raises(PaymentsError, match="too short for a window"):
        list(every_week(payments, Window(FIRST, 30, 7, 7), anchored=False))


@pytest.mark.data
def test_the_handbooks_published_window_has_its_rows(public_data: Path) -> None:
    payments = read_payments(public_data / "handbook" / "transactions.parquet", {})
    rows = rows_of(payments, Window(date(2018, 7, 25)))
    assert (len(rows.train), len(rows.test)) == (67_240, 58_264)
    assert int(payments.labels[rows.test].sum()) == 385
