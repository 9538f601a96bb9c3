"""Whether a challenger may become champion: a pure comparison that keeps its reasons."""

from collections.abc import Iterator
from dataclasses import dataclass

from training.estimates import Estimate, Metrics


@dataclass(frozen=True)
class Rules:
    """What is asked of a challenger. Each limit is inclusive."""

    # Below this nothing can be told apart: the interval of any ranking metric spans half of its range.
    positives_min: int = 30
    # Of the lower end of the interval: better than chance by more than luck.
    auc_low_min: float = 0.5
    # Expected loss is computed from the probability, so it must mean what it says.
    calibration_error_max: float = 0.05
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
    findings = [*_absolute(challenger, rules), *_against_rule(challenger)]
    if difference is not None:
        findings += [_not_worse(name, difference.get(name)) for name in rules.defended]
    elif champion is not None:
        findings += [_no_shortfall(name, challenger, champion, rules.shortfall_max) for name in rules.defended]
    findings.sort(key=lambda finding: finding[0])
    return Verdict(all(passed for passed, _ in findings), tuple(reason for _, reason in findings))


def _absolute(challenger: Metrics, rules: Rules) -> Iterator[Finding]:
    positives = _known(challenger, "positives")
    yield positives >= rules.positives_min, f"positives in the test: {positives:.0f}, at least {rules.positives_min}"
    area = challenger.get("auc")
    low = area.low if area and area.low is not None else 0.0
    yield low > rules.auc_low_min, f"lower end of the AUC: {low:.4f}, must be above {rules.auc_low_min}"
    error = _known(challenger, "calibration_error", missing=1.0)
    limit = rules.calibration_error_max
    yield error <= limit, f"calibration error: {error:.4f}, at most {limit}"


def _against_rule(challenger: Metrics) -> Iterator[Finding]:
    """Only where a rule was measured: a model that a one-line rule beats beyond doubt is not worth its cost."""
    gain = challenger.get("recall_gain_over_rule")
    if gain is not None:
        yield _not_worse("recall_gain_over_rule", gain)


def _not_worse(name: str, gain: Estimate | None) -> Finding:
    if gain is None or gain.value is None:
        return False, f"{name}: could not be compared ({gain.reason if gain else 'not measured'})"
    high = gain.value if gain.high is None else gain.high
    return high >= 0, f"{name}: difference {gain}; must not lie wholly below zero"


def _no_shortfall(name: str, challenger: Metrics, champion: Metrics, shortfall_max: float) -> Finding:
    new, old = _known(challenger, name), _known(champion, name)
    return new >= old - shortfall_max, f"{name}: {new:.4f} against the champion's {old:.4f}, less {shortfall_max}"


def _known(metrics: Metrics, name: str, missing: float = 0.0) -> float:
    estimate = metrics.get(name)
    return missing if estimate is None or estimate.value is None else estimate.value
