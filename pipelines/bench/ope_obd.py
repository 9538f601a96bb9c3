"""The Open Bandit sample: each of two policies judged on the other's log, and held to what the other truly earned.

Uniform choices among 34 or 80 items can tell of the Thompson policy, roughly; the Thompson policy's choices cannot tell
of the uniform one, and must be refused. The Thompson policy knows no person, so that its average probabilities by
position are the shares of its own choices; its clicks are read for the truth alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import polars as pl

from training.offpolicy.gate import Assessment, assessed
from training.offpolicy.logged import Floats, Logged
from training.offpolicy.overlap import effective_sample

CAMPAIGNS: Final = ("all", "men")
POLICIES: Final = ("random", "bts")
_COLUMNS: Final = ("item_id", "position", "click", "propensity_score")


@dataclass(frozen=True)
class Direction:
    """`truth` is the mean of the candidate's own log, itself uncertain by `truth_error`, a standard error."""

    campaign: str
    logged_by: str
    candidate: str
    rows: int
    effective_sample: float
    truth: float
    truth_error: float
    assessment: Assessment

    @property
    def name(self) -> str:
        return f"{self.logged_by}_to_{self.candidate}"

    @property
    def is_refused(self) -> bool:
        return bool(self.assessment.refused)

    def relative_error(self, estimator: str = "dr") -> float | None:
        values = self.assessment.values
        value = None if values is None else values[estimator].value
        return None if value is None else abs(value / self.truth - 1)


def files(folder: Path) -> list[Path]:
    return [folder / policy / campaign / f"{campaign}.csv" for policy in POLICIES for campaign in CAMPAIGNS]


def directions(folder: Path) -> list[Direction]:
    """Both campaigns, both ways."""
    found = []
    for campaign in CAMPAIGNS:
        logs = {policy: _read(folder / policy / campaign / f"{campaign}.csv") for policy in POLICIES}
        items = 1 + max(int(log["item_id"].cast(pl.Int64).max() or 0) for log in logs.values())  # type: ignore[arg-type]  # a column of integers has an integer as its largest
        found += [_judged(campaign, logs, one, other, items) for one, other in (POLICIES, POLICIES[::-1])]
    return found


def _read(file: Path) -> pl.DataFrame:
    return pl.read_csv(file, columns=list(_COLUMNS))


def _judged(campaign: str, logs: Mapping[str, pl.DataFrame], one: str, other: str, items: int) -> Direction:
    log, own = logs[one], logs[other]
    position = log["position"].to_numpy().astype(np.int64) - 1
    logged = Logged(
        context=np.column_stack([np.ones(len(log)), position == 1, position == 2]).astype(np.float64),
        arm=log["item_id"].to_numpy().astype(np.int64),
        propensity=log["propensity_score"].to_numpy().astype(np.float64),
        outcome=log["click"].to_numpy().astype(np.float64),
        gain=np.ones((1, items)),
        person=np.arange(len(log)),
    )
    candidate = (np.full((3, items), 1 / items) if other == "random" else _shares(own, items))[position]
    clicks = own["click"].to_numpy().astype(np.float64)
    error = float(clicks.std(ddof=1) / np.sqrt(len(clicks)))
    effective = effective_sample(logged.weights(candidate))
    found = assessed(logged, candidate)
    return Direction(campaign, one, other, len(log), effective, float(clicks.mean()), error, found)


def _shares(log: pl.DataFrame, items: int) -> Floats:
    """(3, items): how often each item was chosen at each position."""
    cells = (log["position"].to_numpy().astype(np.int64) - 1) * items + log["item_id"].to_numpy()
    counts = np.bincount(cells, minlength=3 * items).reshape(3, items)
    return np.asarray(counts / counts.sum(axis=1, keepdims=True))
