"""How likely a task is completed at a reward: learnt one offer at a time, and the same from the whole log.

A key's curve is a logit whose slope bends from level to level as far as the offers ask for (serving/pricing/shape.py).
On the ladder it is concave, too, from the first paid level on: where the fit is not, the nearest such curve.

Shrinkage goes down the path: everything but this kind, then this kind but this key, then the key. Each stage's
posterior, widened by how much children differ, is the prior of the next one. No offer is counted twice, and
Laplace's covariance carries what was uncertain above.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from operator import index
from typing import Any, Final

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from serving.pricing.arrays import Floats, Integers
from serving.pricing.concave import LEVELS_MAX, projected
from serving.pricing.posterior import posterior
from serving.pricing.shape import Belief, Prior, Shape
from serving.pricing.tally import EVERYTHING, Key, Tally, path

__all__ = ["EVERYTHING", "Curve", "Key", "Prior", "Response"]

FORMAT: Final = 1
REACH: Final = 1.959963984540054  # of a 95% interval, in standard deviations
REWARD_MICROS_MAX: Final = 2**53


@dataclass(frozen=True)
class Curve:
    """Completion probability on the ladder's levels, ascending, with a pointwise 95% interval.

    `chance` is non-decreasing, and concave in reward from the first paid level on.
    """

    levels_micros: tuple[int, ...]
    chance: Floats
    low: Floats
    high: Floats


class Response:
    """Counts (offered, completed) per key, epoch and reward, and the curves that follow from them and nothing else.

    Folding one by one, in batches in any order, or refitting from the offer log gives the same bytes and curves.
    `half_life_epochs` halves what an offer counts for every so many epochs; None: all count alike.
    """

    def __init__(
        self, ladder_micros: Sequence[int], prior: Prior | None = None, half_life_epochs: float | None = None
    ) -> None:
        """Raises ValueError, naming the field, for a ladder that is not 1 to 15 ascending levels, one of them paid."""
        self.ladder_micros = _ladder(ladder_micros)
        self.prior = prior or Prior()
        if half_life_epochs is not None and not 0 < half_life_epochs < np.inf:
            raise ValueError(f"half_life_epochs: {half_life_epochs}; give a positive number, or None to keep all")
        self._levels = np.array(self.ladder_micros, dtype=np.int64)
        self._shape = Shape(self.ladder_micros, self.prior)
        self._tally = Tally(self._levels, half_life_epochs)
        self._curves: dict[Key, Curve] = {}
        self._fits: dict[Key, Belief] = {}
        self._befores: dict[tuple[Key, Key], Belief] = {}
        self._roughness: float | None = None

    def learn(self, key: Key, reward_micros: ArrayLike, completed: ArrayLike, epoch: int = 0) -> None:
        """Fold offers whose outcome is known; `completed` is 0 or 1. Either all are folded or, on ValueError, none."""
        key, epoch = _key(key), _epoch(epoch)
        rewards, outcomes = _rewards(reward_micros), _outcomes(completed)
        if rewards.shape != outcomes.shape:
            raise ValueError(f"completed: {outcomes.size} outcomes for {rewards.size} rewards; give one for each")
        distinct, places = np.unique(rewards, return_inverse=True)
        counts = np.zeros((len(distinct), 2), dtype=np.int64)
        np.add.at(counts, places, np.stack([np.ones_like(outcomes), outcomes], axis=1))
        self._tally.add(key, epoch, distinct, counts)
        self._roughness = None
        for found in (self._curves, self._fits, self._befores):
            found.clear()

    def curve(self, key: Key) -> Curve:
        """The curve of a key, fitted when it is asked for; of a key never seen, that of its kind, or the prior's."""
        key = _key(key)
        if key not in self._curves:
            self._curves[key] = self._drawn(key)
        return self._curves[key]

    def chance(self, key: Key, reward_micros: ArrayLike) -> Floats:
        """Completion probability at any rewards, on the ladder or off it: never falling, but not made concave.

        Where people earn to a target, this knows the threshold that a concave curve smooths away.
        """
        return self.interval(key, reward_micros)[0]

    def interval(self, key: Key, reward_micros: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Completion probability at any rewards, and the ends of its pointwise 95% interval."""
        at, covariance = self._fit(_key(key))
        design = self._shape.design(_rewards(reward_micros))
        # One after the other: so a sum of terms of which none falls does not fall either, not by a rounding.
        log_odds = np.cumsum(design * at, axis=1)[:, -1]
        reach = REACH * np.sqrt(np.einsum("lt,tu,lu->l", design, covariance, design))
        return expit(log_odds), expit(log_odds - reach), expit(log_odds + reach)

    def offered(self, key: Key) -> Floats:
        """How often each level of the ladder was offered in the key's kind, an old offer counting for less."""
        places = np.searchsorted(self._tally.rewards_micros, self._levels)
        found: Floats = self._tally.discounted(path(_key(key))[:2][-1])[places, 0]
        return found

    def dumps(self) -> bytes:
        """All that was learnt, as JSON; the same counts are the same bytes."""
        kept = {
            "format": FORMAT,
            "ladder_micros": self.ladder_micros,
            "prior": asdict(self.prior),
            "half_life_epochs": self._tally.half_life_epochs,
            "counts": [[*key, *counts] for key, *counts in self._tally.rows()],
        }
        return json.dumps(kept, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def loads(cls, kept: bytes) -> "Response":
        """What `dumps` wrote. Raises ValueError for anything else."""
        try:
            found = json.loads(kept)
            if found["format"] != FORMAT:
                raise ValueError(f"format: {found['format']}, and this code reads {FORMAT}; refit from the offer log")
            terms: Any = {name: tuple(one) if isinstance(one, list) else one for name, one in found["prior"].items()}
            response = cls(found["ladder_micros"], Prior(**terms), found["half_life_epochs"])
            for kind, segment, epoch, reward, offered, completed in found["counts"]:
                response._restore((kind, segment), epoch, reward, offered, completed)
        except (KeyError, TypeError, UnicodeDecodeError) as failure:
            raise ValueError("response: these bytes are no dump of a response; refit from the offer log") from failure
        return response

    def _restore(self, key: Key, epoch: int, reward: int, offered: int, completed: int) -> None:
        if not 0 <= completed <= offered:
            raise ValueError(f"counts: {completed} of {offered} completed; refit from the offer log")
        self._tally.add(_key(key), _epoch(epoch), _rewards([reward]), np.array([[offered, completed]], dtype=np.int64))

    def _drawn(self, key: Key) -> Curve:
        raw, low, high = self.interval(key, self._levels)
        chance = projected(self._levels, raw, self._weight(key))
        low, high = np.minimum(low, chance), np.maximum(high, chance)
        for array in (chance, low, high):
            array.setflags(write=False)
        return Curve(self.ladder_micros, chance, low, high)

    def _weight(self, key: Key) -> Floats:
        """What each level counts in a projection: as often as it was offered in the kind, and once more."""
        return 1 + self.offered(key)

    def _fit(self, key: Key) -> Belief:
        """Mode and covariance of the terms of a key's curve, by all that is known."""
        if key not in self._fits:
            self._fits[key] = self._posterior(self._tally.discounted(key), self._before(path(key)))
        return self._fits[key]

    def _before(self, nodes: tuple[Key, ...]) -> Belief:
        """What the last of `nodes` is believed to be before its own offers, from those of all others along its path."""
        if len(nodes) == 1:
            return self._shape.before(self._rough())
        parent, node = nodes[-2:]
        if (parent, node) not in self._befores:
            others = self._tally.discounted(parent, without=node)
            mean, covariance = self._posterior(others, self._before(nodes[:-1]))
            # One child is drawn around the mean of its siblings, which itself is off by what few siblings vary.
            siblings = self._tally.siblings(parent, node)
            differ = self._shape.differ(len(nodes) - 1, self._rough())
            self._befores[parent, node] = mean, covariance + differ * (1 + (1 / siblings if siblings else 0))
        return self._befores[parent, node]

    def _rough(self) -> float:
        """How far slopes may bend, by the evidence of all offers together; a rougher one must be a nat better."""
        if self._roughness is None:
            offered = self._tally.discounted(EVERYTHING)
            tried = [self._laplace(offered, self._shape.before(rough))[2] for rough in self.prior.roughness]
            best = int(np.argmax(np.array(tried) - np.arange(len(tried))))
            self._roughness = self.prior.roughness[best]
        return self._roughness

    def _posterior(self, counts: Floats, before: Belief) -> Belief:
        at, covariance, _ = self._laplace(counts, before)
        return at, covariance

    def _laplace(self, counts: Floats, before: Belief) -> tuple[Floats, Floats, float]:
        design = self._shape.design(self._tally.rewards_micros)
        found: tuple[Floats, Floats, float] = posterior(design, counts, *before, self._shape.low, self._shape.high)
        return found


def warm_up() -> None:
    """Load, or once compile, the loops of a fit: nobody's offer shall wait for that."""
    Response((0, 1)).curve(("warm-up", "warm-up"))


def _key(key: Any) -> Key:
    if not (isinstance(key, (tuple, list)) and len(key) == 2 and all(isinstance(part, str) for part in key)):
        raise ValueError(f"key: {key!r}; give the task's kind and the person's segment, both strings")
    return key[0], key[1]


def _epoch(epoch: Any) -> int:
    try:
        return index(epoch)
    except TypeError:
        raise ValueError(f"epoch: {epoch!r}; give a whole number, such as that of the day") from None


def _ladder(ladder_micros: Sequence[int]) -> tuple[int, ...]:
    levels = _rewards(ladder_micros)
    if not 1 <= len(levels) <= LEVELS_MAX or np.any(np.diff(levels) <= 0) or levels[-1] == 0:
        raise ValueError(f"ladder_micros: {list(ladder_micros)}; give 1 to {LEVELS_MAX} ascending levels, one paid")
    return tuple(int(level) for level in levels)


def _rewards(reward_micros: ArrayLike) -> Integers:
    given = np.atleast_1d(np.asarray(reward_micros))
    if given.size == 0:
        return given.astype(np.int64)
    if given.dtype.kind not in "iuf" or not np.all(np.isfinite(given)):
        raise ValueError("reward_micros: not a finite number; leave out offers without a reward")
    if np.any(given != np.floor(given)) or given.min() < 0 or given.max() > REWARD_MICROS_MAX:
        raise ValueError("reward_micros: give whole micros from 0 to 2^53")
    return given.astype(np.int64).ravel()


def _outcomes(completed: ArrayLike) -> Integers:
    given = np.atleast_1d(np.asarray(completed))
    if given.size and (given.dtype.kind not in "biuf" or not np.all((given == 0) | (given == 1))):
        raise ValueError("completed: give 0 or 1 for each offer; leave out those whose outcome is not known yet")
    return given.astype(np.int64).ravel()
