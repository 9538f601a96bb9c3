"""Rewards of an event log, with what became of each, and how far the person was to be trusted at its credit."""

from dataclasses import dataclass
from typing import Final, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.log import Log
from training.holds.settings import HoldsError, Trust

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Truths = NDArray[np.bool_]

DAY: Final = 86_400_000_000
NEVER: Final = 2**61
_EVENT: Final = ["event_id", "kind", "user_id", "goal_id", "partner_id", "reward_micros", "recorded_at"]
_OUTCOME: Final = ["kind", "subject_event_id", "amount_micros", "recorded_at"]


@dataclass(frozen=True)
class Rewards:
    """n rewards in the order of their credit. `users` are codes 0..k-1 into `user_ids`; `credited_at` and `reversed_at`
    (NEVER where it was not) in microseconds; `micros` of the reward, `taken_micros` of them when it was reversed.
    """

    user_ids: NDArray[np.str_]
    users: Ints
    kinds: NDArray[np.str_]
    goals: NDArray[np.str_]
    partners: NDArray[np.str_]
    credited_at: Ints
    reversed_at: Ints
    micros: Ints
    taken_micros: Ints

    def __len__(self) -> int:
        return len(self.users)

    @property
    def days(self) -> Floats:
        """From the credit to the reversal; infinite where there is none."""
        delay: Floats = np.where(self.is_reversed, (self.reversed_at - self.credited_at) / DAY, np.inf)
        return delay

    @property
    def is_reversed(self) -> Truths:
        known: Truths = self.reversed_at < NEVER
        return known

    @classmethod
    def of(cls, log: Log) -> Self:
        """Raises HoldsError for a log without a rewarded event of a person."""
        columns = list(dict.fromkeys([*_EVENT, *_OUTCOME]))
        whole = pl.DataFrame(pl.from_arrow(log.read(columns)))
        paid = whole.filter((pl.col("reward_micros") > 0) & pl.col("user_id").is_not_null()).select(_EVENT)
        if paid.is_empty():
            raise HoldsError("the log holds no rewarded event: load, simulate or backfill one first")
        taken = whole.filter(pl.col("kind") == "reversal").group_by("subject_event_id")
        first = taken.agg(
            pl.col("recorded_at").min().alias("reversed_at"), pl.col("amount_micros").first().alias("taken")
        )
        table = paid.join(first, left_on="event_id", right_on="subject_event_id", how="left").sort("recorded_at")
        user_ids, users = np.unique(table["user_id"].to_numpy(), return_inverse=True)
        micros = table["reward_micros"].to_numpy()
        return cls(
            user_ids.astype(np.str_),
            users.astype(np.int64),
            _words(table["kind"]),
            _words(table["goal_id"]),
            _words(table["partner_id"]),
            table["recorded_at"].to_numpy(),
            table["reversed_at"].fill_null(NEVER).to_numpy(),
            micros,
            np.minimum(table["taken"].fill_null(np.iinfo(np.int64).max).to_numpy(), micros),
        )

    def tiers(self, trust: Trust) -> Ints:
        """How far each person was to be trusted when the reward was credited; see `tier_of`. It reads only what had
        been recorded by then: of two rewards of one instant, neither knows the other.
        """
        now, window = self.credited_at, trust.window_days * DAY
        known = _counted(self.users, now, self.users, now - trust.aged_days * DAY)
        aged = np.maximum(known - _counted(self.users, now, self.users, now - window), 0)
        back = self.is_reversed
        gone = np.maximum(self.reversed_at, self.credited_at + window)  # from when on it is not of the window
        users = self.users[back]
        seen = _counted(users, self.reversed_at[back], self.users, now)
        return tier_of(aged, seen - _counted(users, gone[back], self.users, now), trust)

    def take(self, chosen: Truths | Ints) -> Self:
        return type(self)(
            self.user_ids,
            self.users[chosen],
            self.kinds[chosen],
            self.goals[chosen],
            self.partners[chosen],
            self.credited_at[chosen],
            self.reversed_at[chosen],
            self.micros[chosen],
            self.taken_micros[chosen],
        )


def _words(column: pl.Series) -> NDArray[np.str_]:
    return column.fill_null("").to_numpy().astype(np.str_)


def _counted(users: Ints, times: Ints, asked: Ints, until: Ints) -> Ints:
    """How many of `times` of the user `asked` are at or before `until`."""
    # One sorted line of (user, rank of the time): ranks cannot overflow where microseconds could.
    grid, ranks = np.unique(times, return_inverse=True)
    width = len(grid) + 1
    line = np.sort(users * width + ranks.ravel() + 1)
    upper = np.searchsorted(line, asked * width + np.searchsorted(grid, until, "right"), "right")
    found: Ints = upper - np.searchsorted(line, asked * width, "right")
    return found


def tier_of(aged: Ints, reversed_: Ints, trust: Trust) -> Ints:
    """0: new. Then, the smaller the share of rewards that were taken back, the smaller the tier."""
    share = (reversed_ + trust.prior_reversed) / (np.maximum(aged, reversed_) + trust.prior_rewards)
    tier = 1 + np.searchsorted(trust.edges, share, "right")
    return np.where((aged < trust.aged_min) & (reversed_ == 0), 0, tier).astype(np.int64)
