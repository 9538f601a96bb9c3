from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, update

from serving.payouts import saga
from serving.payouts.identity import persons, states
from serving.payouts.identity.gate import WAITS_FOR, Besides, Permit, Reason, Required, Waits, decided, may_pay
from serving.payouts.identity.paid import ACCOUNTS_MAX, usage_of
from serving.payouts.identity.persons import Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.identity.states import Identity, State
from serving.payouts.identity.triggers import DAY, Paid, Room
from serving.payouts.screening import hits
from serving.payouts.screening.births import Births
from serving.payouts.screening.hits import HitState, Standing
from serving.payouts.screening.index import Match
from serving.payouts.screening.lists import Entry
from serving.policy import load_policy

POLICY = load_policy()
AMOUNTS = POLICY.identity.amounts["CNY"]
ROLLING, WINDOW = AMOUNTS.rolling_micros, POLICY.identity.window_days
NOW = 1_000 * DAY
ALONE = Besides()
ANN = Person(("Ann Lee",), "1990-01-31")


def asked(connection: Connection, amount: int, now: int = NOW, besides: Besides = ALONE) -> Permit | Required:
    return may_pay(connection, "ann", amount, "CNY", now, POLICY, besides)


def verify(connection: Connection, seal: Seal, until: int = NOW + 100 * DAY) -> persons.Known:
    pending = states.move(connection, states.get(connection, "ann"), State.PENDING, "check_began", NOW)
    states.move(connection, pending, State.VERIFIED, "check_proven", NOW, verified_until=until)
    persons.record(connection, "ann", ANN, seal, NOW)
    known = persons.find(connection, "ann")
    assert known is not None
    return known


def search(connection: Connection, known: persons.Known, seal: Seal, *found: Entry, lists: str = "lists") -> None:
    hits.announce(connection, lists, NOW)
    hits.record(connection, known, lists, [Match(entry, "x", 0.9, Births.MISSING) for entry in found], seal, NOW)


def test_up_to_the_amount_nobody_is_asked_who_they_are(engine: Engine) -> None:
    with engine.begin() as connection:
        assert asked(connection, ROLLING) == Permit(0)
        assert asked(connection, ROLLING + 1) == Required(Reason.IDENTITY_NEEDED, ROLLING)


def test_asking_for_too_much_is_noted_once_and_takes_nothing_away(engine: Engine) -> None:
    with engine.begin() as connection:
        for _ in range(3):
            assert isinstance(asked(connection, ROLLING + 1), Required)
        assert [row.state_after for row in states.moves_of(connection, "ann")] == [State.REQUIRED]
        assert asked(connection, ROLLING) == Permit(0)


@pytest.mark.parametrize(("later", "counts"), [(-1, True), (0, False), (1, False)])
def test_a_payout_leaves_the_window_at_its_instant(engine: Engine, pay: Any, later: int, counts: bool) -> None:
    with engine.begin() as connection:
        pay(connection, "w", "ann", ROLLING, NOW - WINDOW * DAY - later)
        assert isinstance(asked(connection, 1), Required) == counts


@pytest.mark.parametrize("state", [saga.State.REFUSED, saga.State.RETURNED])
def test_what_was_not_paid_or_came_back_does_not_count(engine: Engine, pay: Any, state: saga.State) -> None:
    with engine.begin() as connection:
        pay(connection, "w", "ann", ROLLING, NOW)
        connection.execute(update(saga.PAYOUT).values(state=state))
        assert usage_of(connection, {"ann"}, NOW, WINDOW) == {}


def test_all_accounts_of_a_person_count_together_and_the_payout_itself_does_not(engine: Engine, pay: Any) -> None:
    with engine.begin() as connection:
        pay(connection, "w1", "ann", 3_000_000, NOW - 2 * WINDOW * DAY)
        pay(connection, "w2", "bob", 2_000_000, NOW)
        pay(connection, "w3", "cyd", 1_000_000, NOW, "USD")
        pay(connection, "w4", "ann", 7_000_000, NOW)
        usage = usage_of(connection, {"ann", "bob", "cyd"}, NOW, WINDOW, besides="w4")
        assert usage == {"CNY": Paid(2_000_000, 5_000_000), "USD": Paid(1_000_000, 1_000_000)}
        others = Besides(frozenset({"bob"}), "w4")
        assert asked(connection, ROLLING - 2_000_000, besides=others) == Permit(0)
        assert isinstance(asked(connection, ROLLING - 1_999_999, besides=others), Required)


def test_so_many_accounts_are_no_one_persons(engine: Engine) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="a person should look"):
        usage_of(connection, {str(place) for place in range(ACCOUNTS_MAX + 1)}, NOW, WINDOW)


@pytest.mark.parametrize("amount", [0, -1])
def test_nothing_is_no_payout(engine: Engine, amount: int) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="amount_micros: must be above 0"):
        asked(connection, amount)


def test_of_two_payouts_at_once_the_second_sees_the_first(anywhere: Engine, pay: Any) -> None:
    """Neither is above the amount, both together are; nobody was on record before."""
    barrier = Barrier(4)

    def ask(place: int) -> str:
        barrier.wait()
        with anywhere.begin() as connection:
            answer = asked(connection, ROLLING * 2 // 3)
            if isinstance(answer, Permit):
                pay(connection, f"w{place}", "ann", ROLLING * 2 // 3, NOW)
        return type(answer).__name__

    with ThreadPoolExecutor(4) as pool:
        assert Counter(pool.map(ask, range(4))) == {"Permit": 1, "Required": 3}


def test_somebody_known_is_paid_once_searched_until_the_proof_ends(engine: Engine, seal: Seal) -> None:
    with engine.begin() as connection:
        known = verify(connection, seal, until=NOW + DAY)
        assert asked(connection, 10 * ROLLING) == Required(Reason.SCREENING_DUE, 0)
        search(connection, known, seal)
        assert asked(connection, 10 * ROLLING, NOW + DAY - 1) == Permit(None)
        assert asked(connection, 10 * ROLLING, NOW + DAY) == Required(Reason.IDENTITY_EXPIRED, ROLLING)
        assert states.get(connection, "ann").state is State.EXPIRED
        assert asked(connection, ROLLING, NOW + DAY) == Permit(0)


def test_a_possible_hit_waits_for_a_person_whatever_the_amount(engine: Engine, seal: Seal) -> None:
    with engine.begin() as connection:
        search(connection, verify(connection, seal), seal, Entry("1", ("Anne Lee",)))
        answer = asked(connection, 1)
        assert answer == Required(Reason.POSSIBLE_HIT, 0)
        assert answer.waits_for is Waits.REVIEWER
        hit = hits.answer(connection, hits.open_hits(connection)[0], HitState.CLEARED, "rita", "not her", seal, NOW)
        assert asked(connection, 1) == Permit(None)
        hits.answer(connection, hit, HitState.CONFIRMED, "omar", "the same passport", seal, NOW)
        assert asked(connection, 1) == Required(Reason.CONFIRMED_HIT, 0)


def test_a_new_list_holds_everybody_who_is_known_until_they_are_searched(engine: Engine, seal: Seal) -> None:
    with engine.begin() as connection:
        known = verify(connection, seal)
        search(connection, known, seal)
        hits.announce(connection, "newer lists", NOW)
        assert asked(connection, 1) == Required(Reason.SCREENING_DUE, 0)
        search(connection, known, seal, lists="newer lists")
        assert asked(connection, 1) == Permit(None)


def test_where_no_list_is_required_what_was_found_still_counts(engine: Engine, seal: Seal) -> None:
    lax = POLICY.model_copy(update={"screening": POLICY.screening.model_copy(update={"is_required": False})})
    with engine.begin() as connection:
        known = verify(connection, seal)
        assert may_pay(connection, "ann", 1, "CNY", NOW, lax) == Permit(None)
        search(connection, known, seal, Entry("1", ("Anne Lee",)))
        assert may_pay(connection, "ann", 1, "CNY", NOW, lax) == Required(Reason.POSSIBLE_HIT, 0)


def test_what_a_person_demands_is_needed_for_the_smallest_amount(engine: Engine) -> None:
    with engine.begin() as connection:
        states.demand(connection, "ann", "odd_payouts", "rita", NOW)
        assert asked(connection, 1) == Required(Reason.IDENTITY_NEEDED, 0)


IDENTITIES = st.builds(
    Identity,
    user_id=st.just("ann"),
    state=st.sampled_from(State),
    version=st.just(1),
    check_count=st.integers(0, 5),
    is_demanded=st.booleans(),
    verified_until=st.sampled_from([None, NOW - 1, NOW, NOW + 1]),
    updated_at=st.just(0),
)


@settings(max_examples=40, deadline=None)
@given(IDENTITIES, st.sampled_from(Standing), st.integers(0, 100), st.integers(1, 200))
def test_nobody_is_paid_who_is_neither_known_nor_below_the_amount(
    identity: Identity, standing: Standing, left: int, amount: int
) -> None:
    answer = decided(identity, standing, Room(left, 100), amount, NOW, POLICY)
    is_known = identity.state is State.VERIFIED and (identity.verified_until or 0) > NOW
    is_small = amount <= left and not identity.is_demanded
    assert isinstance(answer, Permit) == (standing is Standing.CLEAR and (is_known or is_small))
    if isinstance(answer, Required):
        assert answer.waits_for is WAITS_FOR[answer.reason]


def test_after_the_last_check_a_reviewer_is_waited_for() -> None:
    spent = POLICY.identity.checks_max
    failed = Identity("ann", State.FAILED, 9, spent, is_demanded=False, verified_until=None, updated_at=0)
    answers = [
        decided(one, Standing.CLEAR, Room(0, 1), 1, NOW, POLICY)
        for one in (failed, replace(failed, check_count=spent - 1))
    ]
    assert answers == [Required(Reason.CHECKS_SPENT, 0), Required(Reason.IDENTITY_FAILED, 0)]
