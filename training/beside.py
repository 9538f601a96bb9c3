"""What a challenger would do to honest people where the champion does less: both on the same rows, people resampled."""

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.assess import OPERATING_FPR, SLICES, money_tables, people_of
from training.consequences import MICROS, remedies
from training.costs import Costs
from training.estimates import unknown
from training.evaluate import Bootstrap, Scored, interval
from training.gate import Harm
from training.slices import HONEST_MIN, ratio_of_sums, sums_by_group, threshold_at

Floats = NDArray[np.float64]

# What more of each harm may be: a tenth of what the champion does, or so little that nobody would feel it. 0.01 days
# for a unit is one unit in seven hundred waiting a week.
MORE_SHARE: Final = 0.10
DAYS_MORE: Final = 0.01
REFUSED_MORE: Final = 0.001
GROUPS_TIMES: Final = 1.10
PEOPLE_MIN: Final = 20
"""Honest people below which a table of money says nothing."""


def harms(rows: pl.DataFrame, costs: Costs, hold_days: float, bootstrap: Bootstrap) -> list[Harm]:
    """Honest money that waits or is refused under the policy, by what was decided and currency, and how far apart the
    honest of two groups are.

    `rows` are those of `assess`, with `action` and `champion_action`, and `score` and `champion_score`.
    """
    found = [harm for name, table in money_tables(rows) for harm in _money(name, table, costs, hold_days, bootstrap)]
    return [*found, *(_groups(rows, column, bootstrap) for column in SLICES)]


def _money(name: str, rows: pl.DataFrame, costs: Costs, hold_days: float, bootstrap: Bootstrap) -> Iterator[Harm]:
    """Days that a unit of honest money waits, and the share of it that is refused."""
    by_action = remedies(costs, hold_days)
    honest = rows.filter(~pl.col("label"))
    stakes, people = honest["stake_micros"].cast(pl.Float64).to_numpy() / MICROS, _codes(honest)
    of_both = [[by_action[action] for action in honest[side]] for side in ("action", "champion_action")]
    for said, allowed, read in (
        (f"days that a unit of honest money waits ({name})", DAYS_MORE, "days"),
        (f"the share of honest money that is refused ({name})", REFUSED_MORE, "is_refusal"),
    ):
        new, old = (stakes * np.array([getattr(done, read) for done in side], float) for side in of_both)
        yield _compared(said, (new, old, stakes), people, allowed, bootstrap)


def _codes(rows: pl.DataFrame) -> NDArray[np.int64]:
    """Codes 0..k-1 of those who are left."""
    _, codes = np.unique(people_of(rows), return_inverse=True)
    return codes.astype(np.int64)


def _compared(
    what: str, sums: tuple[Floats, Floats, Floats], people: NDArray[np.int64], allowed: float, bootstrap: Bootstrap
) -> Harm:
    """`sums` are addends of the challenger's harm, of the champion's, and of what both are divided by."""
    count = int(people.max()) + 1 if len(people) else 0
    if count < PEOPLE_MIN:
        few = unknown(f"{count} honest people had money at stake, it takes {PEOPLE_MIN}")
        return Harm(what, None, None, few, allowed, 0)
    added = np.column_stack([np.bincount(people, column, count) for column in sums])
    new, old, whole = added.sum(axis=0)
    drawn = (weights @ added for weights in bootstrap.weights(np.arange(count)))
    more = interval((new - old) / whole, np.array([(one - two) / all_ for one, two, all_ in drawn]))
    differing = int((added[:, 0] != added[:, 1]).sum())
    return Harm(what, new / whole, old / whole, more, max(allowed, MORE_SHARE * old / whole), differing)


def _groups(rows: pl.DataFrame, column: str, bootstrap: Bootstrap) -> Harm:
    """The highest false-positive rate of a group over the lowest, each model at its own threshold for OPERATING_FPR."""
    what = f"the highest over the lowest false-positive rate by {column.replace('_', ' ')}"
    labels, people = rows["label"].cast(pl.Float64).to_numpy(), people_of(rows)
    both = [Scored(labels, rows[name].to_numpy(), people) for name in ("score", "champion_score")]
    flagged = [one.scores >= threshold_at(one, OPERATING_FPR) for one in both]
    sums = [sums_by_group(one, rows[column], chosen) for one, chosen in zip(both, flagged, strict=True)]
    known = [one for one in sums if one is not None]
    if len(known) < 2:
        few = unknown(f"fewer than two groups have {HONEST_MIN} honest rows")
        return Harm(what, None, None, few, GROUPS_TIMES, 0, is_ratio=True)
    new, old = (ratio_of_sums(one.sum(axis=0)) for one in known)
    drawn = [
        ratio_of_sums(weights @ known[0]) / ratio_of_sums(weights @ known[1])
        for weights in bootstrap.weights(np.arange(len(known[0])))
    ]
    differing = len(np.unique(people[(labels == 0) & (flagged[0] != flagged[1])]))
    return Harm(what, new, old, interval(new / old, np.array(drawn)), GROUPS_TIMES, differing, is_ratio=True)
