"""Features know the past only, and labels only once they have matured; the book's fifteen are the book's."""

from dataclasses import replace

import numpy as np
import pandas as pd
import polars as pl
import pytest

from features.windows import DAY
from training.stream.book import NAMES, book_features
from training.stream.features import stream_features
from training.stream.payments import Payments

DELAY = 7


@pytest.mark.parametrize("count", [1, 700, 2500])
def test_the_future_may_be_cut_off_and_nothing_changes(payments: Payments, count: int) -> None:
    whole, cut = (stream_features(some, DELAY).values for some in (payments, payments.first(count)))
    assert whole[:count].tobytes() == cut.tobytes()
    book = book_features(payments, DELAY)[:count]
    assert book.tobytes() == book_features(payments.first(count), DELAY).tobytes()


def test_a_label_counts_only_after_the_delay(payments: Payments) -> None:
    """All labels of the last days turned round: nothing changes until the first of them has matured."""
    since = int(payments.times[0]) + 20 * DAY
    turned = replace(payments, labels=np.where(payments.times >= since, 1 - payments.labels, payments.labels))
    before = payments.times < since + DELAY * DAY
    for features in (lambda some: stream_features(some, DELAY).values, lambda some: book_features(some, DELAY)):
        one, other = features(payments), features(turned)
        np.testing.assert_array_equal(one[before], other[before])
        assert not np.array_equal(one[~before], other[~before], equal_nan=True)


def test_a_payments_own_label_is_never_among_its_features(payments: Payments) -> None:
    turned = replace(payments, labels=np.append(payments.labels[:-1], 1 - payments.labels[-1]))
    for delay in (0, DELAY):
        one, other = (stream_features(some, delay).values for some in (payments, turned))
        np.testing.assert_array_equal(one, other)


def test_every_feature_has_a_name_of_its_own_and_a_column(payments: Payments) -> None:
    matrix = stream_features(payments, DELAY)
    assert len(set(matrix.names)) == len(matrix.names) == matrix.values.shape[1]
    assert all("__" in name for name in matrix.names)
    assert not np.isinf(matrix.values).any()


def test_a_card_that_pays_much_more_than_ever_is_a_surprise(payments: Payments) -> None:
    card = payments.customers == np.bincount(payments.customers).argmax()
    *_, loud, later = np.flatnonzero(card)
    matrix = stream_features(payments, DELAY)
    amounts = np.where(np.arange(len(payments)) == loud, 10**9, payments.amounts)
    changed = stream_features(replace(payments, amounts=amounts), DELAY)
    at = matrix.names.index("user__surprise__largest_14d")
    assert changed.values[later, at] > matrix.values[later, at] + 1


def test_the_fifteen_agree_with_windows_of_pandas(table: pl.DataFrame, payments: Payments) -> None:
    """The book computes them with pandas' rolling windows over time, key by key."""
    frame = table.to_pandas().set_index("TX_DATETIME")
    values = dict(zip(NAMES, book_features(payments, DELAY).T, strict=True))
    assert len(values) == 15
    assert values["during_weekend"].tolist() == (frame.index.weekday >= 5).astype(float).tolist()
    assert values["during_night"].tolist() == (frame.index.hour <= 6).astype(float).tolist()
    frame["row"] = np.arange(len(frame))
    for _, own in list(frame.groupby("CUSTOMER_ID"))[:10]:
        for days in (1, 7, 30):
            amounts = own["TX_AMOUNT"].rolling(f"{days}D")
            np.testing.assert_allclose(values[f"customer_payments_{days}d"][own["row"]], amounts.count())
            np.testing.assert_allclose(values[f"customer_mean_amount_{days}d"][own["row"]], amounts.mean())
    for _, own in list(frame.groupby("TERMINAL_ID"))[:10]:
        for days in (1, 7, 30):
            counts, frauds = _delayed(own["TX_FRAUD"], days)
            np.testing.assert_allclose(values[f"terminal_payments_{days}d"][own["row"]], counts)
            np.testing.assert_allclose(values[f"terminal_risk_{days}d"][own["row"]], (frauds / counts).fillna(0))


def _delayed(frauds: "pd.Series[int]", days: int) -> "tuple[pd.Series[float], pd.Series[float]]":
    """A window of the delay and the days, less a window of the delay."""
    longer, shorter = frauds.rolling(f"{DELAY + days}D"), frauds.rolling(f"{DELAY}D")
    return longer.count() - shorter.count(), longer.sum() - shorter.sum()
