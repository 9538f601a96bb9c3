"""A desk that knows nothing yet pays the static price, and leaves it by steps, each on outcomes of the one before."""

from collections import Counter
from random import Random

import pytest

from serving.policy import HOUR, load_policy
from serving.pricing.desk import Asked, Desk, Outcome, Quote
from serving.pricing.exploration import LOCAL, STATIC
from serving.pricing.ladder import price
from serving.pricing.menus import KNOWN

POLICY = load_policy()
LADDER = POLICY.reward.ladder_micros
NOW = 500_000 * HOUR
DAY = 24 * HOUR
LATE = (POLICY.reward.complete_hours + POLICY.reward.late_hours) * HOUR
"""When an outcome is known in a home: four days after its offer."""


def asked(kind: str, value: int) -> Asked:
    return Asked(kind, kind, "new", value, "CNY", 0.95, 0.9, 0, 2**62)


ASKED = [asked("video", 350_000), asked("survey", 2_400_000), asked("game", 6_000_000)]


def static_place(one: Asked) -> int:
    found = price(one.value_micros, POLICY, one.floor_micros, one.quality_low)
    assert found is not None
    return LADDER.index(found.reward_micros)


def days(desk: Desk, count: int, an_hour: int, effort: float, delay: int = LATE) -> list[Counter[tuple[str, int]]]:
    """By day, how often each kind was offered usually or for trial at each level; people answer r / (r + effort)."""
    dice, found = Random(3), []  # noqa: S311  # prices are drawn, no secrets
    for day in range(count):
        found.append(Counter[tuple[str, int]]())
        for hour in range(24):
            now = NOW + day * DAY + hour * HOUR
            desk.tick(now, {})
            for _ in range(an_hour):
                for at, quote in desk.quotes(ASKED, now, dice).offers:
                    found[-1][ASKED[at].kind, LADDER.index(quote.reward_micros)] += 1
                    desk.learn(answered(ASKED[at], quote, effort, now + delay, dice), now)
    return found


def answered(one: Asked, quote: Quote, effort: float, known_at: int, dice: Random) -> Outcome:
    pay = quote.reward_micros / one.value_micros
    completed = dice.random() < pay / (pay + effort)
    wanted = (one.campaign_id, one.kind, one.segment, one.currency, quote.reward_micros, one.value_micros, one.quality)
    return Outcome(*wanted, completed, known_at, quote.chance)


def test_a_fresh_desk_offers_the_static_price_and_tries_out_those_beside_it() -> None:
    desk = Desk(POLICY)
    first = days(desk, 4, an_hour=6, effort=0.3)
    for day in first:
        for one in ASKED:
            offers = {level: count for (kind, level), count in day.items() if kind == one.kind}
            assert offers[static_place(one)] >= 0.85 * sum(offers.values())
    tried = sum(first, Counter())
    for one in ASKED:
        beside = {static_place(one) - 1, static_place(one) + 1}
        assert beside & {level for kind, level in tried if kind == one.kind}


@pytest.mark.parametrize("outcomes", [0, KNOWN // 4])
def test_few_outcomes_move_no_price_whatever_they_say(outcomes: int) -> None:
    desk, completed = Desk(POLICY), True
    for _ in range(outcomes):
        desk.learn(Outcome("video", "video", "new", "CNY", LADDER[0], 350_000, 0.95, completed, NOW, 0.5), NOW)
    desk.tick(NOW + HOUR, {})
    for one in ASKED:
        ((_, quote),) = desk.quotes([one], NOW + HOUR, Random(1)).offers  # noqa: S311
        assert quote.stratum == LOCAL != STATIC
        assert quote.reward_micros == LADDER[static_place(one)]


def test_a_price_moves_by_steps_each_on_outcomes_of_the_one_before() -> None:
    """Where little pay does nearly as well as much, prices fall; how late outcomes are known sets the pace."""
    found = days(Desk(POLICY), 10, an_hour=6, effort=0.01)
    for one in ASKED:
        usual = [max((day[one.kind, level], level) for level in range(len(LADDER)))[1] for day in found]
        below = [static_place(one) - level for level in usual]
        assert below[:4] == [0] * 4
        assert below == sorted(below)
        assert (below[7], below[9]) == (1, 2), "a step for each four days of outcomes"
