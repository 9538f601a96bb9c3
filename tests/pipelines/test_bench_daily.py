"""Ten accounts of one person against the daily curve, links found by the graph; honest people in a small world."""

import pytest

from pipelines.bench.daily import GAIN_MAX, Outcome, measured, rows
from pipelines.bench.daily_honest import GROUPS, Honest, world
from serving.policy import load_policy
from training.splitting import FAMILIES, WAYS, Way, acts

POLICY = load_policy()
BY_NAME = {way.name: way for way in (*WAYS, *FAMILIES)}


@pytest.mark.parametrize(
    "name",
    [
        "ten phones, ten purses, one identity from the start",
        "ten phones, ten purses, one identity shown at the first payout, day 3",
        "one phone in turns, one purse, paid every 3 days",
    ],
)
def test_what_shows_only_one_person_gains_nothing_by_ten_accounts(name: str) -> None:
    outcome = measured(BY_NAME[name], units_a_day=500, policy=POLICY, days=4)
    assert abs(outcome.received_gain) < 1e-9 <= GAIN_MAX


@pytest.mark.parametrize(
    "name",
    [
        "three at home, a phone each, one purse",
        "three at home, one phone in turns, a purse each",
        "three at home, one phone, one purse, all verified",
    ],
)
def test_a_family_is_paid_as_the_people_that_it_is(name: str) -> None:
    outcome = measured(BY_NAME[name], units_a_day=500, policy=POLICY, days=4)
    assert outcome.locked_gain == outcome.received_gain == 0


def test_who_shows_ten_people_is_paid_as_ten_and_that_is_said() -> None:
    way = BY_NAME["ten phones, ten purses, ten bought identities"]
    outcome = measured(way, units_a_day=500, policy=POLICY, days=4)
    assert outcome.received_gain == outcome.locked_gain > 1
    (line,), _ = rows([outcome], {})
    assert line.target is None
    assert "nothing tells" in line.name


@pytest.mark.parametrize("way", BY_NAME.values(), ids=lambda way: way.name)
def test_every_way_does_the_same_work(way: Way) -> None:
    made = list(acts(way, daily_micros=1_000_003))
    by_day: dict[int, int] = {}
    for act in made:
        by_day[act.day] = by_day.get(act.day, 0) + act.reward_micros
    assert set(by_day.values()) == {1_000_003}
    assert [act.body["occurred_at"] for act in made] == sorted(act.body["occurred_at"] for act in made)
    assert len({act.body["event_id"] for act in made}) == len(made)
    assert len({act.user_id for act in made}) == way.accounts


def test_honest_people_of_a_small_world_lose_nothing_to_links() -> None:
    found = world(POLICY.daily, 400, 8, seed=5)
    assert sum(one.people for one in found.values()) > 200
    assert all(found[group].people for group in ("household", "dormitory", "cafe_visitor"))
    assert {one.steep_lost_micros for one in found.values()} == {0}


def test_a_loss_or_a_gain_shows_as_missed() -> None:
    split = Outcome("a way", people=1, is_told=True, units_a_day=100, locked_gain=0.5, received_gain=0.02)
    honest = dict.fromkeys(GROUPS, Honest(1, 1, 1, 0, steep_lost_micros=3))
    lines, figures = rows([split], honest)
    assert {line.passed for line in lines} == {False}
    assert figures["gain_max"] == 0.02
    assert figures["honest_steep_lost_micros"] == 3 * len(GROUPS)
