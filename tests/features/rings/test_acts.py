"""Acting in step: overlap and bursts against plain Python, and chains of referrals."""

import numpy as np
import polars as pl

from features.graph.layout import DEGREE_MAX
from features.rings.acts import COMMON_MIN, acts_of, burst, overlap
from features.rings.referrals import DEPTH_MAX, referral_depth, referred_people

PEOPLE = pl.Series(["a", "b", "c", "d"])


def done(rows: list[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"user_id": pl.String, "act": pl.String, "bucket": pl.Int64}, orient="row")


def test_overlap_is_what_both_did_over_what_either_did() -> None:
    rows = [("a", "click:t", at) for at in range(8)] + [("b", "click:t", at) for at in range(4, 12)]
    rows += [("c", "click:u", at) for at in range(8)] + [("d", "click:t", 4), ("d", "click:t", 5)]
    overlaps, synchronised = overlap(acts_of(done(rows), PEOPLE), 4)
    assert overlaps.tolist() == [4 / 12, 4 / 12, 0, 0]
    assert COMMON_MIN == 3
    assert synchronised.tolist() == [0, 0, 0, 0]


def test_a_rack_that_acts_in_step_is_synchronised() -> None:
    rows = [(who, "ad_viewed:c", at) for who in "abc" for at in range(5)]
    overlaps, synchronised = overlap(acts_of(done(rows), PEOPLE), 4)
    assert overlaps.tolist() == [1, 1, 1, 0]
    assert synchronised.tolist() == [2, 2, 2, 0]


def test_what_everybody_does_at_once_is_no_sign() -> None:
    crowd = pl.Series([f"u{at:03d}" for at in range(DEGREE_MAX + 1)])
    rows = [(who, "login:", at) for who in crowd for at in range(5)]
    overlaps, _ = overlap(acts_of(done(rows), crowd), len(crowd))
    assert not overlaps.any()


def test_nobody_does_anything() -> None:
    overlaps, synchronised = overlap(acts_of(done([]), PEOPLE), 4)
    assert (overlaps.tolist(), synchronised.tolist()) == ([0] * 4, [0] * 4)


def test_a_burst_counts_the_people_of_one_group_in_one_hour() -> None:
    person, bucket = np.array([0, 0, 1, 2, 3, 3]), np.array([0, 1, 3, 4, 0, 0])
    assert burst(person, bucket, np.array([0, 0, 0, 1])).tolist() == [2, 2, 2, 1]


def test_a_group_that_did_nothing_has_no_burst() -> None:
    nothing = np.zeros(0, np.int64)
    assert burst(nothing, nothing, np.array([0, 1])).tolist() == [0, 0]


def test_depth_is_the_length_of_the_chain_and_a_circle_has_the_limit() -> None:
    referred, referrer = np.array([1, 2, 2, 4, 5]), np.array([0, 1, 0, 5, 4])
    assert referral_depth(6, referred, referrer).tolist() == [0, 1, 2, 0, DEPTH_MAX, DEPTH_MAX]
    assert referred_people(6, referrer).tolist() == [2, 1, 0, 0, 1, 1]
