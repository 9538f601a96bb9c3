"""What a key's curve misses and its context shows: trees on top of its log odds, kept only where they have helped.

The curve is LightGBM's `init_score`, and every tree rises with the reward, so that the sum does. Rewards must have been
randomised given key and context (offers of the exploration strata): else the trees learn who was offered what.

It judges a table of trials (`assay bench response`). The desk does not ask it: of a person a price may read the
segment alone, which the curve knows already, so that no context is left for the trees.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

import lightgbm
import numpy as np
from scipy.special import expit

from serving.pricing.arrays import Floats, Integers
from serving.pricing.concave import projected
from serving.pricing.response import Curve, Key, Response

FORMAT: Final = 1
ROWS_MIN: Final = 20_000
GROUPS_MIN: Final = 50
ROUNDS_MAX: Final = 400
STOP_AFTER: Final = 25
SHARES: Final = (0.6, 0.2, 0.2)
"""Of the groups: to grow the trees, to know when to stop, and to judge whether they help at all."""
REACH: Final = 1.959963984540054  # of a 95% interval, in standard errors
GROWN: Final[dict[str, Any]] = {
    "objective": "binary",
    "learning_rate": 0.05,
    "num_leaves": 15,
    "min_data_in_leaf": 200,
    "lambda_l2": 10.0,
    "boost_from_average": False,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,
    "verbosity": -1,
}


class Residual:
    """An addition to log odds, never falling with the reward. `gain` is what it won on the judged groups: mean log-loss
    by which it was lower, with the ends of its 95% interval.
    """

    def __init__(self, trees: str, columns: int, gain: tuple[float, float, float]) -> None:
        self.trees = trees
        self.columns = columns
        self.gain = gain
        self._booster = lightgbm.Booster(model_str=trees)

    def log_odds(self, reward_micros: Integers, context: Floats) -> Floats:
        """To add, row by row; `context` is (rows, columns), NaN where unknown. Raises ValueError for another shape."""
        rows = _rows(reward_micros, context)
        if rows.shape[1] != 1 + self.columns:
            raise ValueError(f"context: {rows.shape[1] - 1} columns, and the trees were grown on {self.columns}")
        found: Floats = self._booster.predict(rows, raw_score=True, num_threads=1)
        return found

    def curve(self, response: Response, key: Key, context: Floats) -> Curve:
        """The key's curve moved by what the trees say of `context`, (columns,), and lawful again."""
        levels = np.array(response.ladder_micros, dtype=np.int64)
        moved = self.log_odds(levels, np.tile(context, (len(levels), 1)))
        raw, low, high = (expit(_log_odds(ends) + moved) for ends in response.interval(key, levels))
        chance = projected(levels, raw, np.ones(len(raw)))
        return Curve(response.ladder_micros, chance, np.minimum(low, chance), np.maximum(high, chance))

    def dumps(self) -> bytes:
        kept = {"format": FORMAT, "trees": self.trees, "columns": self.columns, "gain": self.gain}
        return json.dumps(kept, sort_keys=True).encode()

    @classmethod
    def loads(cls, kept: bytes) -> "Residual":
        """What `dumps` wrote. Raises ValueError for anything else."""
        try:
            found = json.loads(kept)
            if found["format"] != FORMAT:
                raise ValueError(f"format: {found['format']}, and this code reads {FORMAT}; grow the trees again")
            if not found["trees"].startswith("tree\n"):
                raise ValueError("trees: no trees of LightGBM; grow them again")
            return cls(found["trees"], found["columns"], tuple(found["gain"]))
        except (KeyError, TypeError, AttributeError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as failure:
            raise ValueError("residual: these bytes are no dump of a residual; grow the trees again") from failure


@dataclass(frozen=True)
class Trialled:
    """Randomised offers whose outcome is known, a row each: what the curve says of them, and what else is known."""

    log_odds: Floats
    reward_micros: Integers
    context: Floats
    completed: Integers
    groups: Integers

    def __len__(self) -> int:
        return len(self.completed)


def grown(trialled: Trialled, seed: int) -> Residual | None:
    """The trees, or None: for fewer than `ROWS_MIN` rows or `GROUPS_MIN` groups, or if the judged groups do not show
    that the trees help. Groups (people, say), codes from 0, are drawn into one of three parts as a whole.
    """
    if len(trialled) < ROWS_MIN or np.unique(trialled.groups).size < GROUPS_MIN:
        return None
    draws = np.random.default_rng(seed).random(int(trialled.groups.max()) + 1)
    parts = np.searchsorted(np.cumsum(SHARES)[:2], draws[trialled.groups], side="right")
    rows = _rows(trialled.reward_micros, trialled.context)
    growing, stopping = (
        lightgbm.Dataset(
            rows[parts == part], trialled.completed[parts == part], init_score=trialled.log_odds[parts == part]
        )
        for part in (0, 1)
    )
    rising = [1] + [0] * trialled.context.shape[1]
    booster = lightgbm.train(
        GROWN | {"monotone_constraints": rising, "seed": seed},
        growing,
        ROUNDS_MAX,
        valid_sets=[stopping],
        callbacks=[lightgbm.early_stopping(STOP_AFTER, verbose=False)],
    )
    judged = parts == 2
    moved = booster.predict(rows[judged], raw_score=True, num_threads=1)
    gain = _gain(trialled.log_odds[judged], moved, trialled.completed[judged], trialled.groups[judged])
    if not gain[1] > 0:
        return None
    return Residual(booster.model_to_string(num_iteration=booster.best_iteration), trialled.context.shape[1], gain)


def _gain(log_odds: Floats, moved: Floats, completed: Integers, groups: Integers) -> tuple[float, float, float]:
    """By how much the log-loss fell, with a 95% interval for a ratio of sums over groups."""
    won = _losses(log_odds, completed) - _losses(log_odds + moved, completed)
    mean = float(won.mean())
    _, codes = np.unique(groups, return_inverse=True)
    spread = np.bincount(codes, won - mean)
    reach = REACH * float(np.sqrt(np.sum(np.square(spread)))) / len(won)
    return mean, mean - reach, mean + reach


def _losses(log_odds: Floats, completed: Integers) -> Floats:
    losses: Floats = np.logaddexp(0, log_odds) - completed * log_odds
    return losses


def _log_odds(chance: Floats) -> Floats:
    kept = np.clip(chance, 1e-12, 1 - 1e-12)
    found: Floats = np.log(kept) - np.log1p(-kept)
    return found


def _rows(reward_micros: Integers, context: Floats) -> Floats:
    if context.ndim != 2 or len(context) != len(reward_micros):
        raise ValueError(
            f"context: an array of shape {context.shape}; give a row for each of {len(reward_micros)} rewards"
        )
    return np.column_stack([np.asarray(reward_micros, dtype=np.float64), context])
