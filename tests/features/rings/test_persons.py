"""A small platform by hand: a ring of four, a family that shares a home, and a phone that was sold."""

import numpy as np
import polars as pl
import pytest

from features.rings.acts import acts_of
from features.rings.edges import edges_of
from features.rings.engines import engine_of
from features.rings.persons import Night, person_features
from features.rings.ties import MICROS_PER_DAY, Tie

DAY = MICROS_PER_DAY
AS_OF = 100 * DAY
RING, FAMILY, TRADERS = ("r1", "r2", "r3", "r4"), ("f1", "f2"), ("t1", "t2")
Row = tuple[str, int, str, int, int]

ROWS: list[Row] = [
    *((who, Tie.DESTINATION, "purse", 95, 99) for who in RING),
    *((who, Tie.DEVICE, f"install:{who}", 95, 99) for who in RING),
    *((who, Tie.REFERRAL, "r1", 95, 95) for who in RING[1:]),
    *((who, Tie.NETWORK, "home/24", 30, 99) for who in FAMILY),
    *((who, Tie.DEVICE, f"install:{who}", 30, 99) for who in FAMILY),
    ("t1", Tie.DEVICE, "gaid:phone", 30, 60),
    ("t2", Tie.DEVICE, "gaid:phone", 61, 99),
    *((f"h{at:02d}", Tie.NETWORK, "carrier/24", 50, 99) for at in range(64)),
    ("f1", Tie.NETWORK, "carrier/24", 50, 99),
]


def features(bad: dict[str, float], rows: list[Row] = ROWS) -> pl.DataFrame:
    columns = ("user_id", "tie", "key", "first_seen", "last_seen", "first_sequence", "count")
    flat = [
        (who, int(tie), key, first * DAY, last * DAY, at, 1) for at, (who, tie, key, first, last) in enumerate(rows)
    ]
    ties = pl.DataFrame(flat, schema=columns, orient="row").with_columns(pl.col("tie").cast(pl.Int8))
    done = [(who, act, 99 * 96) for who in RING for act in ("sign_up:", "withdrawal_requested:", "click:a", "click:b")]
    acts = pl.DataFrame(done, schema={"user_id": pl.String, "act": pl.String, "bucket": pl.Int64}, orient="row")
    edges = edges_of(ties, AS_OF, acts["user_id"])
    verdicts = np.array([bad.get(person, np.nan) for person in edges.person_ids])
    with engine_of("local") as engine:
        return person_features(Night(edges, acts_of(acts, edges.person_ids), verdicts, AS_OF), engine)


@pytest.fixture(scope="module")
def found() -> dict[str, dict[str, float]]:
    """The features of each person by their names; one of the ring is known to be bad, one of the family to be good."""
    rows = features({"r1": 1.0, "f1": 0.0}).to_dicts()
    return {str(row["user_id"]): {name.removeprefix("rings__"): value for name, value in row.items()} for row in rows}


def test_those_who_share_a_purse_are_a_component(found: dict[str, dict[str, float]]) -> None:
    ring = found["r2"]
    assert (ring["component_persons"], ring["component_devices"]) == (4, 4)
    assert (ring["component_growth"], ring["component_age"]) == (1, 5)
    assert ring["destination_accounts"] == pytest.approx(3 / np.log(5))
    assert (ring["tied_persons"], ring["clustering"], ring["community_persons"]) == (3, 1, 4)
    assert ring["core"] == 1


def test_a_family_and_a_sold_phone_are_not(found: dict[str, dict[str, float]]) -> None:
    for who in FAMILY + TRADERS:
        assert found[who]["component_persons"] == 1
        assert found[who]["component_growth"] == 0
    assert found["f2"]["network_accounts"] == pytest.approx(1 / np.log(3))
    assert found["t1"]["device_accounts"] == pytest.approx(1 / np.log(3))


def test_a_browser_joins_only_those_who_have_no_phone() -> None:
    cafe: list[Row] = [(who, Tie.DEVICE, "web:cafe", 90, 99) for who in ("c1", "c2", "n1", "n2")]
    phones: list[Row] = [(who, Tie.DEVICE, f"gaid:{who}", 90, 99) for who in ("c1", "c2")]
    found = features({}, cafe + phones).select("user_id", "rings__component_persons").rows()
    assert {"c1": 1, "c2": 1, "n1": 2, "n2": 2}.items() <= dict(found).items()


def test_a_carrier_is_a_hub_and_nothing_else(found: dict[str, dict[str, float]]) -> None:
    assert (found["h00"]["hub_keys"], found["h00"]["network_accounts"]) == (1, 0)
    assert found["h00"]["bad_walks"] == 0


def test_the_known_bad_one_is_seen_by_the_others_only(found: dict[str, dict[str, float]]) -> None:
    assert found["r2"]["component_bad"] == pytest.approx((1 + 1 / 2) / 2)
    assert found["r2"]["two_hop_bad"] > found["f2"]["two_hop_bad"]
    assert found["r1"]["component_bad"] == 0
    assert found["r2"]["bad_walks"] > 1 > found["f2"]["bad_walks"]
    assert found["f2"]["place_bad"] < found["t1"]["place_bad"]


def test_acting_in_step_shows(found: dict[str, dict[str, float]]) -> None:
    ring, family = found["r3"], found["f1"]
    assert (ring["overlap"], ring["synchronised_persons"]) == (1, 3)
    assert (ring["sign_up_burst"], ring["withdrawal_burst"]) == (4, 4)
    assert (family["overlap"], family["sign_up_burst"]) == (0, 0)
    assert (ring["referral_depth"], found["r1"]["referred_persons"]) == (1, 3)


def test_the_order_of_ties_of_one_moment_changes_nothing() -> None:
    one, two = features({"r1": 1.0}), features({"r1": 1.0}, ROWS[::-1])
    assert one["user_id"].equals(two["user_id"])
    for name in one.columns[1:]:
        assert one[name].to_numpy() == pytest.approx(two[name].to_numpy(), nan_ok=True), name
