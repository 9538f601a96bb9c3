"""A feature stands when it moved beyond chance, beyond what is usual, and for many events; each of them is asked."""

import math

import numpy as np
import pytest

from features.fold import Vector
from training.monitoring.findings import Finding
from training.monitoring.limits import Limits
from training.monitoring.moved import Sides, moved_of, of_features, of_score
from training.monitoring.periods import NO_STRETCH

LIMITS = Limits.read()
DRAWS = np.random.default_rng(11)
STRETCHES = np.repeat([NO_STRETCH, 1, 0], [1000, 1500, 1500])
SIDES = Sides(STRETCHES, 500, 300)
CALM = DRAWS.normal(size=4000)
NEW = DRAWS.normal(size=1500)


def finding(before: Vector, after: Vector, sides: Sides = SIDES, *, categorical: bool = False) -> Finding:
    moved = moved_of("one", before, after, sides, categorical=categorical)
    assert moved is not None
    return of_features([moved], LIMITS)[0]


def test_a_shift_stands_and_its_absence_does_not() -> None:
    assert finding(CALM, NEW + 1.5).stands
    assert not finding(CALM, NEW).stands


def test_what_moves_as_far_from_stretch_to_stretch_is_usual() -> None:
    grown = CALM + np.select([STRETCHES == 1, STRETCHES == 0], [1.5, 3.0], 0.0)
    shown = finding(grown, NEW + 4.5)
    assert not shown.stands
    assert shown.limit is not None
    assert shown.limit > 1
    assert finding(CALM, NEW + 4.5).stands


def test_a_few_crowded_events_do_not_stand_for_a_feature_but_for_the_score() -> None:
    crowded = moved_of("one", 1.0 * (np.arange(4000) % 100 < 1), 1.0 * (np.arange(1500) % 100 < 13), SIDES)
    assert crowded is not None
    assert crowded.drift.psi > crowded.limit(LIMITS)
    assert crowded.share == pytest.approx(0.12)
    assert not of_features([crowded], LIMITS)[0].stands
    assert of_score(crowded, LIMITS, "").stands


def test_few_people_move_by_chance() -> None:
    before, after = np.repeat(DRAWS.normal(size=20), 200), np.repeat(DRAWS.normal(size=10), 150)
    assert not finding(before, after, Sides(STRETCHES, 20, 10)).stands


def test_values_that_go_missing_and_categories_that_change_stand() -> None:
    gone = np.where(np.arange(1500) < 700, math.nan, NEW)
    shown = finding(CALM, gone)
    assert shown.stands
    assert "46.7% now" in shown.sentence
    assert finding(np.arange(4000) % 3 + 0.0, np.ones(1500), categorical=True).stands
    assert not finding(np.arange(4000) % 3 + 0.0, np.arange(1500) % 3 + 0.0, categorical=True).stands


def test_nothing_to_compare_is_said() -> None:
    assert moved_of("one", CALM, np.empty(0), SIDES) is None
    assert of_features([], LIMITS)[0].value is None
    assert of_score(None, LIMITS, "").value is None


@pytest.mark.parametrize("stretches", [np.full(4000, NO_STRETCH), np.zeros(4000, dtype=np.int64)])
def test_without_two_stretches_nothing_is_usual(stretches: np.ndarray) -> None:
    moved = moved_of("one", CALM, NEW, Sides(stretches, 500, 300))
    assert moved is not None
    assert moved.usual == 0.0


def test_the_nearest_to_its_limit_comes_first() -> None:
    found = [moved_of(name, CALM, NEW + shift, SIDES) for name, shift in (("calm", 0.0), ("far", 2.0), ("near", 0.5))]
    assert [one.name for one in of_features([one for one in found if one], LIMITS)] == ["far", "near", "calm"]
