"""`assay bench response`: our curve of completion over reward on any table of trials, beside its baselines.

Every row's chance comes from the folds that it is not in, and a group is in one fold only. Intervals resample groups,
each drawn once for all models. The curve of all rows is then looked at over its whole range.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np

from pipelines.bench.response_folds import (
    BASELINES,
    Floats,
    Integers,
    fitted,
    folds_of,
    log_odds_of,
    out_of_fold,
    residual_of,
)
from pipelines.bench.response_plot import check_drawable, draw
from pipelines.bench.response_trials import UNITS_MAX, Trials, read_trials
from pipelines.console import BenchRow, UserError, counted, out, progress, report
from serving.pricing.residual import Residual
from serving.pricing.response import EVERYTHING, Response
from training.calibration import log_losses
from training.estimates import Estimate
from training.evaluate import interval

RESAMPLES: Final = 2000
BLOCKS_MAX: Final = 2000
"""More groups than this are resampled in so many blocks, drawn at random: the interval is the same, the time is not."""
GAIN_MIN: Final = 0.08
POINTS: Final = 2_000
CONTEXTS: Final = 20


@dataclass(frozen=True)
class Asked:
    """The options of the command. Without `data` it measures Thornton's trial, which has targets."""

    data: Path | None
    reward: str | None
    outcome: str | None
    group: str | None
    context: Sequence[str] = ()
    plot: Path | None = None
    seed: int = 7


def run(asked: Asked) -> None:
    """Measure, draw if asked to, and report."""
    if asked.plot is not None:
        check_drawable(asked.plot)
    file, reward, outcome, group = _named(asked)
    trials = read_trials(file, reward, outcome, group, asked.context)
    folds = folds_of(trials, asked.seed)
    out.print(_described(trials, reward, outcome, group))
    with progress("response", int(folds.max()) + 1) as advance:
        chances, kept = out_of_fold(trials, folds, asked.seed, advance)
    losses = {name: log_losses(trials.outcomes.astype(np.float64), found) for name, found in chances.items()}
    estimates = paired(losses, trials.groups, asked.seed)
    response = fitted(trials.units, trials.outcomes)
    if asked.plot is not None:
        draw(asked.plot, trials, response, reward, outcome)
    monotone = is_monotone(trials, response, residual_of(response, trials, asked.seed), asked.seed)
    rows = _lines(estimates, GAIN_MIN if asked.data is None else None, monotone, kept)
    figures = _losses(estimates) | {"monotone": monotone, "residual_folds": kept, "curve": _curve(trials, response)}
    figures |= {"trials": len(trials), "blank": trials.blank, "folds": int(folds.max()) + 1}
    figures |= {"groups": int(trials.groups.max()) + 1 if trials.grouped else None}
    report(f"`{outcome}` over `{reward}`, {file.name}", rows, figures)


def _named(asked: Asked) -> tuple[Path, str, str, str | None]:
    if asked.data is None:
        public = Path(os.environ.get("ASSAY_DATA", "../shared/data"))
        return public / "thornton_incentives" / "thornton.parquet", "tinc", "got", "villnum"
    for option, value in (("reward", asked.reward), ("outcome", asked.outcome)):
        if value is None:
            raise UserError(f"--{option} COLUMN is needed with --data: it names the column of {asked.data.name}")
    assert asked.reward is not None
    assert asked.outcome is not None
    return asked.data, asked.reward, asked.outcome, asked.group


def paired(losses: dict[str, Floats], groups: Integers, seed: int) -> dict[str, Estimate]:
    """Mean loss by model, and under `less_NAME` how much ours is above that baseline's: negative is better."""
    columns = losses | {f"less_{name}": losses["response"] - losses[name] for name in BASELINES}
    blocks = _blocks(groups, seed)
    sums = np.column_stack([np.bincount(blocks, column) for column in columns.values()])
    rows = np.bincount(blocks)
    draws = np.random.default_rng(seed).multinomial(len(rows), np.full(len(rows), 1 / len(rows)), RESAMPLES)
    means = (draws @ sums) / np.maximum(draws @ rows, 1)[:, None]
    return {name: interval(float(column.mean()), means[:, at]) for at, (name, column) in enumerate(columns.items())}


def _blocks(groups: Integers, seed: int) -> Integers:
    count = int(groups.max()) + 1
    if count <= BLOCKS_MAX:
        return groups
    found: Integers = np.random.default_rng(seed).permutation(count)[groups] % BLOCKS_MAX
    return found


def is_monotone(trials: Trials, response: Response, residual: Residual | None, seed: int) -> bool:
    """Over the whole range, at thousands of rewards, evenly and in ratio; with trees, for a sample of contexts."""
    even, ratio = np.linspace(0, UNITS_MAX, POINTS), np.geomspace(1, UNITS_MAX, POINTS)
    asked = np.unique(np.rint(np.concatenate([even, ratio])).astype(np.int64))
    if np.any(np.diff(response.chance(EVERYTHING, asked)) < 0):
        return False
    if residual is None:
        return True
    for row in np.random.default_rng(seed).choice(len(trials), CONTEXTS):
        same = replace(trials, units=asked, context=np.tile(trials.context[row], (len(asked), 1)))
        if np.any(np.diff(log_odds_of(response, same) + residual.log_odds(asked, same.context)) < 0):
            return False
    return True


def _described(trials: Trials, reward: str, outcome: str, group: str | None) -> str:
    groups = f", {counted(int(trials.groups.max()) + 1, 'group', 'groups')} of {group}" if group else ""
    blank = (
        f"; {counted(trials.blank, 'row', 'rows')} without `{reward}` or `{outcome}` left out" if trials.blank else ""
    )
    return f"{counted(len(trials), 'row', 'rows')}{groups}, {trials.outcomes.mean():.1%} `{outcome}`{blank}"


def _lines(found: dict[str, Estimate], gain_min: float | None, monotone: bool, kept: int) -> list[BenchRow]:
    gain, against_logit = found["less_constant"], found["less_logit"]
    assert gain.value is not None
    target, met = (None, None) if gain_min is None else (f"<= -{gain_min}", gain.value <= -gain_min)
    not_above = None if against_logit.low is None else against_logit.low <= 0
    trees = (
        [BenchRow(f"log-loss, curve without trees, kept in {kept} folds", None, str(found["curve"]))] if kept else []
    )
    return [
        BenchRow("log-loss, response", None, str(found["response"])),
        *trees,
        *(BenchRow(f"log-loss, {name}", None, str(found[name])) for name in BASELINES),
        BenchRow("response less constant", target, str(gain), met),
        BenchRow("response less isotonic", None, str(found["less_isotonic"])),
        BenchRow("response less logit", "interval not above 0", str(against_logit), not_above),
        BenchRow("rises with the reward everywhere", "yes", "yes" if monotone else "no", monotone),
    ]


def _losses(found: dict[str, Estimate]) -> dict[str, Any]:
    return {
        "log_loss": found["response"].value,
        "log_loss_interval": _ends(found["response"]),
        "log_loss_curve": found["curve"].value,
        "baselines": {name: found[name].value for name in BASELINES},
        "baseline_intervals": {name: _ends(found[name]) for name in BASELINES},
        "less": {name: found[f"less_{name}"].value for name in BASELINES},
        "less_intervals": {name: _ends(found[f"less_{name}"]) for name in BASELINES},
    }


def _ends(estimate: Estimate) -> list[float | None]:
    return [estimate.low, estimate.high]


def _curve(trials: Trials, response: Response) -> list[dict[str, float]]:
    curve = response.curve(EVERYTHING)
    rewards = np.array(curve.levels_micros) * (trials.rewards.max() / UNITS_MAX)
    columns = (rewards, curve.chance, curve.low, curve.high)
    return [
        dict(zip(("reward", "chance", "low", "high"), (round(float(cell), 6) for cell in row), strict=True))
        for row in zip(*columns, strict=True)
    ]
