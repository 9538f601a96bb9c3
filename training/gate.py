"""Whether a challenger may become champion: a pure comparison that keeps its reasons."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from training.card_words import said
from training.estimates import Estimate, Metrics


@dataclass(frozen=True)
class Rules:
    """What is asked of a challenger. Limits are inclusive; those named `above` are not."""

    # Below this nothing can be told apart: the interval of any ranking metric spans half of its range.
    positives_min: int = 30
    # Of the lower end of the interval: better than chance by more than luck.
    auc_low_above: float = 0.5
    # Expected loss is computed from the probability, so it must mean what it says. Where fraud is rare nearly any model
    # meets this, so the two figures of `calibration_within` are asked, too: they are relative.
    calibration_error_max: float = 0.05
    # Of slope and top tenth, 1 is right. A tenth off shifts what a threshold means by less than reviewers' answers do;
    # a model is refused when its whole interval lies outside.
    calibration_within: tuple[float, float] = (0.9, 1.1)
    # People behind the rarer class, below which these intervals are too narrow: simulated well-calibrated models were
    # refused in 11 of 100 cases with 7 people, in 5 with 30, in 1 with 180.
    rarer_people_min: int = 30
    # Of the lower end of the gain in recall over a one-line rule, at the rule's own false-positive rate: a model that
    # catches no more than the rule, or more by luck alone, is not worth its cost.
    rule_gain_low_above: float = 0.0
    # The metrics that the champion defends, and by how much the challenger may fall short of it when there is no
    # paired comparison; with one, it must not be worse beyond doubt.
    defended: tuple[str, ...] = ("ap_rare", "recall_at_fpr_0.01")
    shortfall_max: float = 0.01
    # Honest people whom the two treat differently, below which more harm may be chance: with 6 on one side and none on
    # the other an exact test of pairs just sees it, with mixed sides it takes more.
    differing_people_min: int = 10


@dataclass(frozen=True)
class Harm:
    """One harm to honest people, by challenger and champion on the same rows.

    `more` is paired: the challenger's less the champion's, or over it where `is_ratio`; beyond `more_max` it counts.
    `people` are the honest whom the two treat differently. Figures are None where `more` says why there are none.
    """

    what: str
    challenger: float | None
    champion: float | None
    more: Estimate
    more_max: float
    people: int
    is_ratio: bool = False


@dataclass(frozen=True)
class Beside:
    """The champion on the same rows: challenger less champion by metric, and what both do to honest people."""

    difference: Metrics
    harms: Sequence[Harm] = ()


@dataclass(frozen=True)
class Verdict:
    """`reasons` has one sentence for every question asked: those that failed first, then what could not be settled and
    what to beware of, then those that were met.
    """

    passed: bool
    reasons: tuple[str, ...]


class Answer(IntEnum):
    """In the order in which reasons are told. Only the first refuses."""

    NOT_MET = 0
    NOT_SETTLED = 1
    BEWARE = 2
    MET = 3


_WORDS: Final = {
    "calibration_slope": "the calibration slope (1 is right)",
    "top_decile_observed_over_expected": "observed over expected in the highest tenth (1 is right)",
}
_SAID: Final = {Answer.NOT_MET: "not met", Answer.NOT_SETTLED: "not settled", Answer.MET: "met"}
Finding = tuple[Answer, str]


def judge(
    challenger: Metrics,
    champion: Metrics | None,
    rules: Rules,
    beside: Beside | None = None,
    cautions: Sequence[str] = (),
) -> Verdict:
    """`beside` compares on the same rows, where both models could be scored; it outweighs two figures. `cautions` are
    sentences on how the challenger was made, kept among the reasons.

    Without a champion only the absolute rules are asked. A figure that could not be measured fails its question; one
    whose interval leaves the answer open, of calibration and of harm, refuses nothing, and the reason says so.
    """
    findings = [*_absolute(challenger, rules), *_calibrated(challenger, rules), *_against_rule(challenger, rules)]
    if beside is not None:
        findings += [_not_worse(name, beside.difference.get(name)) for name in rules.defended]
        findings += [no_more_harm(harm, rules) for harm in beside.harms]
    elif champion is not None:
        findings += [_no_shortfall(name, challenger, champion, rules.shortfall_max) for name in rules.defended]
    findings += [(Answer.BEWARE, f"beware: {caution}") for caution in cautions]
    findings.sort(key=lambda finding: finding[0])
    passed = all(answer is not Answer.NOT_MET for answer, _ in findings)
    return Verdict(passed, tuple(reason for _, reason in findings))


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


def _calibrated(challenger: Metrics, rules: Rules) -> Iterator[Finding]:
    """Slope and top tenth: the intervals are of resampled people, so enough people must be behind them."""
    people, least = _known(challenger, "rarer_people"), rules.rarer_people_min
    for name, words in _WORDS.items():
        found = challenger.get(name)
        answer, asked = _within(found, rules.calibration_within)
        if answer is Answer.NOT_MET and people < least:
            answer = Answer.NOT_SETTLED
            asked = f"{people:.0f} people are behind the rarer class, not enough to tell: it takes {least}"
        yield answer, f"{words} is {_figure(found)}, {_SAID[answer]}: {asked}"


def _within(found: Estimate | None, bounds: tuple[float, float]) -> tuple[Answer, str]:
    least, most = bounds
    if found is None or found.low is None or found.high is None:
        return Answer.NOT_SETTLED, f"without an interval nobody can tell whether it is within {least} to {most}"
    if found.high < least or found.low > most:
        return Answer.NOT_MET, f"its interval lies wholly outside {least} to {most}"
    if least <= found.low and found.high <= most:
        return Answer.MET, f"its interval lies within {least} to {most}"
    return Answer.NOT_SETTLED, f"its interval leaves open whether it is within {least} to {most}"


def _against_rule(challenger: Metrics, rules: Rules) -> Iterator[Finding]:
    """Only where a rule was measured that refuses something: one that refuses nothing leaves nothing to beat."""
    gain = challenger.get("recall_gain_over_rule")
    if gain is None:
        return
    name = "the gain in recall over a one-line rule that refuses as many honest events"
    if gain.is_known and not (_known(challenger, "rule_recall", 1.0) or _known(challenger, "rule_false_positive_rate")):
        yield Answer.MET, f"{name} is not asked for: the rule refuses nothing in the test"
        return
    limit = rules.rule_gain_low_above
    yield _found(name, _figure(gain), f"its lower end must be above {limit:g}", met=_low(gain) > limit)


def _not_worse(name: str, gain: Estimate | None) -> Finding:
    """Worse beyond doubt is an interval that lies wholly below zero."""
    high = None if gain is None else gain.value if gain.high is None else gain.high
    asked = "its upper end must be 0 or above"
    named = f"the gain over the champion in {said(name, {})},"
    return _found(named, _figure(gain), asked, met=high is not None and high >= 0)


def _no_shortfall(name: str, challenger: Metrics, champion: Metrics, shortfall_max: float) -> Finding:
    new, old = _known(challenger, name), _known(champion, name)
    asked = f"it must be at least the champion's {old:.4f} less {shortfall_max}"
    return _found(said(name, {}), f"{new:.4f}", asked, met=new >= old - shortfall_max)


def no_more_harm(harm: Harm, rules: Rules) -> Finding:
    """More harm beyond doubt is an interval that lies wholly above what is allowed."""
    more, limit = harm.more, f"{harm.more_max:.4f}"
    allowed = f"{limit} times as much is allowed" if harm.is_ratio else f"{limit} more is allowed"
    if more.low is None or more.high is None:
        return Answer.NOT_SETTLED, f"{harm.what}, beside the champion: not enough to tell: {more.reason}"
    word = "times" if harm.is_ratio else "more"
    told = (
        f"{harm.what} is {harm.challenger:.4f}, the champion's {harm.champion:.4f}: "
        f"{more.value:.4f} ({more.low:.4f} to {more.high:.4f}) {word}"
    )
    if more.high <= harm.more_max:
        return Answer.MET, f"{told}, met: {allowed}"
    if more.low <= harm.more_max:
        return Answer.NOT_SETTLED, f"{told}, not settled: {allowed}, and the interval leaves open whether it is more"
    if harm.people < rules.differing_people_min:
        few = f"the two treat only {harm.people} honest people differently, it takes {rules.differing_people_min}"
        return Answer.NOT_SETTLED, f"{told}, not enough to tell: {allowed}, but {few}"
    return Answer.NOT_MET, f"{told}, not met: {allowed}"


def _found(name: str, figure: str, asked: str, *, met: bool) -> Finding:
    """A sentence that tells what was measured, what was asked, and which of the two won."""
    answer = Answer.MET if met else Answer.NOT_MET
    return answer, f"{name} is {figure}, {_SAID[answer]}: {asked}"


def _figure(estimate: Estimate | None) -> str:
    return "unknown: not measured" if estimate is None else str(estimate)


def _low(estimate: Estimate | None) -> float:
    """The lower end; without an interval there is none, and luck cannot be told from skill."""
    return -math.inf if estimate is None or estimate.low is None else estimate.low


def _known(metrics: Metrics, name: str, missing: float = 0.0) -> float:
    estimate = metrics.get(name)
    return missing if estimate is None or estimate.value is None else estimate.value
