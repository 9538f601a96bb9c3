"""Accounts of an attacker on a simulated platform: what they share, what is theirs, and how they change."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pytest

from training.simulator.cast import ACCOUNTS_MAX, Cast, Change, Person, draw_cast
from training.simulator.sessions import Day, day_of
from training.simulator.simulate import Platform, Scenario, found

START = date(2026, 1, 5)
TODAY = day_of(START, 3)
RICH = 50_000_000


@pytest.fixture(scope="module")
def platform() -> Platform:
    known = found(Scenario(users=150, days=10, seed=2, start=START))
    for number in range(3):
        known.live(day_of(START, number))
    return known


def cast_of(platform: Platform, persons: Sequence[Person], number: int = 0) -> Cast:
    return draw_cast(np.random.default_rng(6), number, persons, platform, 0, 10)


def rows(cast: Cast, day: Day = TODAY) -> list[dict[str, object]]:
    everybody = np.ones(len(cast.persons), np.bool_)
    return [row for _ in range(5) for row in cast.live(day, everybody, np.full(len(cast.persons), RICH)).to_pylist()]


def test_equal_numbers_are_one_phone_one_home_one_destination(platform: Platform) -> None:
    shared = cast_of(platform, [Person(joins=0, phone=4, home=4, destination=4, identity=4)] * 6)
    alone = cast_of(platform, [Person(joins=0)] * 6)
    assert len(set(shared.fleet.handset[:6].tolist())) == 1
    assert len(set(alone.fleet.handset[:6].tolist())) == 6
    for name in ("home", "destination", "identity"):
        assert len(set(getattr(shared.people.ties, name).tolist())) == 1
        assert len(set(getattr(alone.people.ties, name).tolist())) == 6


def test_two_casts_and_the_platform_have_no_id_in_common(platform: Platform) -> None:
    one, two = (cast_of(platform, [Person(joins=0)] * 20, number) for number in (0, 1))
    told = [rows(one), rows(two), platform.live(TODAY).to_pylist()]
    for name in ("event_id", "user_id", "click_id", "partner_transaction_id", "payout_destination"):
        seen = [{row[name] for row in some} - {None} for some in told]
        assert not seen[0] & seen[1]
        assert not seen[0] & seen[2]


def test_accounts_come_in_the_first_six_tenths_and_a_ring_within_a_week(platform: Platform) -> None:
    cast = draw_cast(np.random.default_rng(1), 0, [Person(ring=at % 3) for at in range(30)], platform, 20, 40)
    join = cast.people.span.join
    for ring in range(3):
        assert np.ptp(join[ring::3]) < 7
    assert join.min() >= 20
    assert join.max() < 60


def test_a_change_holds_from_the_next_day_on(platform: Platform) -> None:
    cast = cast_of(platform, [Person(joins=0)] * 2)
    user, none = np.array([0, 1]), np.zeros(2, np.bool_)
    before = cast.fleet.installation(user, TODAY.number, none)
    pace = cast.people.habits.depth.copy()
    cast.change(0, Change(pace=0.5, phone=True, home=True, destination=True, proxied=1.0), TODAY)
    assert (cast.fleet.installation(user, TODAY.number, none) == before).all()
    assert (cast.fleet.installation(user, TODAY.number + 1, none) != before).tolist() == [True, False]
    assert cast.people.habits.depth[0] == pace[0] / 2
    assert cast.people.ties.home[0] not in (0, 1, cast.people.ties.home[1])
    assert cast.people.ties.destination.tolist()[1] == 1


def test_a_proxied_account_comes_from_homes_of_honest_people(platform: Platform) -> None:
    hosts, days = np.arange(platform.people.count), TODAY.number
    homes = set(platform.networks.homes(platform.people.ties.home, hosts, days).tolist())
    cast = cast_of(platform, [Person(joins=0, proxied=1.0)])
    sessions = [cast._sessions(TODAY) for _ in range(20)]
    assert {int(code) for some in sessions for code in some["address"]} <= homes


def test_a_visit_is_one_session_in_order_and_only_a_withdrawal_names_a_destination(platform: Platform) -> None:
    cast = cast_of(platform, [Person(joins=0)])
    seen = cast.visit(TODAY, 0, ["login", "check_in", "withdrawal_requested"], TODAY.begins, 20.0).to_pylist()
    assert [row["kind"] for row in seen] == ["login", "check_in", "withdrawal_requested"]
    assert [row["payout_destination"] is None for row in seen] == [True, True, False]
    assert len({row["ip_key"] for row in seen} - {None}) <= 1


@pytest.mark.parametrize("count", [0, ACCOUNTS_MAX + 1])
def test_too_few_or_too_many_accounts_are_refused(platform: Platform, count: int) -> None:
    with pytest.raises(ValueError, match=f"1 to {ACCOUNTS_MAX} people, not {count}"):
        cast_of(platform, [Person()] * count)


def test_phones_of_a_family_that_does_not_exist_are_refused(platform: Platform) -> None:
    with pytest.raises(ValueError, match="phones must name a family of the simulator"):
        cast_of(platform, [Person(phones="toaster")])
