"""The picture of a response: what was seen at each reward, and the curve through it, each with its 95% interval."""

from pathlib import Path
from typing import Final

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from pipelines.bench.response_folds import Floats, Integers, isotonic, logit
from pipelines.bench.response_trials import UNITS_MAX, Trials
from pipelines.console import UserError, assert_writable
from serving.pricing.response import EVERYTHING, Response
from training.estimates import wilson
from training.plots import FAINT, FRAUD, HONEST, INK

BINS_MAX: Final = 20
POINTS: Final = 400
SKEWED: Final = 0.2
"""Where half of what was paid lies below this share of the most, the axis of rewards is one of ratios."""


def check_drawable(file: Path) -> None:
    """Raises UserError for a folder that is absent or takes no write, or an ending that is no picture's."""
    if not file.absolute().parent.is_dir():
        raise UserError(f"--plot: the folder {file.absolute().parent} does not exist")
    if file.suffix[1:].lower() not in Figure().canvas.get_supported_filetypes():
        raise UserError(f"--plot {file.name}: end the name in .png, .svg or .pdf")
    assert_writable("--plot", file.absolute().parent, file)


def draw(file: Path, trials: Trials, response: Response, reward: str, outcome: str) -> None:
    """Save it; the name's ending says as what."""
    figure = Figure(figsize=(7.2, 4.6), layout="constrained")
    axes = figure.subplots()
    unit = trials.rewards.max() / UNITS_MAX
    paid = trials.rewards[trials.rewards > 0]
    even, ratio = np.linspace(0, UNITS_MAX, POINTS), np.geomspace(paid.min() / unit, UNITS_MAX, POINTS)
    across = np.unique(np.rint(np.concatenate([even, ratio])).astype(np.int64))
    across = across[across >= trials.units.min()]
    for name, fit, colour in (("isotonic", isotonic, FAINT), ("logit", logit, INK)):
        chance = fit(trials.units, trials.outcomes)(across)
        axes.plot(across * unit, chance, color=colour, linewidth=1, linestyle="dashed", label=name)
    chance, low, high = response.interval(EVERYTHING, across)
    axes.fill_between(across * unit, low, high, color=HONEST, alpha=0.18, linewidth=0)
    axes.plot(across * unit, chance, color=HONEST, linewidth=2, label="response, 95% interval")
    at, share, reach, rows = _seen(trials)
    axes.errorbar(at, share, reach, fmt="none", ecolor=FRAUD, elinewidth=1, alpha=0.6)
    axes.scatter(at, share, s=12 + 200 * rows / rows.max(), color=FRAUD, alpha=0.7, label="seen, Wilson's interval")
    axes.set_xlabel(reward, color=INK)
    if np.median(paid) < SKEWED * paid.max():
        axes.set_xscale("symlog", linthresh=float(np.quantile(paid, 0.05)))
    axes.set_ylabel(f"share of {outcome}", color=INK)
    axes.set_title(f"{outcome} over {reward}, {len(trials):,} rows", loc="left", fontsize=11, color=INK)
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#e4e7eb", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.legend(frameon=False, loc="best")
    figure.savefig(file, dpi=150)


def _seen(trials: Trials) -> tuple[Floats, Floats, Floats, Integers]:
    """Mean reward, share, reach of the interval down and up, and rows, by distinct reward or by quantiles of it."""
    distinct, places = np.unique(trials.rewards, return_inverse=True)
    if len(distinct) > BINS_MAX:
        edges = np.unique(np.quantile(trials.rewards[trials.rewards > 0], np.linspace(0, 1, BINS_MAX)))
        places = np.where(trials.rewards > 0, np.clip(np.searchsorted(edges, trials.rewards), 1, len(edges) - 1), 0)
    rows = np.bincount(places)
    kept = rows > 0
    done = np.bincount(places, trials.outcomes)[kept]
    at = np.bincount(places, trials.rewards)[kept] / rows[kept]
    share = done / rows[kept]
    bounds = np.array([wilson(int(one), int(many)) for one, many in zip(done, rows[kept], strict=True)])
    reach = np.maximum(np.abs(bounds.T - share), 0)
    return at, share, reach, rows[kept]
