"""Whether groups of people are offered the same for like tasks: by country, city tier, the price tier of the device.

Nobody's price may read any of these. But what it does read may stand in for them, so it is measured what was offered:
each offer of a group beside those of everybody else for the *like task*, the same goal of the same campaign at the same
value on the same day. A ratio of 1 is alike; its interval resamples people.

An alert asks twice: is the ratio beyond the limit, and would people who are offered alike show such a one so rarely,
over all groups that are looked at (Bonferroni).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import t as student

from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap

LIKE: Final = ("currency", "campaign_id", "position", "value_micros", "day")
DAY_MICROS: Final = 86_400_000_000
PEOPLE_MIN: Final = 10
"""Of a group, and of everybody else; of fewer nothing is said."""
ERROR_MAX: Final = 0.01
"""The chance that any group at all is named where all are offered alike."""
Floats = NDArray[np.float64]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Group:
    """`compared` of `offers` had somebody else's beside them. `ratio`: offered, over what others were for like tasks.

    `mean_micros` is over all offers of the group, whatever the tasks. `p` is two-sided, from the spread of the
    resampled log ratio and Student's t of as many people, corrected for the number of groups.
    """

    attribute: str
    group: str
    currency: str
    people: int
    offers: int
    compared: int
    mean_micros: int
    ratio: Estimate
    p: float
    ratio_max: float

    @property
    def stands(self) -> bool:
        """Whether it is an alert."""
        ratio = self.ratio.value
        return ratio is not None and self.p <= ERROR_MAX and not 1 / self.ratio_max <= ratio <= self.ratio_max


def compared(
    offers: pl.DataFrame, attributes: Sequence[str], ratio_max: float, bootstrap: Bootstrap | None = None
) -> list[Group]:
    """Every group of each attribute, a column of `offers`, and currency by currency; who does not say is left out."""
    dated = offers.with_columns((pl.col("offered_at") // DAY_MICROS).alias("day"))
    found = []
    for attribute in attributes:
        said = dated.drop_nulls(attribute).with_columns(pl.col(attribute).cast(pl.String).alias("group"))
        for (currency,), rows in said.group_by("currency", maintain_order=True):
            found += _of_attribute(rows, attribute, str(currency), ratio_max, bootstrap or Bootstrap())
    known = sum(one.ratio.is_known for one in found)
    return [replace(one, p=min(1.0, one.p * known)) for one in found]


def _of_attribute(
    rows: pl.DataFrame, attribute: str, currency: str, ratio_max: float, bootstrap: Bootstrap
) -> list[Group]:
    names, everybody = rows["group"].unique().sort(), rows["user_id"].n_unique()
    table = _Table.of(rows, names)
    ratios, met = _ratios(*table.cells(np.ones(table.people)))
    drawn = np.array([_ratios(*table.cells(weights))[0] for weights in bootstrap.weights(np.arange(table.people))])
    found = []
    for at, name in enumerate(names):
        own = rows.filter(pl.col("group") == name)
        people, mean = own["user_id"].n_unique(), round(float(np.mean(own["reward_micros"].to_numpy())))
        ratio, p = _judged(float(ratios[at]), drawn[:, at], min(people, everybody - people))
        found.append(Group(attribute, name, currency, people, own.height, int(met[at]), mean, ratio, p, ratio_max))
    return found


def _judged(ratio: float, drawn: Floats, people: int) -> tuple[Estimate, float]:
    """The ratio with its interval, and how likely one so far from 1 is by chance; `people` of the smaller side."""
    if not np.isfinite(ratio):
        return unknown("nobody else was offered like tasks"), 1.0
    if people < PEOPLE_MIN:
        return unknown(f"fewer than {PEOPLE_MIN} people on one side"), 1.0
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    spread = float(np.nanstd(np.log(drawn)))
    p = 2 * float(student.sf(abs(np.log(ratio)) / spread, people - 1)) if spread > 0 else float(ratio == 1)
    return Estimate(ratio, float(low), float(high)), p


@dataclass(frozen=True)
class _Table:
    """Offers by like task, group and person: codes of each row, how many offers it is, and what they sum to."""

    cell: Codes
    person: Codes
    count: Floats
    total: Floats
    shape: tuple[int, int]
    people: int

    @classmethod
    def of(cls, rows: pl.DataFrame, names: pl.Series) -> "_Table":
        keys = [*LIKE, "group", "user_id"]
        own = rows.group_by(keys, maintain_order=True).agg(pl.len().alias("n"), pl.col("reward_micros").sum())
        like = own.select(pl.struct(LIKE).rank("dense")).to_series().to_numpy().astype(np.int64) - 1
        group = own["group"].replace_strict(names, range(len(names))).to_numpy()
        _, person = np.unique(own["user_id"].to_numpy(), return_inverse=True)
        shape = int(like.max(initial=-1)) + 1, len(names)
        return cls(
            like * len(names) + group,
            person,
            own["n"].to_numpy().astype(np.float64),
            own["reward_micros"].to_numpy().astype(np.float64),
            shape,
            int(person.max(initial=-1)) + 1,
        )

    def cells(self, weights: Floats) -> tuple[Floats, Floats]:
        """`(like tasks, groups)`: how many offers, and what they sum to, each person as often as `weights` says."""
        weight, size = weights[self.person], self.shape[0] * self.shape[1]
        counts, sums = (np.bincount(self.cell, weight * each, size) for each in (self.count, self.total))
        return counts.astype(np.float64).reshape(self.shape), sums.astype(np.float64).reshape(self.shape)


def _ratios(offers: Floats, sums: Floats) -> tuple[Floats, Floats]:
    """Of each group: offered over expected, NaN where nothing could be compared; and the offers that could."""
    others = offers.sum(axis=1, keepdims=True) - offers
    mean = (sums.sum(axis=1, keepdims=True) - sums) / np.where(others > 0, others, np.nan)
    is_met = (offers > 0) & (others > 0)
    expected = np.where(is_met, offers * mean, 0.0).sum(axis=0)
    offered = np.where(is_met, sums, 0.0).sum(axis=0)
    return offered / np.where(expected > 0, expected, np.nan), np.where(is_met, offers, 0.0).sum(axis=0)
