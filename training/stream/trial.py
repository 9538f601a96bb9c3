"""One window: learn from the book's features and from ours, on the same payments, and measure both."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

from training.curves import Curve, Ranking, auc, average_precision
from training.estimates import Estimate
from training.evaluate import Bootstrap, Scored, difference
from training.stream.book import book_features
from training.stream.features import stream_features
from training.stream.measures import card_precision
from training.stream.model import SEEDS, Advance, learned_scores
from training.stream.payments import Floats, Ints, Payments
from training.stream.protocol import Rows, Window, day_of, rows_of

STEPS: Final = 2 * SEEDS
"""How often `tried` advances."""


@dataclass(frozen=True)
class Known:
    """What was known at each payment: the book's fifteen features, and ours."""

    book: Floats
    ours: Floats


@dataclass(frozen=True)
class Figures:
    """`auc` and `ap` are None where the payments are of one class. `card_precision` is published with found cards
    blocked on later days; `card_precision_every_day` leaves them in.
    """

    auc: float | None
    ap: float | None
    card_precision: float
    card_precision_every_day: float


@dataclass(frozen=True)
class Day:
    """A test day: date, payments, frauds, and the figures of that day alone."""

    day: str
    payments: int
    frauds: int
    auc: float | None
    ap: float | None
    baseline_ap: float | None
    card_precision: float


@dataclass(frozen=True)
class Trial:
    """`gain` is our average precision less the book's, with a paired bootstrap over cards."""

    window: Window
    train_rows: int
    train_positives: int
    test_rows: int
    test_positives: int
    removed: int
    ours: Figures
    book: Figures
    gain: Estimate
    days: tuple[Day, ...]


def known_at(payments: Payments, delay_days: int, advance: Advance = lambda _: None) -> Known:
    """The features of every payment, once for all windows. `advance` is called twice."""
    book = book_features(payments, delay_days)
    advance(1)
    ours = stream_features(payments, delay_days).values
    advance(1)
    return Known(book, ours)


def tried(payments: Payments, known: Known, window: Window, seed: int, advance: Advance = lambda _: None) -> Trial:
    """Learn and measure. Raises PaymentsError for a window in which nothing can be learned or measured."""
    rows = rows_of(payments, window)
    labels = payments.labels[rows.train]
    ours, book = (
        learned_scores(values[rows.train], labels, values[rows.test], seed, advance)
        for values in (known.ours, known.book)
    )
    return _measured(payments, window, rows, ours, book)


def _measured(payments: Payments, window: Window, rows: Rows, ours: Floats, book: Floats) -> Trial:
    labels, cards = payments.labels[rows.test], payments.customers[rows.test]
    codes = np.unique(cards, return_inverse=True)[1].astype(np.int64)
    return Trial(
        window,
        train_rows=len(rows.train),
        train_positives=int(payments.labels[rows.train].sum()),
        test_rows=len(rows.test),
        test_positives=int(labels.sum()),
        removed=rows.removed,
        ours=_figures(payments, rows.test, ours),
        book=_figures(payments, rows.test, book),
        gain=difference(Scored.of(labels, ours, codes), book, Bootstrap())["ap"],
        days=tuple(_days(payments, rows.test, ours, book)),
    )


def _figures(payments: Payments, test: Ints, scores: Floats) -> Figures:
    labels, facts = payments.labels[test], (payments.days[test], payments.customers[test])
    published = card_precision(*facts, labels, scores)
    every_day = card_precision(*facts, labels, scores, once=False)
    return Figures(
        _ranked(labels, scores, auc),
        _ranked(labels, scores, average_precision),
        float(np.mean(list(published.values()))),
        float(np.mean(list(every_day.values()))),
    )


def _ranked(labels: Floats, scores: Floats, measure: Callable[[Curve], float]) -> float | None:
    curve = Ranking.of(labels, scores).curve(np.ones(len(labels)))
    return measure(curve) if curve.has_both_classes else None


def _days(payments: Payments, test: Ints, ours: Floats, book: Floats) -> list[Day]:
    days, labels = payments.days[test], payments.labels[test]
    shares = card_precision(days, payments.customers[test], labels, ours)
    found = []
    for day, share in shares.items():
        of_day = days == day
        one = labels[of_day]
        found.append(
            Day(
                str(day_of(day)),
                payments=len(one),
                frauds=int(one.sum()),
                auc=_ranked(one, ours[of_day], auc),
                ap=_ranked(one, ours[of_day], average_precision),
                baseline_ap=_ranked(one, book[of_day], average_precision),
                card_precision=share,
            )
        )
    return found
