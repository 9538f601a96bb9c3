"""Whether a candidate policy may reach people: judged on the log of another, with its reasons."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

from training.estimates import Estimate
from training.gate import Verdict
from training.offpolicy.estimators import Valued, valued
from training.offpolicy.logged import Floats, Logged
from training.offpolicy.model import crossfitted
from training.offpolicy.overlap import Refusal, effective_sample, refusals, standard_error
from training.offpolicy.uplift import uplift_low

ALPHA: Final = 0.01
"""Of the bound on the uplift: of candidates that are no better, however little worse, at most so many pass."""
AGREEING: Final = ("dr", "snips", "switch_dr")
_Z_MAX: Final = 3.0  # three pairs: about 1 sound log in 120 fails by chance
_SHARE_MAX: Final = 0.01  # a difference of a hundredth of the value decides nothing


@dataclass(frozen=True)
class Guardrail:
    """A limit that no candidate may loosen: whether it is kept, and the sentence that says so."""

    is_kept: bool
    reason: str

    @classmethod
    def of(cls, name: str, candidate: float, before: float) -> "Guardrail":
        """Kept where the candidate's figure is not above the one before; the larger, the worse."""
        is_kept = candidate <= before + 1e-12
        told = f"{name}: {candidate:.6g}, before {before:.6g}"
        return cls(is_kept, f"{told}, {'met' if is_kept else 'not met'}: it must not be worse")


@dataclass(frozen=True)
class Assessment:
    """What a log tells of a candidate. Where it was refused there is no figure, and the verdict has not passed.

    `values`: payoff a choice by estimator, with fixed-sample 95% intervals; `logged_value` that of the log itself;
    `uplift` the doubly robust value less the logged one, paired; `uplift_low` its anytime-valid lower bound.
    """

    rows: int
    people: int
    refused: tuple[Refusal, ...]
    verdict: Verdict
    effective_share: float | None = None
    values: Mapping[str, Estimate] | None = None
    logged_value: Estimate | None = None
    uplift: Estimate | None = None
    uplift_low: float | None = None


def assessed(
    logged: Logged,
    candidate: Floats,
    guardrails: Sequence[Guardrail] = (),
    predicted: Floats | None = None,
    alpha: float = ALPHA,
) -> Assessment:
    """`candidate` (rows, arms): the probability of each arm. `predicted`, if made before, spares fitting the model."""
    people = logged.persons[0]
    refused = refusals(logged, candidate)
    if refused:
        return Assessment(len(logged), people, refused, Verdict(passed=False, reasons=tuple(r.reason for r in refused)))
    found = valued(logged, candidate, crossfitted(logged) if predicted is None else predicted)
    low = uplift_low(logged, candidate, alpha)
    findings = [*_agreement(logged, found), _above_zero(low), *((one.is_kept, one.reason) for one in guardrails)]
    share = effective_sample(logged.weights(candidate)) / len(logged)
    findings.append((True, f"the effective sample is {share:.1%} of the rows, met"))
    findings.sort(key=lambda finding: finding[0])
    verdict = Verdict(all(met for met, _ in findings), tuple(reason for _, reason in findings))
    return Assessment(
        len(logged),
        people,
        (),
        verdict,
        share,
        {name: one.estimate(logged) for name, one in found.items()},
        Valued(logged.payoff).estimate(logged),
        found["dr"].estimate(logged, less=logged.payoff),
        low,
    )


def _agreement(logged: Logged, found: Mapping[str, Valued]) -> Iterator[tuple[bool, str]]:
    """Two that are both right differ by chance alone, and the rows themselves tell by how much."""
    for one, other in combinations(AGREEING, 2):
        difference = found[one].value - found[other].value
        error = standard_error(logged, found[one].terms - found[other].terms)
        met = abs(difference) <= max(_Z_MAX * error, _SHARE_MAX * abs(found[one].value))
        told = f"{one} less {other} is {difference:.4g} with a standard error of {error:.2g}"
        yield met, f"{told}, {'met' if met else 'not met'}: they must agree"


def _above_zero(low: float) -> tuple[bool, str]:
    met = low > 0
    return met, f"the anytime-valid lower bound of the uplift is {low:.4g}, {'met' if met else 'not met'}: above 0"
