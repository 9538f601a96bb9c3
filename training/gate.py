"""Whether a challenger may become champion: a pure comparison that keeps its reasons."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from training.estimates import Estimate, Metrics


@dataclass(frozen=True)
class Rules:
    """What is asked of a challenger. Limits are inclusive; those named `above` are not."""

    # Below this nothing can be told apart: the interval of any ranking metric spans half of its range.
    positives_min: int = 30
    # Of the lower end of the interval: better than chance by more than luck.
    auc_low_above: float = 0.5
    # Expected loss is computed from the probability, so it must mean what it says.
    calibration_error_max: float = 0.05
    # Of the lower end of the gain in recall over a one-line rule, at the rule's own false-positive rate: a model that
    # catches no more than the rule, or more by luck alone, is not worth its cost.
    rule_gain_low_above: float = 0.0
    # The metrics that the champion defends, and by how much the challenger may fall short of it when there is no
    # paired comparison; with one, it must not be worse beyond doubt.
    defended: tuple[str, ...] = ("ap_rare", "recall_at_fpr_0.01")
    shortfall_max: float = 0.01


@dataclass(frozen=True)
class Verdict:
    """`reasons` has one sentence for every question asked, those that failed first."""

    passed: bool
    reasons: tuple[str, ...]


Finding = tuple[bool, str]


def judge(challenger: Metrics, champion: Metrics | None, rules: Rules, difference: Metrics | None = None) -> Verdict:
    """`difference` is challenger less champion on the same rows, where both could be scored; it outweighs two figures.

    Without a champion only the absolute rules are asked. A figure that could not be measured fails its question.
    """
    findings = [*_absolute(challenger, rules), *_against_rule(challenger, rules)]
    if difference is not None:
        findings += [_not_worse(name, difference.get(name)) for name in rules.defended]
    elif champion is not None:
        findings += [_no_shortfall(name, challenger, champion, rules.shortfall_max) for name in rules.defended]
    findings.sort(key=lambda finding: finding[0])
    return Verdict(all(passed for passed, _ in findings), tuple(reason for _, reason in findings))


def _absolute(challenger: Metrics, rules: Rules) -> Iterator[Finding]:
    positives = _known(challenger, "positives")
    asked = f"it must be at least {rules.positives_min}"
    yield _found("the number of positives in the test", f"{positives:.0f}", asked, met=positives >= rules.positives_min)
    area = challenger.get("auc")
    asked = f"its lower end must be above {rules.auc_low_above}"
    yield _found("AUC", _figure(area), asked, met=_low(area) > rules.auc_low_above)
    error, limit = challenger.get("calibration_error"), rules.calibration_error_max
    met = _known(challenger, "calibration_error", missing=1.0) <= limit
    yield _found("calibration error", _figure(error), f"it must be at most {limit}", met=met)


def _against_rule(challenger: Metrics, rules: Rules) -> Iterator[Finding]:
    """Only where a rule was measured that refuses something: one that refuses nothing leaves nothing to beat."""
    gain = challenger.get("recall_gain_over_rule")
    if gain is None:
        return
    name = "the gain in recall over a one-line rule that refuses as many honest events"
    if gain.is_known and not (_known(challenger, "rule_recall", 1.0) or _known(challenger, "rule_false_positive_rate")):
        yield True, f"{name} is not asked for: the rule refuses nothing in the test"
        return
    limit = rules.rule_gain_low_above
    yield _found(name, _figure(gain), f"its lower end must be above {limit:g}", met=_low(gain) > limit)


def _not_worse(name: str, gain: Estimate | None) -> Finding:
    """Worse beyond doubt is an interval that lies wholly below zero."""
    high = None if gain is None else gain.value if gain.high is None else gain.high
    asked = "its upper end must be 0 or above"
    return _found(f"{name} less the champion's", _figure(gain), asked, met=high is not None and high >= 0)


def _no_shortfall(name: str, challenger: Metrics, champion: Metrics, shortfall_max: float) -> Finding:
    new, old = _known(challenger, name), _known(champion, name)
    asked = f"it must be at least the champion's {old:.4f} less {shortfall_max}"
    return _found(name, f"{new:.4f}", asked, met=new >= old - shortfall_max)


def _found(name: str, figure: str, asked: str, *, met: bool) -> Finding:
    """A sentence that tells what was measured, what was asked, and which of the two won."""
    return met, f"{name} is {figure}, {'met' if met else 'not met'}: {asked}"


def _figure(estimate: Estimate | None) -> str:
    return "unknown: not measured" if estimate is None else str(estimate)


def _low(estimate: Estimate | None) -> float:
    """The lower end; without an interval there is none, and luck cannot be told from skill."""
    return -math.inf if estimate is None or estimate.low is None else estimate.low


def _known(metrics: Metrics, name: str, missing: float = 0.0) -> float:
    estimate = metrics.get(name)
    return missing if estimate is None or estimate.value is None else estimate.value
