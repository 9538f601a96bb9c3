"""The off-policy gate on logs whose truth is known: how near, how sure, and whom it lets through."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipelines.bench import ope_obd
from pipelines.bench.ope_hillstrom import GOOD, HARMFUL, NEUTRAL, World, drawn, policies_of, read_world
from pipelines.bench.ope_obd import Direction
from pipelines.console import BenchRow, UserError, progress, report
from training.estimates import wilson
from training.offpolicy.estimators import Valued
from training.offpolicy.gate import ALPHA, Assessment, assessed
from training.offpolicy.logged import Floats, Logged
from training.offpolicy.model import crossfitted

RESAMPLES: Final = 1000
ROWS: Final = 10_000
ERROR_MAX: Final = 0.05
COVERAGE: Final = (0.93, 0.97)
HARMFUL_MAX: Final = 0.01
ESTIMATORS: Final = ("ips", "snips", "dm", "dr", "switch_dr")
CHOSEN: Final = "dr"
"""The estimator that is reported and held to the targets; chosen for its theory, before anything was measured."""
_BOOTSTRAPS: Final = 1000


@dataclass(frozen=True)
class Trials:
    """Of each resample (R) and policy (P): what the gate found. Relative errors and coverage by estimator, too."""

    policies: tuple[str, ...]
    values: Floats
    errors: Mapping[str, Floats]
    covered: Mapping[str, Floats]
    naive: Floats
    passed: Floats
    refused: Floats
    overstated: Floats

    def of(self, measured: Floats, names: tuple[str, ...]) -> Floats:
        return measured[:, [self.policies.index(name) for name in names]]


def run(data: Path | None, seed: int, resamples: int, rows: int) -> None:
    """On both data sets of the folder of public data; raises UserError where one is absent."""
    folder = data or Path(os.environ.get("ASSAY_DATA", "../shared/data"))
    hillstrom = folder / "hillstrom" / "hillstrom.csv"
    for file in (hillstrom, *ope_obd.files(folder / "obd")):
        if not file.exists():
            raise UserError(f"{file} is absent: give --data FOLDER with hillstrom/ and obd/, or set ASSAY_DATA to it")
    world = read_world(hillstrom)
    with progress("resamples", resamples) as advance:
        trials = tried(world, seed, resamples, rows, advance)
    _report(world, trials, ope_obd.directions(folder / "obd"), seed, rows)


def tried(
    world: World, seed: int, resamples: int, rows: int, advance: Callable[[int], object] = lambda _: None
) -> Trials:
    """Each resample is a log of its own; one model a log serves all candidates."""
    policies, draws = policies_of(world), np.random.default_rng(seed)
    found: list[list[tuple[float, ...]]] = []
    for _ in range(resamples):
        logged, strata = drawn(world, rows, draws)
        predicted = crossfitted(logged)
        found.append([_one(world, policy, logged, strata, predicted) for policy in policies.values()])
        advance(1)
    table, count = np.array(found), len(ESTIMATORS)
    return Trials(
        policies=tuple(policies),
        values=np.array([world.value(policy) for policy in policies.values()]),
        errors={name: table[:, :, at] for at, name in enumerate(ESTIMATORS)},
        covered={name: table[:, :, count + at] for at, name in enumerate(ESTIMATORS)},
        naive=table[:, :, -4],
        passed=table[:, :, -3],
        refused=table[:, :, -2],
        overstated=table[:, :, -1],
    )


def _one(world: World, policy: Floats, logged: Logged, strata: Any, predicted: Floats) -> tuple[float, ...]:
    """Relative errors and coverage by estimator, the naive mean's error, passed, refused, bound above the truth."""
    candidate, truth = policy[strata], world.value(policy)
    naive = _naive(logged, candidate)
    found = assessed(logged, candidate, predicted=predicted)
    if found.values is None:
        return (*[np.nan] * (2 * len(ESTIMATORS)), abs(naive / truth - 1), 0.0, 1.0, 0.0)
    values = [found.values[name] for name in ESTIMATORS]
    errors = [abs((one.value or 0.0) / truth - 1) for one in values]
    covered = [np.nan if one.low is None or one.high is None else one.low <= truth <= one.high for one in values]
    is_overstated = _low(found) > truth - world.value(world.logging)
    return (*errors, *covered, abs(naive / truth - 1), found.verdict.passed, 0.0, is_overstated)


def _naive(logged: Logged, candidate: Floats) -> float:
    """What is read off without propensities: the mean over the rows that the candidate would have chosen, too."""
    share = candidate[np.arange(len(logged)), logged.arm]
    return Valued(logged.payoff * share).value / Valued(share).value


def _low(found: Assessment) -> float:
    return -np.inf if found.uplift_low is None else found.uplift_low


def _report(world: World, trials: Trials, found: list[Direction], seed: int, rows: int) -> None:
    errors, covered = trials.errors[CHOSEN], trials.covered[CHOSEN]
    harmful, good = trials.of(trials.passed, HARMFUL), trials.of(trials.passed, GOOD)
    figures: dict[str, Any] = {
        "median_relative_error": _figure(float(np.nanmedian(errors))),
        "median_relative_error_interval": _interval(errors, np.nanmedian, seed),
        "coverage": _figure(float(np.nanmean(covered))),
        "coverage_interval": _interval(covered, np.nanmean, seed),
        "harmful_passing": _figure(float(harmful.mean())),
        "harmful_passing_worst": _figure(float(harmful.mean(axis=0).max())),
        "harmful_passing_worst_interval": _share(harmful.sum(axis=0).max(), len(harmful)),
        "good_passing": _figure(float(good.mean())),
        "neutral_passing": _figure(float(trials.of(trials.passed, (NEUTRAL,)).mean())),
        "bound_above_truth": _figure(float(trials.overstated.mean())),
        "naive_median_relative_error": _figure(float(np.median(trials.naive))),
        "refused_resamples": int(trials.refused.sum()),
        "by_estimator": {name: _by_estimator(trials, name) for name in ESTIMATORS},
        "by_policy": {name: _by_policy(world, trials, at) for at, name in enumerate(trials.policies)},
        "refused": {campaign: _refused(found, campaign) for campaign in ope_obd.CAMPAIGNS},
        "open_bandit": {f"{one.campaign}: {one.name}": _direction(one) for one in found},
        "resamples": len(errors),
        "rows_each": rows,
        "seed": seed,
    }
    lines = [*_lines(figures), *_policy_lines(figures), *_bandit_lines(found)]
    report(f"off-policy gate: Hillstrom's visits, {len(errors):,} logs of {rows:,} rows, seed {seed}", lines, figures)


def _lines(figures: dict[str, Any]) -> list[BenchRow]:
    error, covered, passing = (figures[name] for name in ("median_relative_error", "coverage", "harmful_passing"))
    low, high = COVERAGE
    shown = {name: _shown(figures[f"{name}_interval"]) for name in ("median_relative_error", "coverage")}
    worst = f"{figures['harmful_passing_worst']:.2%} {_shown(figures['harmful_passing_worst_interval'])}"
    naive = f"{figures['naive_median_relative_error']:.2%}"
    return [
        BenchRow(
            "median relative error, DR",
            f"<= {ERROR_MAX:.0%}",
            f"{error:.2%} {shown['median_relative_error']}",
            error <= ERROR_MAX,
        ),
        BenchRow("... without propensities", None, naive),
        BenchRow(
            "95% interval covers",
            f"{low:.0%} to {high:.0%}",
            f"{covered:.1%} {shown['coverage']}",
            low <= covered <= high,
        ),
        BenchRow("harmful policies passing", f"<= {HARMFUL_MAX:.0%}", f"{passing:.2%}", passing <= HARMFUL_MAX),
        BenchRow("... the worst of them", None, worst),
        BenchRow("good policies passing", None, f"{figures['good_passing']:.1%}"),
        BenchRow("a policy just as good passing", f"<= {ALPHA:.0%}", f"{figures['neutral_passing']:.2%}"),
        BenchRow("anytime-valid bound above the truth", f"<= {ALPHA:.0%}", f"{figures['bound_above_truth']:.2%}"),
    ]


def _policy_lines(figures: dict[str, Any]) -> list[BenchRow]:
    return [
        BenchRow(
            name,
            None,
            f"uplift {one['uplift']:+.1%}: error {one['median_relative_error']:.2%}, "
            f"covered {one['coverage']:.1%}, passed {one['passing']:.1%}",
        )
        for name, one in figures["by_policy"].items()
    ]


def _bandit_lines(found: list[Direction]) -> list[BenchRow]:
    lines = []
    for one in found:
        must = one.logged_by == "bts"
        told = f"effective sample {one.effective_sample:,.0f} of {one.rows:,}, "
        if one.is_refused:
            told += "refused: " + ", ".join(refusal.name for refusal in one.assessment.refused)
        else:
            told += f"off by {one.relative_error():.0%}, the truth itself +- {one.truth_error / one.truth:.0%}"
        target = "refused" if must else "evaluated"
        lines.append(BenchRow(f"Open Bandit {one.campaign}, {one.name}", target, told, one.is_refused == must))
    return lines


def _by_estimator(trials: Trials, name: str) -> dict[str, float | None]:
    covered = None if name == "dm" else _figure(float(np.nanmean(trials.covered[name])))
    return {"median_relative_error": _figure(float(np.nanmedian(trials.errors[name]))), "coverage": covered}


def _by_policy(world: World, trials: Trials, at: int) -> dict[str, float]:
    now = world.value(world.logging)
    return {
        "truth": _figure(float(trials.values[at])),
        "uplift": _figure(float(trials.values[at]) / now - 1),
        "median_relative_error": _figure(float(np.nanmedian(trials.errors[CHOSEN][:, at]))),
        "coverage": _figure(float(np.nanmean(trials.covered[CHOSEN][:, at]))),
        "passing": _figure(float(trials.passed[:, at].mean())),
    }


def _refused(found: list[Direction], campaign: str) -> dict[str, bool]:
    return {one.name: one.is_refused for one in found if one.campaign == campaign}


def _direction(one: Direction) -> dict[str, Any]:
    return {
        "refused": [refusal.name for refusal in one.assessment.refused],
        "effective_sample": round(one.effective_sample, 1),
        "relative_error": {name: one.relative_error(name) for name in ESTIMATORS} if not one.is_refused else None,
        "truth": one.truth,
        "truth_relative_standard_error": _figure(one.truth_error / one.truth),
    }


def _interval(measured: Floats, statistic: Callable[[Floats], Any], seed: int) -> list[float]:
    """The 95% bootstrap interval over resamples: the policies of one resample share its log."""
    draws = np.random.default_rng([seed, 1])
    picks = draws.integers(0, len(measured), (_BOOTSTRAPS, len(measured)))
    return [_figure(float(end)) for end in np.quantile([statistic(measured[pick]) for pick in picks], (0.025, 0.975))]


def _share(passed: float, count: int) -> list[float]:
    return [_figure(end) for end in wilson(int(passed), count)]


def _shown(interval: list[float]) -> str:
    return f"({interval[0]:.2%} to {interval[1]:.2%})"


def _figure(value: float) -> float:
    return round(value, 5)
