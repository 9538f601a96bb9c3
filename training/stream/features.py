"""What was known when a payment was made: counts and means of Assay's window engine, the card's own habit, and what the
labels that had matured by then say of the terminal and of the card.

Every value is of payments earlier in the order of time, and a label counts `delay_days` after its payment. So the
future may be cut off anywhere, and nothing before the cut changes.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from features.events import Kind
from features.fold import Windows
from features.windows import DAY, HOPS, Aggregate, Entity, Windowed
from training.stream import loops
from training.stream.payments import Floats, Ints, Payments

AMOUNT: Final = "amount_micros"
TABLE: Final = (
    *(Windowed(Entity.USER, Aggregate.COUNT, "", over, HOPS[over]) for over in (DAY, 7 * DAY, 30 * DAY)),
    *(Windowed(Entity.USER, Aggregate.MEAN, AMOUNT, over, HOPS[over]) for over in (DAY, 7 * DAY, 30 * DAY)),
    Windowed(Entity.USER, Aggregate.VARIANCE, AMOUNT, 30 * DAY, DAY),
    Windowed(Entity.USER, Aggregate.SINCE, "", 30 * DAY, DAY),
    *(Windowed(Entity.PARTNER, Aggregate.COUNT, "", over, HOPS[over]) for over in (7 * DAY, 30 * DAY)),
)
"""The window features, in the words of `features/windows.py`: a card is a user, a terminal a partner."""

WEIGHT: Final = 2.0
"""A terminal's rate counts the rate of all terminals as so many payments of its own."""
HISTORY_MIN: Final = 5
"""With fewer payments than this nothing is a surprise for a card."""
SURPRISE_MAX: Final = 3.0


@dataclass(frozen=True)
class Matrix:
    """`values` is `(payments, names)`, NaN where nothing is known."""

    names: tuple[str, ...]
    values: Floats


Columns = dict[str, Floats]
Keyed = tuple[Ints, Ints]


def stream_features(payments: Payments, delay_days: int) -> Matrix:
    """Every feature of every payment, as of its own instant."""
    cards = loops.grouped(payments.customers, int(payments.customers.max()) + 1)
    terminals = loops.grouped(payments.terminals, int(payments.terminals.max()) + 1)
    delay = delay_days * DAY
    habit, surprise = _habit(payments, cards)
    columns = _windows(payments) | habit | _surprises(payments, cards, surprise)
    plain = payments.labels * (surprise == 0)
    columns |= _runs(payments, terminals, plain, delay) | _rates(payments, terminals, plain, delay)
    columns["customer__matured_frauds__decayed_7d"] = loops.decayed(
        *cards, payments.times, payments.labels, 7 * DAY, delay
    )
    columns["customer__matured_surprising_frauds__decayed_7d"] = loops.decayed(
        *cards, payments.times, payments.labels - plain, 7 * DAY, delay
    )
    return Matrix(tuple(columns), np.column_stack(list(columns.values())))


def _windows(payments: Payments) -> Columns:
    """TABLE by the window engine, and the amount beside what the engine knows of the card's last 30 days."""
    values = Windows(TABLE).vectors(_events(payments))
    columns = {feature.name: values[:, at] for at, feature in enumerate(TABLE)}
    amounts = payments.amounts.astype(np.float64)
    mean = columns[TABLE[5].name]
    deviation = np.sqrt(columns[TABLE[6].name])
    with np.errstate(divide="ignore", invalid="ignore"):
        columns["event__amount_over_user_mean__30d"] = _finite(amounts / mean)
        columns["event__amount_deviations_from_user_mean__30d"] = _finite((amounts - mean) / deviation)
    return columns


def _events(payments: Payments) -> pa.Table:
    size = len(payments)
    return pa.table(
        {
            "event_time": payments.times,
            "as_of": payments.times,
            "kind": pa.repeat(str(Kind.PURCHASE), size),
            "amount_micros": payments.amounts,
            "user_id": pa.array(payments.customers).cast(pa.string()),
            "partner_id": pa.array(payments.terminals).cast(pa.string()),
        }
    )


def _habit(payments: Payments, cards: Keyed) -> tuple[Columns, Floats]:
    """The amount against the card's own latest amounts; and how far it lies above their ninth decile, in natural
    logarithms: the surprise, 0 for an amount within it or a card that is hardly known.
    """
    amounts = payments.amounts / 1e6
    lower, middle, upper, ninth, most, rank = loops.habits(*cards, amounts).T
    earlier = loops.within(*cards, payments.times, amounts, int(payments.times[-1]) + 1, 0, 0)[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        columns = {
            "event__amount": amounts,
            "event__amount_over_user_median": _finite(amounts / middle),
            "event__amount_over_user_ninth_decile": _finite(amounts / ninth),
            "event__amount_over_user_largest": _finite(amounts / most),
            "event__amount_spreads_from_user_median": _finite((amounts - middle) / (upper - lower)),
            "event__amount_rank_among_user": rank,
            "user__median_amount": middle,
            "user__payments": earlier,
        }
        above = np.log(amounts / ninth)
    surprise = np.where(earlier >= HISTORY_MIN, np.clip(np.nan_to_num(above), 0, SURPRISE_MAX), 0.0)
    return columns, surprise


def _finite(values: Floats) -> Floats:
    return np.where(np.isfinite(values), values, np.nan)


def _surprises(payments: Payments, cards: Keyed, surprise: Floats) -> Columns:
    """What a card did lately that it never used to: unlabelled, so known at once."""
    columns = {}
    for days in (1, 4, 10):
        columns[f"user__surprise__decayed_{days}d"] = loops.decayed(*cards, payments.times, surprise, days * DAY, 0)
    for days in (7, 14):
        name = f"user__surprise__largest_{days}d"
        columns[name] = loops.largest(*cards, payments.times, surprise, days * DAY)
    return columns


def _runs(payments: Payments, terminals: Keyed, plain: Floats, delay: int) -> Columns:
    """How a terminal's matured labels go at the end. A plain fraud is one whose amount did not surprise its card, so
    that the terminal explains it better than the card.
    """
    names = "run plain_run run_age clean_before_run_age fraud_age clean_since_fraud not_matured".split()
    found = loops.runs(*terminals, payments.times, payments.labels, plain, delay)
    columns = {f"terminal__{name}": found[:, at] for at, name in enumerate(names)}
    columns |= {name: values / DAY for name, values in columns.items() if name.endswith("_age")}
    columns["terminal__plain_share_of_run"] = found[:, 1] / np.where(found[:, 0] > 0, found[:, 0], np.nan)
    return columns


def _rates(payments: Payments, terminals: Keyed, plain: Floats, delay: int) -> Columns:
    """Shares of fraud and of plain fraud among a terminal's matured payments, each drawn towards that of all terminals
    as known then (empirical Bayes).
    """
    everywhere = loops.grouped(np.zeros(len(payments), np.int64), 1)
    columns, ones = {}, np.ones(len(payments))
    for name, frauds in (("fraud", payments.labels), ("plain_fraud", plain)):
        seen, bad = loops.within(*everywhere, payments.times, frauds, int(payments.times[-1]) + 1, delay, 0)
        usual = bad / np.maximum(seen, 1)
        for days in (2, 5, 14):
            ours = loops.decayed(*terminals, payments.times, frauds, days * DAY, delay)
            all_ours = loops.decayed(*terminals, payments.times, ones, days * DAY, delay)
            columns[f"terminal__{name}_rate__decayed_{days}d"] = (ours + WEIGHT * usual) / (all_ours + WEIGHT)
    return columns
