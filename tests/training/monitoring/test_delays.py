"""How long outcomes take and whether they still come; the log's beginning and our own decisions are left out."""

import numpy as np
import polars as pl
import pytest

from training.labels import MICROS_PER_DAY as DAY
from training.monitoring.delays import delays_of, of_delays
from training.monitoring.limits import Limits
from training.monitoring.periods import periods_of

LIMITS = Limits.read()
DAYS = 60
PERIODS = periods_of(0, DAYS * DAY - 1, 7, DAYS * DAY, None)


def told(
    wait_before: float = 3.0, wait_recent: float = 3.0, silent_from: float = DAYS, by: str = "partner"
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Twenty events a day, each with a reversal after about so many days; from day 53 on they take another time."""
    happened = np.arange(0, DAYS, 0.05)
    draws = np.random.default_rng(1).uniform(0.5, 1.5, len(happened))
    recorded = happened + draws * np.where(happened + wait_recent > DAYS - 7, wait_recent, wait_before)
    keep = recorded < min(silent_from, DAYS)
    ids = [f"e{number}" for number in range(len(happened))]
    events = pl.DataFrame({"event_id": ids, "as_of": (happened * DAY).astype(np.int64)})
    outcomes = pl.DataFrame({"subject_event_id": ids, "recorded_at": (recorded * DAY).astype(np.int64)})
    said = outcomes.with_columns(pl.lit("reversal").alias("kind"), pl.lit(by).alias("caused_by"))
    return events, said.filter(pl.Series(keep))


def alerts(events: pl.DataFrame, outcomes: pl.DataFrame) -> list[str]:
    return [one.name for one in of_delays(delays_of(events, outcomes, PERIODS), LIMITS) if one.stands]


def test_steady_outcomes_raise_nothing_slow_and_silent_ones_do() -> None:
    assert alerts(*told()) == []
    assert alerts(*told(wait_recent=6.0)) == ["reversal_days_median", "reversal_days_p90"]
    assert alerts(*told(silent_from=DAYS - 7)) == ["reversal_outcomes"]


def test_hours_are_no_alert_however_many_times_as_long() -> None:
    assert alerts(*told(wait_before=0.1, wait_recent=0.4)) == []


def test_the_delay_is_measured_and_the_beginning_left_out() -> None:
    (delay,) = delays_of(*told(), PERIODS)
    assert delay.before.middle == pytest.approx(3.0, abs=0.2)
    assert delay.before.ninetieth == pytest.approx(4.2, abs=0.2)
    assert delay.before.days == pytest.approx(DAYS - 7 - 4.5, abs=0.1)
    assert delay.awaited == pytest.approx(140, rel=0.05)


def test_what_a_model_caused_says_nothing_and_silence_is_stated() -> None:
    events, outcomes = told(by="model")
    assert delays_of(events, outcomes, PERIODS) == []
    assert of_delays([], LIMITS)[0].value is None
    few = delays_of(events, told()[1].head(300), PERIODS)
    assert "arrived" in of_delays(few, LIMITS)[0].sentence
    assert of_delays(delays_of(events, told()[1].tail(20), PERIODS), LIMITS)[0].value is None
