"""What became of offers, counted: by key, epoch and reward. Integers only, so that no order and no batching shows."""

from collections import defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Final

import numpy as np

from serving.pricing.arrays import Floats, Integers

Key = tuple[str, str]
"""Kind of the task, segment of the person. A blank segment is the kind as a whole, two blanks are everything."""
EVERYTHING: Final[Key] = ("", "")
REWARDS_MAX: Final = 4096
"""Distinct rewards of one tally: each is a column of every key. A ladder has 15."""


def path(key: Key) -> tuple[Key, ...]:
    """Everything, the kind, the key, without repeats: what the key's curve is shrunken towards, widest first."""
    return tuple(dict.fromkeys((EVERYTHING, (key[0], ""), key)))


class Tally:
    """(offered, completed) of keys that were seen, and of all that lies above them.

    `half_life_epochs` discounts an epoch's counts by half every so many epochs, counted from the latest one seen;
    what is `KEPT` half-lives old is dropped, also when it comes late. None: nothing is ever forgotten.
    """

    KEPT: Final = 10

    def __init__(self, rewards_micros: Integers, half_life_epochs: float | None = None) -> None:
        self.rewards_micros = np.unique(rewards_micros)
        self.half_life_epochs = half_life_epochs
        self.epoch_latest: int | None = None
        self.own: dict[Key, dict[int, Integers]] = {}
        self._clear_sums()

    def add(self, key: Key, epoch: int, rewards_micros: Integers, counts: Integers) -> None:
        """`rewards_micros` are distinct and ascending, `counts` their (offered, completed)."""
        epoch = 0 if self.half_life_epochs is None else epoch
        if not len(rewards_micros) or not self._remembers(epoch):
            return
        self._widen(rewards_micros)
        if self.epoch_latest is None or epoch > self.epoch_latest:
            self.epoch_latest = epoch
            self._forget()
        row = np.zeros((len(self.rewards_micros), 2), dtype=np.int64)
        row[np.searchsorted(self.rewards_micros, rewards_micros)] = counts
        _fold(self.own.setdefault(key, {}), epoch, row)
        self._raise(key, epoch, row)

    def discounted(self, key: Key, without: Key | None = None) -> Floats:
        """(offered, completed) by reward, of the key and all below it, but for those at or below `without`."""
        found = np.zeros((len(self.rewards_micros), 2))
        left_out = self._sums.get(without, {}) if without else {}
        for epoch, counts in sorted(self._sums.get(key, {}).items()):
            found += (counts - left_out[epoch] if epoch in left_out else counts) * self._weight(epoch)
        return found

    def siblings(self, parent: Key, child: Key) -> float:
        """How many equally busy children the others of `parent` amount to; 0 where there is no other."""
        one = self._offered.get((parent, child), 0)
        others = self._total.get(parent, 0) - one
        squares = self._squares.get(parent, 0) - one * one
        return others * others / squares if others > 0 else 0.0

    def rows(self) -> Iterator[tuple[Key, int, int, int, int]]:
        """Key, epoch, reward in micros, offered, completed, in their order; only what was seen."""
        for key, epochs in sorted(self.own.items()):
            for epoch, counts in sorted(epochs.items()):
                for at in np.flatnonzero(counts[:, 0]):
                    yield key, epoch, int(self.rewards_micros[at]), int(counts[at, 0]), int(counts[at, 1])

    def _clear_sums(self) -> None:
        self._sums: dict[Key, dict[int, Integers]] = {}
        self._total: dict[Key, int] = defaultdict(int)
        # By parent and child; what was offered at the parent itself, its child unknown, is under None.
        self._offered: dict[tuple[Key, Key | None], int] = defaultdict(int)
        self._squares: dict[Key, int] = defaultdict(int)

    def _weight(self, epoch: int) -> float:
        if self.half_life_epochs is None or self.epoch_latest is None:
            return 1.0
        weight: float = 0.5 ** ((self.epoch_latest - epoch) / self.half_life_epochs)
        return weight

    def _remembers(self, epoch: int) -> bool:
        if self.half_life_epochs is None or self.epoch_latest is None:
            return True
        return self.epoch_latest - epoch <= self.KEPT * self.half_life_epochs

    def _widen(self, rewards_micros: Integers) -> None:
        places = np.minimum(np.searchsorted(self.rewards_micros, rewards_micros), len(self.rewards_micros) - 1)
        if np.array_equal(self.rewards_micros[places], rewards_micros):
            return
        wider = np.union1d(self.rewards_micros, rewards_micros)
        if len(wider) > REWARDS_MAX:
            raise ValueError(f"reward_micros: more than {REWARDS_MAX} distinct rewards; offer levels of a ladder")
        places = np.searchsorted(wider, self.rewards_micros)
        for epochs in (*self.own.values(), *self._sums.values()):
            for epoch, counts in epochs.items():
                epochs[epoch] = np.zeros((len(wider), 2), dtype=np.int64)
                epochs[epoch][places] = counts
        self.rewards_micros = wider

    def _raise(self, key: Key, epoch: int, row: Integers) -> None:
        """Add to the key and to all above it."""
        offered = int(row[:, 0].sum())
        above = path(key)
        for parent, child in (*pairwise(above), (key, None)):
            before = self._offered[parent, child]
            self._offered[parent, child] += offered
            self._squares[parent] += (before + offered) ** 2 - before**2
        for node in above:
            self._total[node] += offered
            _fold(self._sums.setdefault(node, {}), epoch, row)

    def _forget(self) -> None:
        old = {epoch for epochs in self.own.values() for epoch in epochs if not self._remembers(epoch)}
        if not old:
            return
        kept = {key: {at: row for at, row in epochs.items() if at not in old} for key, epochs in self.own.items()}
        self.own = {key: epochs for key, epochs in kept.items() if epochs}
        self._clear_sums()
        for key, epochs in self.own.items():
            for epoch, row in epochs.items():
                self._raise(key, epoch, row)


def _fold(epochs: dict[int, Integers], epoch: int, row: Integers) -> None:
    if epoch in epochs:
        epochs[epoch] += row
    else:
        epochs[epoch] = row.copy()
