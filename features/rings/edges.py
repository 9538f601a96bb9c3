"""The edge table as of an instant: people and keys as integers, each tie once, the oldest first.

Numbers follow the sorted names, people before keys, so that the same ties give the same table however the log was
cut. Ties not seen for `EXPIRY_DAYS` are left out: a graph that only grows makes honest people look crowded.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl

from features.graph.joining import WEB_USERS_MAX
from features.graph.layout import DEGREE_MAX, WEB
from features.graph.rows import DEVICE_KINDS
from features.rings.days import merged_ties
from features.rings.ties import MICROS_PER_DAY, Ints, Tie, Truths, among

EXPIRY_DAYS: Final = 90
"""A phone is sold, a lease ends, a student moves out: a tie that was not seen for a season says little."""
EDGES_MAX: Final = 20_000_000
"""Beyond it the ties seen last are kept, and what was left out is counted."""
DAYS_MERGED: Final = 8
"""Days whose ties are held before they are merged."""


@dataclass(frozen=True)
class Edges:
    """Arrays over ties, in the order in which they were first seen. `left` is a person; `right` is a key, or for a
    referral the person who referred. People are 0 .. persons-1, keys persons .. nodes-1.

    Over keys: `tie_of_key` is the kind of each, `device_kind_of_key` the kind of id of a device (0 for other keys),
    `limit_of_key` the number of people from which on it is a hub. Times in microseconds. `expired` and `left_out`
    count ties that are not here because they are old or too many.
    """

    person_ids: pl.Series
    nodes: int
    left: Ints
    right: Ints
    tie: npt.NDArray[np.int8]
    first_seen: Ints
    last_seen: Ints
    count: Ints
    tie_of_key: npt.NDArray[np.int8]
    device_kind_of_key: Ints
    limit_of_key: Ints
    expired: int
    left_out: int

    @property
    def persons(self) -> int:
        return len(self.person_ids)

    def of(self, *kinds: Tie) -> Truths:
        """Which edges are of one of these kinds."""
        return among(self.tie, kinds)


def merge_days(days: Iterable[pl.DataFrame], limit: int = EDGES_MAX) -> tuple[pl.DataFrame, int]:
    """The ties of all days as one frame, and how many were left out because there were more than `limit`."""
    waiting: list[pl.DataFrame] = []
    left_out = 0
    for day in days:
        waiting.append(day)
        if len(waiting) > DAYS_MERGED:
            ties, dropped = _within(merged_ties(waiting), limit)
            waiting, left_out = [ties], left_out + dropped
    ties, dropped = _within(merged_ties(waiting), limit)
    return ties, left_out + dropped


def edges_of(ties: pl.DataFrame, as_of: int, people: pl.Series, left_out: int = 0) -> Edges:
    """The edge table of `ties` (as `merged_ties` makes them) at `as_of`, microseconds. `people` adds persons who may
    have no tie. Ties last seen before `as_of` less EXPIRY_DAYS are expired.
    """
    fresh = ties.filter(pl.col("last_seen") >= as_of - EXPIRY_DAYS * MICROS_PER_DAY)
    persons = _persons(fresh, people)
    keys = fresh.filter(pl.col("tie") != Tie.REFERRAL).select("tie", "key").unique().sort("tie", "key")
    numbered = _numbered(fresh, persons, keys)
    column = {name: numbered[name].to_numpy() for name in numbered.columns}
    return Edges(
        person_ids=persons,
        nodes=len(persons) + keys.height,
        left=column["left"].astype(np.int64),
        right=column["right"].astype(np.int64),
        tie=column["tie"],
        first_seen=column["first_seen"],
        last_seen=column["last_seen"],
        count=column["count"],
        tie_of_key=keys["tie"].to_numpy(),
        device_kind_of_key=keys.select(_device_kind())["kind"].to_numpy(),
        limit_of_key=keys.select(_limit())["limit"].to_numpy(),
        expired=ties.height - fresh.height,
        left_out=left_out,
    )


def _limit() -> pl.Expr:
    return pl.when(_device_kind() == WEB).then(WEB_USERS_MAX).otherwise(DEGREE_MAX).cast(pl.Int64).alias("limit")


def _device_kind() -> pl.Expr:
    """An id of an unknown kind counts as a browser's, which joins least."""
    kind = pl.col("key").str.split(":").list.first().replace_strict(DEVICE_KINDS, default=WEB, return_dtype=pl.Int64)
    return pl.when(pl.col("tie") == Tie.DEVICE).then(kind).otherwise(0).alias("kind")


def _within(ties: pl.DataFrame, limit: int) -> tuple[pl.DataFrame, int]:
    if ties.height <= limit:
        return ties, 0
    newest = ties.sort("last_seen", "user_id", "tie", "key", descending=[True, False, False, False]).head(limit)
    return newest.sort("user_id", "tie", "key"), ties.height - limit


def _persons(ties: pl.DataFrame, people: pl.Series) -> pl.Series:
    referrers = ties.filter(pl.col("tie") == Tie.REFERRAL)["key"]
    return pl.concat([ties["user_id"], referrers, people.cast(pl.String)]).unique().sort().alias("user_id")


def _numbered(ties: pl.DataFrame, persons: pl.Series, keys: pl.DataFrame) -> pl.DataFrame:
    people = pl.DataFrame({"user_id": persons}).with_row_index("left")
    referrers = people.select(
        pl.lit(int(Tie.REFERRAL), pl.Int8).alias("tie"), pl.col("user_id").alias("key"), pl.col("left").alias("right")
    )
    others = keys.with_row_index("right", offset=len(persons)).select("tie", "key", "right")
    joined = ties.join(people, on="user_id").join(pl.concat([others, referrers]), on=["tie", "key"])
    return joined.sort("first_sequence", "tie", "left", "right")
