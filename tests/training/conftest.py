"""Small frames and outcomes on a clock of days, with a signal that a model can learn."""

from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import pytest

DAY = 86_400_000_000
TEXT = ("subject_event_id", "kind", "reason", "reversal_kind", "disposition", "caused_by")


def outcome_rows(*rows: dict[str, Any]) -> pl.DataFrame:
    """Outcomes as the event log gives them; `day` is when each was recorded."""
    columns: dict[str, list[Any]] = {name: [row.get(name) for row in rows] for name in TEXT}
    columns["recorded_at"] = [round(row["day"] * DAY) for row in rows]
    columns["sequence"] = list(range(1000, 1000 + len(rows)))
    types = dict.fromkeys(TEXT, pl.String) | {"recorded_at": pl.Int64, "sequence": pl.Int64}
    return pl.DataFrame(columns, schema=types)


def made_frame(rows: int, seed: int = 0) -> tuple[pl.DataFrame, pl.Series]:
    """One event every hundredth of a day; nearly half are withdrawals; about one in five is fraud."""
    draws = np.random.default_rng(seed)
    signal, graph, noise = draws.normal(size=(3, rows))
    chance = 1 / (1 + np.exp(2.0 - 1.5 * signal - graph))
    country = draws.integers(0, 4, rows).astype(float)
    times = (np.arange(rows) * DAY) // 100
    withdraws = draws.random(rows) < 0.45
    frame = pl.DataFrame(
        {
            "sequence": np.arange(1, rows + 1),
            "event_id": [f"e{at}" for at in range(rows)],
            "kind": np.where(withdraws, "withdrawal_requested", "task_completed"),
            "user_id": [f"u{at % (rows // 3)}" for at in range(rows)],
            "event_time": times,
            "as_of": times,
            "reward_micros": np.full(rows, 1_000_000),
            "revenue_micros": np.full(rows, 2_000_000),
            "user__signal": np.where(draws.random(rows) < 0.1, np.nan, signal),
            "event__country": country,
            "user__noise": noise,
            "graph__density": graph,
        }
    )
    return frame, pl.Series("fraud", draws.random(rows) < chance)


def made_outcomes(frame: pl.DataFrame, fraud: pl.Series, clean_after: int = 3) -> pl.DataFrame:
    """Fraud is reversed after a day, the others are found clean after `clean_after` days."""
    rows = [
        {"kind": "reversal", "reason": "fraud", "reversal_kind": "advertiser_reversal", "after": 1}
        if bad
        else {"kind": "clean", "after": clean_after}
        for bad in fraud
    ]
    for row, name, time in zip(rows, frame["event_id"], frame["as_of"], strict=True):
        row |= {"subject_event_id": name, "day": time / DAY + row["after"]}
    return outcome_rows(*rows)


@pytest.fixture
def outcomes() -> Callable[..., pl.DataFrame]:
    return outcome_rows


@pytest.fixture(scope="session")
def log() -> tuple[pl.DataFrame, pl.DataFrame]:
    """A frame of 4,000 events over 40 days, and their outcomes."""
    frame, fraud = made_frame(4000)
    return frame, made_outcomes(frame, fraud)


@pytest.fixture(scope="session")
def features() -> tuple[str, ...]:
    return ("user__signal", "event__country", "user__noise", "graph__density")
