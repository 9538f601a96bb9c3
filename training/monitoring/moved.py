"""Features and scores that moved further than chance and custom explain."""

from dataclasses import dataclass, replace

import numpy as np

from features.fold import Vector
from training.monitoring.drift import Counts, Drift, bins_of, drift_by, ks_of, psi_of
from training.monitoring.findings import Check, Finding, unmeasured
from training.monitoring.limits import Limits
from training.monitoring.periods import NO_STRETCH, Places


@dataclass(frozen=True)
class Moved:
    """`share` of the events have other values than before, at least.

    `usual` is the largest PSI between a stretch of the reference, as long as the recent period, and the rest of it; 0
    where there are fewer than two. `chance` is the PSI to expect if nothing moved and a person's events were all alike.
    """

    name: str
    drift: Drift
    share: float
    usual: float
    chance: float

    def limit(self, limits: Limits) -> float:
        """The PSI from which on it counts."""
        return max(limits.psi_min, limits.psi_over_usual_min * self.usual, limits.psi_over_chance_min * self.chance)


@dataclass(frozen=True)
class Sides:
    """What the values of the two periods are about, beside the values: see Periods.stretches; different people."""

    stretches: Places
    people_before: int
    people_after: int


def moved_of(name: str, before: Vector, after: Vector, sides: Sides, *, categorical: bool = False) -> Moved | None:
    """From `before` to `after`, values of two periods, missing as NaN. None if a period has no events."""
    if not len(before) or not len(after):
        return None
    bins = bins_of(before, after, categorical=categorical)
    stretches, two = _by_stretch(bins.all_places(before), sides.stretches, len(bins) + 1), bins.counts(after)
    one = stretches.sum(axis=0)
    drift = drift_by(one, two, None if categorical else ks_of(before, after))
    share = max(drift.ks or 0.0, abs(drift.missing_after - drift.missing_before))
    alike = 1 / max(sides.people_before, 1) + 1 / max(sides.people_after, 1)
    chance = drift.chance * alike / (1 / len(before) + 1 / len(after))
    return Moved(name, drift, _distance(one, two) if categorical else share, _usual(stretches[1:], one), chance)


def _by_stretch(bins: Places, stretches: Places, width: int) -> Counts:
    """`(stretches + 1, width)`: how many values of each stretch lie in each bin; first come those of NO_STRETCH."""
    rows = int(stretches.max()) + 2
    places = (stretches - NO_STRETCH) * width + bins
    return np.bincount(places, minlength=rows * width).reshape(rows, width)


def _distance(before: Counts, after: Counts) -> float:
    """The total variation distance of two samples: the least share that must have changed."""
    return float(np.abs(before / before.sum() - after / after.sum()).sum() / 2)


def _usual(stretches: Counts, whole: Counts) -> float:
    others = [(one, whole - one) for one in stretches]
    return max((psi_of(rest, one) for one, rest in others if rest.any() and one.any()), default=0.0)


def of_features(moved: list[Moved], limits: Limits) -> list[Finding]:
    """One finding a feature, the one that moved most first."""
    if not moved:
        return [unmeasured(Check.FEATURES, "all", "One of the periods has no events, so no feature can be compared.")]
    ranked = sorted(moved, key=lambda one: (-one.drift.psi / one.limit(limits), one.name))
    return [_judged(Check.FEATURES, one, limits, share_min=limits.moved_share_min) for one in ranked]


def of_score(moved: Moved | None, limits: Limits, beside: str) -> Finding:
    """`beside` is a sentence on the scores that were compared."""
    if moved is None:
        return unmeasured(Check.SCORE, "score", "One of the periods has no events, so no scores can be compared.")
    finding = _judged(Check.SCORE, moved, limits, share_min=0.0)
    return replace(finding, sentence=f"The {finding.sentence} {beside}")


def _judged(check: Check, moved: Moved, limits: Limits, share_min: float) -> Finding:
    limit = moved.limit(limits)
    is_far = moved.drift.psi >= limit
    stands = is_far and moved.share >= share_min
    word = "moved" if stands else "moved for few events only" if is_far else "did not move beyond what is usual"
    missing = ""
    if abs(moved.drift.missing_after - moved.drift.missing_before) >= 0.01:
        missing = f" Missing: {moved.drift.missing_before:.1%} before, {moved.drift.missing_after:.1%} now."
    sentence = (
        f"{moved.name} {word}: PSI {moved.drift.psi:.3f}, limit {limit:.3f}, at most {moved.usual:.3f} within the "
        f"reference; at least {moved.share:.0%} of the events have other values.{missing}"
    )
    return Finding(check, moved.name, moved.drift.psi, limit, stands, sentence)
