"""What a profile says of its figures: whole sentences, with units once, and nothing said of what is not known."""

import math

import numpy as np

from features.vector import FEATURES
from notebooks import sentences
from notebooks.distribution import spread_of
from notebooks.relation import Rate
from training.monitoring.drift import drift_of

NAN = math.nan
TENS = np.arange(10.0, 20.0)


def spread_said(name: str, values: list[float], *, categorical: bool = False) -> str:
    return sentences.of_spread(name, spread_of(np.array(values)), categorical=categorical)


def test_a_spread_is_told_with_its_missing_share_and_its_unit_once() -> None:
    assert spread_said("user__count__1h", [0.0, 1.0, 3.0, NAN]) == (
        "**25.0 %** of the 4 events of both periods have no value. The others have 0 to 3 events, the middle one **1**."
    )
    assert "**25.0 %** say yes" in spread_said("device__is_emulator", [0.0, 1.0, 0.0, 0.0])
    assert "2 different ones" in spread_said("event__kind", [0.0, 1.0, 1.0], categorical=True)


def test_nothing_or_always_the_same_is_said_so_for_every_feature() -> None:
    for name in FEATURES:
        assert "always missing" in spread_said(name, [NAN, NAN])
        assert "it is the same" in spread_said(name, [1.0, 1.0, NAN])
    assert "choose other days" in spread_said(FEATURES[0], [])


def test_an_axis_that_is_not_even_is_announced() -> None:
    assert "logarithmic" in spread_said("user__count__1h", list(np.geomspace(1, 1e6, 500)))
    assert "largest hundredth" in spread_said("user__count__1h", [*np.linspace(0, 20, 500), 900.0])


def test_a_drift_is_told_with_its_gap_and_what_went_missing() -> None:
    assert "differs by 100 % at most." in sentences.of_drift(drift_of(TENS, TENS + 50))
    assert "missing more often" in sentences.of_drift(drift_of(TENS, np.append(TENS, [NAN])))
    assert "missing less often" in sentences.of_drift(drift_of(np.append(TENS, [NAN]), TENS))
    assert "differs" not in sentences.of_drift(drift_of(TENS, TENS, categorical=True))
    assert "nothing to compare" in sentences.of_drift(drift_of(np.array([NAN]), np.array([NAN])))
    assert "nothing to compare" in sentences.of_drift(None)


def test_a_small_number_is_not_called_zero() -> None:
    assert [sentences.of_psi(psi) for psi in (0.0, 0.0001, 0.0005, 1.25)] == ["0.000", "under 0.001", "0.001", "1.250"]


def test_a_rate_is_a_row_with_its_interval() -> None:
    assert sentences.of_rate(Rate(10, 0)) == {"Labelled events": "10", "Share": "0 %", "95%": "0.0% to 27.8%"}
