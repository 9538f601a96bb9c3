"""A small stream of payments with frauds of cards and of terminals, so that there is something to learn."""

from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
import pytest

from training.stream.payments import Payments, payments_of

START = datetime(2024, 3, 4, tzinfo=UTC)
DAYS, CARDS, TERMINALS = 35, 300, 40


def made_table(seed: int = 0, days: int = DAYS, per_day: int = 120) -> pl.DataFrame:
    """Payments under the handbook's names: some terminals go bad for two weeks, some cards pay thrice what they did."""
    dice = np.random.default_rng(seed)
    size = days * per_day
    seconds = np.sort(dice.integers(0, days * 86_400, size))
    cards, terminals = dice.integers(0, CARDS, size), dice.integers(0, TERMINALS, size)
    amounts = dice.gamma(4, 10, size)
    day = seconds // 86_400
    bad_from = dice.permutation(np.arange(TERMINALS) * days // TERMINALS)
    taken_from = dice.permutation(np.arange(CARDS) % days)
    of_terminal = (day >= bad_from[terminals]) & (day < bad_from[terminals] + 14) & (terminals % 3 == 0)
    of_card = (day >= taken_from[cards]) & (day < taken_from[cards] + 4) & (dice.random(size) < 0.5)
    frauds = of_terminal | of_card
    return pl.DataFrame(
        {
            "TRANSACTION_ID": np.arange(size),
            "TX_DATETIME": pl.Series(seconds).cast(pl.Duration("ms")) * 1000 + START.replace(tzinfo=None),
            "CUSTOMER_ID": cards,
            "TERMINAL_ID": terminals,
            "TX_AMOUNT": np.round(np.where(of_card, 3 * amounts, amounts), 2),
            "TX_FRAUD": frauds.astype(np.int64),
        }
    )


@pytest.fixture(scope="session")
def table() -> pl.DataFrame:
    return made_table()


@pytest.fixture(scope="session")
def payments(table: pl.DataFrame) -> Payments:
    return payments_of(table, {})


@pytest.fixture
def few() -> Callable[..., Payments]:
    """Payments written by hand: rows of `(day, card, terminal, amount, label)`; a day may be a fraction."""

    def make(*rows: tuple[float, int, int, float, int]) -> Payments:
        day, card, terminal, amount, label = map(np.array, zip(*rows, strict=True))
        start = int(START.timestamp()) * 1_000_000
        return Payments(
            (start + day * 86_400_000_000).astype(np.int64),
            card.astype(np.int64),
            terminal.astype(np.int64),
            np.rint(amount * 1e6).astype(np.int64),
            label.astype(np.float64),
        )

    return make
