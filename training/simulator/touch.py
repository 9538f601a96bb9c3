"""How the screen was touched: the summary that a client sends with what a person did."""

from typing import Final

import numpy as np

from features.events import Kind
from training.simulator.batch import KINDS, TOUCHES, Rows
from training.simulator.families import Numbers
from training.simulator.habits import Habits

# The share of events of a kind that carry a summary; the others never do.
SUMMARISED: Final = {
    Kind.SIGN_UP: 0.6,
    Kind.CHECK_IN: 0.7,
    Kind.CLICK: 0.75,
    Kind.TASK_COMPLETED: 0.9,
    Kind.SCREENED_OUT: 0.85,
    Kind.AD_VIEWED: 0.8,
    Kind.WITHDRAWAL_REQUESTED: 0.7,
}
_SHARES: Final = np.array([SUMMARISED.get(kind, 0.0) for kind in KINDS])
TAPS_MAX: Final = 1_000_000
NO_SENSOR_SHARE: Final = 0.15
_DECIMALS: Final = {"duration_ms": 0, "tap_count": 0, "tap_interval_mean_ms": 1, "tap_interval_spread_ms": 1}


def fill_touches(rng: np.random.Generator, events: Rows, habits: Habits) -> None:
    """Fills the summary of the events that carry one. `duration_ms` must hold how long each event took."""
    carries = rng.random(len(events)) < _SHARES[events["kind"]]
    events["duration_ms"][~carries] = np.nan
    chosen = np.flatnonzero(carries)
    user = events["user"][chosen]
    values = _touches(rng, events["duration_ms"][chosen], *_own(habits, user))
    for name, value in zip(TOUCHES, values, strict=True):
        events[name][chosen] = np.round(value, _DECIMALS.get(name, 5))


def _own(habits: Habits, user: Numbers) -> tuple[Numbers, ...]:
    names = ("interval_ms", "spread", "pressure", "sensor", "still", "untouched")
    return tuple(getattr(habits, name)[user] for name in names)


def _touches(
    rng: np.random.Generator,
    duration: Numbers,
    interval: Numbers,
    spread: Numbers,
    *rest: Numbers,
) -> tuple[Numbers, ...]:
    """Values in the order of TOUCHES."""
    count = len(duration)
    mean = interval * np.exp(0.30 * rng.standard_normal(count))
    taps = np.clip(rng.poisson(np.clip(duration / (4 * mean), 1, 1e5)), 1, TAPS_MAX)
    deviation = mean * spread * np.exp(0.35 * rng.standard_normal(count))
    # One tap has no interval.
    alone = taps < 2
    mean, deviation = np.where(alone, np.nan, mean), np.where(alone, np.nan, deviation)
    return duration, taps.astype(np.float64), mean, deviation, *_sensors(rng, *rest)


def _sensors(
    rng: np.random.Generator, pressure: Numbers, sensor: Numbers, still: Numbers, untouched: Numbers
) -> tuple[Numbers, Numbers]:
    """`(touch pressure variance, sensor variance)`: none on a rack or a table, none where a programme touches."""
    count = len(pressure)
    pressures = pressure * np.exp(0.5 * rng.standard_normal(count))
    pressures = np.where(rng.random(count) < untouched, 0.0, pressures)
    movements = sensor * np.exp(0.8 * rng.standard_normal(count))
    movements = np.where(rng.random(count) < still, movements * 0.01, movements)
    return pressures, np.where(rng.random(count) < NO_SENSOR_SHARE, np.nan, movements)
