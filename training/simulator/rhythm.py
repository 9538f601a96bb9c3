"""When people are awake: the hourly shape of honest traffic on weekdays and at weekends."""

from datetime import date
from typing import Final

import numpy as np
from numpy.typing import NDArray

# Share of a day's traffic by local hour, in thousandths. Source: the public table of traffic share by region, weekday
# and hour of the Avito BAT data set (MIT licence), averaged over its 114 regions, days of the class, and rounded.
WEEKDAY: Final = (14, 9, 8, 8, 10, 14, 20, 30, 44, 61, 71, 73, 73, 72, 69, 67, 63, 58, 54, 49, 44, 37, 30, 22)
WEEKEND: Final = (15, 11, 8, 9, 10, 14, 19, 28, 42, 58, 70, 73, 73, 71, 69, 66, 63, 59, 54, 50, 44, 39, 32, 24)
# How much of a weekday's traffic a weekend day has, from the same table.
WEEKEND_LEVEL: Final = 0.80
UTC_OFFSET_HOURS: Final = 8
DAY_SECONDS: Final = 86_400
NIGHT_HOURS: Final = 6


def level_of(day: date) -> float:
    """Activity of a day relative to a weekday."""
    return WEEKEND_LEVEL if day.weekday() >= 5 else 1.0


def hour_shares(day: date) -> NDArray[np.float64]:
    """Shares of the 24 *local* hours that lie in the UTC day `day`; early local hours belong to the next local day."""
    weekday = day.weekday()
    following = (weekday + 1) % 7
    shares = [
        (WEEKEND if (following if hour < UTC_OFFSET_HOURS else weekday) >= 5 else WEEKDAY)[hour] for hour in range(24)
    ]
    return np.array(shares) / sum(shares)


def draw_seconds(rng: np.random.Generator, day: date, count: int) -> NDArray[np.int64]:
    """Seconds since UTC midnight of `day`, with the honest rhythm in local time."""
    hours = rng.choice(24, size=count, p=hour_shares(day))
    return utc_seconds(hours * 3600 + rng.integers(0, 3600, count))


def draw_night_seconds(rng: np.random.Generator, count: int) -> NDArray[np.int64]:
    """Seconds since UTC midnight, even over the local night."""
    return utc_seconds(rng.integers(0, NIGHT_HOURS * 3600, count))


def utc_seconds(local: NDArray[np.int64]) -> NDArray[np.int64]:
    """Local seconds of the day as UTC seconds of the day."""
    return (local - UTC_OFFSET_HOURS * 3600) % DAY_SECONDS
