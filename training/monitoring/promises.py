"""Whether the scores keep their word on what has matured: calibration and recall, as findings."""

from collections.abc import Sequence
from typing import Final

from features.events import instant_of
from training.estimates import Estimate
from training.monitoring.cohorts import FALSE_POSITIVE_RATE, Cohort, judged_of
from training.monitoring.findings import Check, Finding, unmeasured
from training.monitoring.limits import Limits
from training.monitoring.periods import Span

OBSERVED: Final = "observed_over_expected"
SLOPE: Final = "calibration_slope"
RECALL: Final = f"recall_at_fpr_{FALSE_POSITIVE_RATE}"


def of_cohorts(cohorts: Sequence[Cohort], earlier: Estimate, limits: Limits) -> list[Finding]:
    """Of the newest week that can be judged. `earlier` is the recall before it, of weeks that the model did not see."""
    judged = judged_of(cohorts, limits.cohort_positives_min)
    if judged is None:
        why = _nothing(cohorts, limits)
        return [unmeasured(check, name, why) for check, name in _ALL]
    return [
        _calibrated(OBSERVED, "positives observed over expected", judged.ratio, limits.calibration_ratio_max, judged),
        _calibrated(SLOPE, "the calibration slope", judged.slope, limits.calibration_slope_max, judged),
        _caught(judged, earlier, limits),
    ]


_ALL: Final = ((Check.CALIBRATION, OBSERVED), (Check.CALIBRATION, SLOPE), (Check.RECALL, RECALL))


def _nothing(cohorts: Sequence[Cohort], limits: Limits) -> str:
    if not sum(one.rows for one in cohorts):
        return "No event has a matured label yet: send outcomes, then wait until they mature."
    if all(one.is_learned for one in cohorts if one.rows):
        return "The champion learned from every matured week: wait until later ones mature."
    return f"No matured week has {limits.cohort_positives_min} positives, observed and expected together, to judge by."


def _calibrated(name: str, said: str, found: Estimate, far: float, judged: Cohort) -> Finding:
    """1 is right; it stands when the whole interval is beyond `far`, or below its inverse."""
    if found.value is None:
        return unmeasured(Check.CALIBRATION, name, f"{said} is unknown: {found.reason}.")
    stands = found.low is not None and found.high is not None and (found.low > far or found.high < 1 / far)
    sentence = (
        f"In the week of {week_of(judged.span)} {said} is {_bounded(found)}; alert when the whole interval lies "
        f"beyond {1 / far:.2f} to {far:.2f}. {judged.positives} of {judged.rows:,} events were positive, "
        f"{judged.expected:.1f} were expected."
    )
    return Finding(Check.CALIBRATION, name, found.value, far, stands, sentence, found.low, found.high)


def _caught(judged: Cohort, earlier: Estimate, limits: Limits) -> Finding:
    found = judged.recall
    if found.value is None:
        return unmeasured(Check.RECALL, RECALL, f"Recall is unknown: {found.reason}.")
    limit, stands, beside = None, False, f"nothing to compare with: {earlier.reason}"
    if earlier.value is not None:
        limit = limits.recall_kept_min * earlier.value
        is_apart = found.high is not None and earlier.low is not None and found.high < earlier.low
        stands = found.value < limit and is_apart
        beside = f"{_bounded(earlier)} in matured weeks before, alert below {limit:.2f} with intervals apart"
    sentence = (
        f"In the week of {week_of(judged.span)} recall at {FALSE_POSITIVE_RATE:.0%} false positives is "
        f"{_bounded(found)}; {beside}."
    )
    return Finding(Check.RECALL, RECALL, found.value, limit, stands, sentence, found.low, found.high)


def _bounded(found: Estimate) -> str:
    bounds = "" if found.low is None or found.high is None else f" (95%: {found.low:.2f} to {found.high:.2f})"
    return f"{found.value:.2f}{bounds}"


def week_of(span: Span) -> str:
    """`03 Nov to 10 Nov 2026`, in UTC."""
    return f"{instant_of(span.start):%d %b} to {instant_of(span.before - 1):%d %b %Y}"
