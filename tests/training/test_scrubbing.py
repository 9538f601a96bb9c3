"""Partners that take back more than their traffic explains, and those that only have riskier traffic."""

import numpy as np
import polars as pl
import pytest

from training.scrubbing import EVENTS_MIN, partners


def made(seed: int, scrubbed: float = 0.0, risky: float = 0.0, rows: int = 8000) -> pl.DataFrame:
    """Eight partners; `p0` also takes back a share of everything, and `p1` has riskier people."""
    draws = np.random.default_rng(seed)
    partner = draws.integers(0, 8, rows)
    score = np.clip(draws.beta(1, 12, rows) + risky * (partner == 1), 0, 1)
    taken = draws.random(rows) < 0.02 + 0.5 * score
    taken |= (partner == 0) & (draws.random(rows) < scrubbed)
    kinds = draws.choice(["install", "task_completed"], rows)
    return pl.DataFrame(
        {"partner_id": [f"p{number}" for number in partner], "kind": kinds, "score": score, "reversed": taken}
    )


def test_a_partner_that_scrubs_honest_work_stands_out_with_how_much() -> None:
    worst = partners(made(1, scrubbed=0.15))[0]
    assert (worst.partner_id, worst.stands_out) == ("p0", True)
    assert 2.0 < worst.ratio < 5.0


def test_riskier_traffic_is_no_scrubbing() -> None:
    events = made(2, risky=0.25)
    rates = dict(events.group_by("partner_id").agg(pl.col("reversed").mean()).iter_rows())
    assert rates["p1"] > 1.5 * rates["p2"]
    assert not any(one.stands_out for one in partners(events))


def test_honest_partners_are_hardly_ever_named() -> None:
    named = sum(any(one.stands_out for one in partners(made(seed))) for seed in range(100, 200))
    assert named <= 4


def test_few_events_say_nothing() -> None:
    assert partners(made(3, rows=EVENTS_MIN)) == []
    assert partners(made(3, rows=0)) == []


def test_a_partner_alone_in_its_kind_has_nobody_to_be_compared_with() -> None:
    alone = made(4).with_columns(pl.lit("one").alias("partner_id"))
    assert partners(alone) == []


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_without_differences_nothing_is_divided_by_zero(share: float) -> None:
    events = made(5).with_columns(pl.lit(bool(share)).alias("reversed"))
    assert all(one.p == 1.0 for one in partners(events))
