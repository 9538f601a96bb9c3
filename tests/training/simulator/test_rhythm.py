"""The hourly table that the code carries."""

import os
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from training.simulator.rhythm import WEEKDAY, WEEKEND, draw_seconds, hour_shares, level_of

FRIDAY, SATURDAY, SUNDAY = date(2026, 1, 9), date(2026, 1, 10), date(2026, 1, 11)


@pytest.mark.data
@pytest.mark.parametrize(("days", "carried"), [((1, 2, 3, 4, 5), WEEKDAY), ((6, 7), WEEKEND)])
def test_the_carried_figures_are_those_of_the_public_table(days: tuple[int, ...], carried: tuple[int, ...]) -> None:
    root = Path(__file__).parents[3]
    file = root / os.environ.get("ASSAY_DATA", "../shared/data") / "traffic_share" / "traffic_share.csv"
    if not file.exists():
        pytest.skip(f"the public data is absent: set ASSAY_DATA to the folder that holds {file.parent.name}")
    table = pd.read_csv(file)
    hourly = table[table["dow"].isin(days)].groupby("hour")["traffic_share"].sum()
    assert np.abs(1000 * hourly / hourly.sum() - carried).max() <= 0.5 + 1e-9


def test_early_local_hours_of_a_utc_friday_belong_to_saturday() -> None:
    friday, saturday = hour_shares(FRIDAY), hour_shares(SATURDAY)
    assert friday[1] / friday[0] == pytest.approx(WEEKEND[1] / WEEKEND[0])
    assert friday[12] / friday[22] == pytest.approx(WEEKDAY[12] / WEEKDAY[22])
    assert saturday[12] / saturday[22] == pytest.approx(WEEKEND[12] / WEEKEND[22])


def test_drawn_times_peak_at_local_noon_and_lie_within_the_day() -> None:
    seconds = draw_seconds(np.random.default_rng(1), FRIDAY, 20_000)
    assert seconds.min() >= 0
    assert seconds.max() < 86_400
    local = np.bincount((seconds // 3600 + 8) % 24, minlength=24)
    assert np.corrcoef(local, WEEKDAY)[0, 1] > 0.98


def test_weekends_are_quieter() -> None:
    assert level_of(SUNDAY) < level_of(FRIDAY)
