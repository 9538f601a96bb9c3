"""What is ordered is foreseen: budgets go where there is room, at one price, and what was kept in mind survives."""

import json
from random import Random

import pytest

from serving.policy import HOUR, load_policy
from serving.pricing.desk import Asked, Budget, Desk
from serving.pricing.guardrails import Reading
from serving.pricing.outlook import RATIO_MAX, VISITS, Known, Outlook
from serving.pricing.pacing import LANDING, Traffic

POLICY = load_policy()
TRAFFIC = Traffic([1.0] * 24, 1.0, 0)
NOW = 500_000 * HOUR
DAY = 24 * HOUR
VALUE = 1_000_000
LONG = Reading("long", "survey", "new", VALUE, "CNY", 1.0, 1.0, 0)
BRIEF = LONG._replace(campaign_id="brief")
VISITS_A_DAY = 2_400


def chances_of(reading: Reading) -> list[float]:
    return [micros / (micros + 200_000) for micros in POLICY.reward.ladder_micros]


def watched(*readings: Reading, hours: int = 2) -> Outlook:
    """An outlook that has seen visitors for some hours, until NOW."""
    outlook = Outlook(POLICY)
    for hour in range(hours, -1, -1):
        outlook.look(NOW - hour * HOUR, {}, chances_of, 0.0, TRAFFIC)
        for _ in range(VISITS_A_DAY // 24 if hour else 0):
            outlook.saw(readings)
    return outlook


def known(completions: float, starts: int, ends: int, kind: str = "survey") -> Known:
    return Known(completions * VALUE, NOW + starts * DAY, NOW + ends * DAY, "CNY", kind)


def even(days: float) -> float:
    return TRAFFIC.between(NOW, NOW + int(days * DAY) - LANDING)


def ahead(outlook: Outlook, name: str, days: int) -> float:
    found = outlook.ahead(name, NOW, NOW + days * DAY, TRAFFIC)
    assert found is not None
    return found


def test_alone_a_budget_is_spread_evenly_and_scarcity_has_its_price() -> None:
    outlook = watched(LONG)
    scarce = outlook.look(NOW, {"long": known(500, 0, 4)}, chances_of, 0.0, TRAFFIC)
    assert ahead(outlook, "long", 4) == pytest.approx(even(4))
    ample = watched(LONG).look(NOW, {"long": known(50_000, 0, 4)}, chances_of, 0.0, TRAFFIC)
    assert scarce["long"] > 0.5 > ample["long"] == 0


def test_a_campaign_that_was_ordered_is_made_room_for_before_it_begins() -> None:
    """While it runs it takes half of the visits, so the long one pays more before, to be spent on what is left."""
    budgets = {"long": known(1500, 0, 4), "brief": known(1200, 2, 4)}
    outlook = watched(LONG)
    alone = outlook.look(NOW, {"long": budgets["long"]}, chances_of, 0.0, TRAFFIC)["long"]
    outlook = watched(LONG)
    steady = outlook.look(NOW, budgets, chances_of, 0.0, TRAFFIC)
    assert list(steady) == ["long"], "what has not begun has no pressure yet"
    assert 0 < steady["long"] < alone
    assert even(2) < ahead(outlook, "long", 4) < 0.8 * even(4)


def test_a_campaign_that_ends_leaves_room_behind() -> None:
    outlook = watched(LONG, BRIEF)
    steady = outlook.look(NOW, {"long": known(1500, 0, 4), "brief": known(900, 0, 1)}, chances_of, 0.0, TRAFFIC)
    assert set(steady) == {"long", "brief"}
    assert even(4) < ahead(outlook, "long", 4) <= RATIO_MAX * even(4)
    assert ahead(outlook, "brief", 1) == pytest.approx(even(1))


@pytest.mark.parametrize("kind", ["", "unheard of"])
def test_of_a_campaign_whose_tasks_are_not_known_nothing_is_foreseen(kind: str) -> None:
    outlook = watched(LONG)
    outlook.look(NOW, {"long": known(1500, 0, 4), "brief": known(1200, 2, 4, kind)}, chances_of, 0.0, TRAFFIC)
    assert ahead(outlook, "long", 4) == pytest.approx(even(4))


def test_without_visits_budgets_or_curves_nothing_is_foreseen() -> None:
    budgets = {"long": known(1500, 0, 4), "spent": known(0, 0, 4)}
    assert Outlook(POLICY).look(NOW, budgets, chances_of, 0.0, TRAFFIC) == {}
    assert watched(LONG).look(NOW, {}, chances_of, 0.0, TRAFFIC) == {}
    assert watched(LONG).ahead("long", NOW, NOW + DAY, TRAFFIC) is None
    blind = watched(LONG)
    assert blind.look(NOW, budgets, lambda _: None, 0.0, TRAFFIC) == {"long": 0.0}
    assert ahead(blind, "long", 4) == pytest.approx(even(4))


def test_it_is_looked_at_once_an_hour_and_when_a_campaign_begins() -> None:
    outlook, budgets = watched(LONG, BRIEF), {"long": known(1500, 0, 4)}
    assert outlook.look(NOW, budgets, chances_of, 0.0, TRAFFIC)
    assert not outlook.look(NOW + HOUR // 6, budgets, chances_of, 0.0, TRAFFIC)
    assert outlook.look(NOW + HOUR // 3, budgets | {"brief": known(90, 0, 1)}, chances_of, 0.0, TRAFFIC)
    assert outlook.look(NOW + HOUR, budgets | {"brief": known(90, 0, 1)}, chances_of, 0.0, TRAFFIC)


def test_many_campaigns_and_candidates_are_foreseen_within_bounds() -> None:
    many = [LONG._replace(campaign_id=f"c{at}") for at in range(60)]
    budgets = {one.campaign_id: known(100, at % 7 - 3, at % 7 + 2) for at, one in enumerate(many)}
    outlook = watched(*many)
    steady = outlook.look(NOW, budgets, chances_of, 0.0, TRAFFIC)
    assert all(0 <= pressure <= 4 for pressure in steady.values())
    kept = outlook.dump()
    assert len(kept["visits"]) == VISITS
    assert all(1 / RATIO_MAX <= ratio <= RATIO_MAX for told in kept["stretches"].values() for _, _, ratio in told)


def test_what_was_kept_in_mind_is_put_back() -> None:
    outlook, budgets = watched(LONG, BRIEF), {"long": known(1500, 0, 4), "brief": known(900, 1, 2)}
    outlook.look(NOW, budgets, chances_of, 0.0, TRAFFIC)
    again = Outlook(POLICY)
    again.restore(json.loads(json.dumps(outlook.dump())))
    assert again.dump() == outlook.dump()
    later = [one.look(NOW + HOUR, budgets, chances_of, 0.0, TRAFFIC) for one in (outlook, again)]
    assert later[0] == later[1] != {}


def test_the_desk_begins_a_campaign_at_the_pressure_that_is_foreseen() -> None:
    """So that a small budget is not spent in its first hour, before there was anything to judge by."""
    desk, dice = Desk(POLICY), Random(1)  # noqa: S311  # prices are drawn, no secrets
    asked = [Asked(*one, remaining_micros=10**9) for one in (LONG, BRIEF)]
    budgets = {"long": Budget(10**10, NOW - DAY, NOW + 9 * DAY, "CNY", "survey")}
    for hour in range(6):
        desk.tick(NOW + hour * HOUR, budgets)
        for _ in range(50):
            desk.quotes(asked, NOW + hour * HOUR, dice, most=1)
    budgets["brief"] = Budget(10 * VALUE, NOW + 6 * HOUR, NOW + 3 * DAY, "CNY", "survey")
    desk.tick(NOW + 6 * HOUR, budgets)
    assert desk.pacers["brief"].judgements == 0
    assert desk.pacers["brief"].pressure > 0.1
