"""What people did at the same time: overlap of acts, and bursts of sign-ups and withdrawals in a component."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from features.rings.days import BUCKET, SIGN_UP, WITHDRAWAL
from features.rings.matrix import incidence, row_counts, row_maximum, rows_of, select, shared
from features.rings.ties import Floats, Ints

ACT_DAYS: Final = 7
"""Acts of the last week: farms change their rhythm, and memory stays bounded."""
COMMON_MIN: Final = 3
"""Fewer common acts than this are chance."""
OVERLAP_MIN: Final = 0.5
"""Two people are synchronised when at least half of what either did, both did in the same quarter of an hour."""
HOUR: Final = 3_600_000_000


@dataclass(frozen=True)
class Acts:
    """Arrays over different (person, act, bucket); `act` numbers what was done, `kind` is its name's beginning."""

    person: Ints
    act: Ints
    bucket: Ints
    is_sign_up: npt.NDArray[np.bool_]
    is_withdrawal: npt.NDArray[np.bool_]


def acts_of(acts: pl.DataFrame, person_ids: pl.Series) -> Acts:
    """`acts` as `merged_acts` makes them, of people in the sorted `person_ids`."""
    people = pl.DataFrame({"user_id": person_ids}).with_row_index("person")
    numbered = acts.join(people, on="user_id").sort("person", "bucket", "act")
    kind = pl.col("act").str.split(":").list.first()
    columns = numbered.select(
        pl.col("person").cast(pl.Int64),
        pl.col("act").rank("dense").cast(pl.Int64),
        "bucket",
        (kind == SIGN_UP).alias("is_sign_up"),
        (kind == WITHDRAWAL).alias("is_withdrawal"),
    )
    return Acts(*(column.to_numpy() for column in columns))


def overlap(acts: Acts, persons: int) -> tuple[Floats, Ints]:
    """For each person the largest overlap with anybody, 0 to 1, and how many others are synchronised with them.

    The overlap of two is what both did in the same quarter of an hour, over what either did (Jaccard), as SynchroTrap
    has it (Cao, Yang, Yu, Palow 2014). What more than DEGREE_MAX people did at once is popular and left out of what
    is common, not of what was done.
    """
    if len(acts.person) == 0:
        return np.zeros(persons), np.zeros(persons, np.int64)
    moments = acts.bucket - acts.bucket.min()
    _, moment = np.unique(acts.act * (moments.max() + 1) + moments, return_inverse=True)
    incident = incidence(persons, int(moment.max()) + 1, acts.person, moment)
    done, common = row_counts(incident), shared(incident)
    common = select(common, common.data >= COMMON_MIN)
    common.data = common.data / (done[rows_of(common)] + done[common.indices] - common.data)
    return row_maximum(common), row_counts(select(common, common.data >= OVERLAP_MIN))


def burst(person: Ints, bucket: Ints, group: Ints) -> Ints:
    """For each person, the most people of their group who did something within one hour of the clock."""
    hours = bucket * BUCKET // HOUR
    unique = np.unique(np.stack([group[person], hours, person]), axis=1)
    _, count_of = np.unique(unique[:2], axis=1, return_inverse=True)
    counts = np.bincount(count_of.ravel())
    most = np.zeros(int(group.max(initial=-1)) + 1, np.int64)
    np.maximum.at(most, unique[0], counts[count_of.ravel()] if len(counts) else np.zeros(0, np.int64))
    return most[group]
