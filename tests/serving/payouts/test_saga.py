import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from serving.decision import Action
from serving.ledger.holds import Hold, hold_each
from serving.ledger.refusals import AlreadyResolved, Conflicting, InsufficientFunds, Missing
from serving.ledger.transfer import Account, AccountKind
from serving.payouts import claims, moves, phases, saga
from serving.payouts.fake import Fault
from serving.payouts.provider import Accepted, Refused, Returned, Settled, Unknown
from serving.payouts.saga import MOVES, RULINGS, PayoutOrder, State

EARNED, ASKED = 9_000_000, 5_000_000
DAY = 24 * 3_600 * 1_000_000
NOW = 1_000 * DAY
DESCRIPTORS = Path("/proc/self/fd")


@pytest.mark.parametrize(
    ("action", "state", "books"),
    [
        (Action.CHALLENGE, State.CHALLENGED, "held"),
        (Action.REVIEW, State.REVIEWED, "held"),
        (Action.HOLD, State.REVIEWED, "held"),
        (Action.DECLINE, State.REFUSED, "untouched"),
    ],
)
def test_only_a_decline_gives_the_money_back_and_nothing_unapproved_is_paid(
    town: Any, action: Action, state: State, books: str
) -> None:
    provider = town.provider()
    town.withdraw(action=action)
    assert town.run(provider, NOW + DAY) == {}
    assert (town.state(), town.books(), provider.payments()) == (state, books, [])


def test_a_reviewer_may_approve_or_decline_what_waits(town: Any) -> None:
    town.withdraw("a", Action.REVIEW, amount=1_000_000)
    town.withdraw("b", Action.CHALLENGE, amount=2_000_000)
    with town.engine.begin() as connection:
        saga.decide(connection, "a", Action.APPROVE, "person", NOW)
        saga.decide(connection, "b", Action.DECLINE, "person", NOW)
        saga.decide(connection, "b", Action.DECLINE, "person", NOW)
    assert town.run(town.provider()) == {State.SETTLED: 1}
    assert town.amounts() == (EARNED - 1_000_000, 0, 0, 1_000_000)


def test_only_payable_units_are_held_and_the_rest_stays_in_the_wallet(town: Any) -> None:
    town.withdraw(amount=ASKED + 9_999)
    assert town.books() == "held"


def test_an_accepted_payout_waits_in_clearing_until_it_settles(town: Any) -> None:
    provider = town.provider(Fault.SETTLE_LATER)
    town.withdraw()
    assert town.run(provider) == {State.SUBMITTED: 1}
    assert town.books() == "clearing"
    assert town.learn(Unknown("a lookup timed out")) is State.SUBMITTED
    provider.settle(town.key())
    assert town.run(provider, NOW + DAY) == {State.SETTLED: 1}
    assert town.books() == "paid"


def test_an_accepted_payout_that_fails_comes_back_to_the_wallet(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.SETTLE_LATER))
    assert town.learn(Refused("account closed")) is State.RETURNED
    assert town.books() == "untouched"


def test_a_settled_payout_may_be_returned_once(town: Any) -> None:
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.send_back(town.key())
    answer = provider.lookup(town.key())
    assert [town.learn(answer), town.learn(answer)] == [State.RETURNED, State.RETURNED]
    assert (town.books(), provider.paid()) == ("untouched", [])


def test_an_unknown_payout_may_turn_out_to_have_been_returned(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_ANSWER))
    assert town.learn(Returned("r")) is State.RETURNED
    assert town.books() == "untouched"


def test_late_and_repeated_answers_change_nothing(town: Any) -> None:
    town.withdraw()
    town.run(town.provider())
    for answer in (Settled("r"), Accepted("r"), Unknown("r")):
        assert town.learn(answer) is State.SETTLED
    assert town.books() == "paid"


def test_failed_after_paid_is_refused_and_the_book_stays(town: Any) -> None:
    town.withdraw()
    town.run(town.provider())
    with pytest.raises(moves.IllegalMove):
        town.learn(Refused("late"))
    assert (town.state(), town.books()) == (State.SETTLED, "paid")


def test_paid_after_failed_is_refused_and_the_book_stays(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.REFUSE))
    with pytest.raises(moves.IllegalMove):
        town.learn(Settled("late"))
    assert (town.state(), town.books()) == (State.REFUSED, "untouched")


def test_an_answer_for_an_unknown_key_is_refused(town: Any) -> None:
    with town.engine.begin() as connection, pytest.raises(Missing):
        phases.learn(connection, "no such key", Settled("r"), NOW)


def test_a_move_by_a_writer_that_read_too_early_is_refused(town: Any) -> None:
    town.withdraw(action=Action.REVIEW)
    with town.engine.begin() as connection:
        stale = saga.get(connection, "w")
        saga.decide(connection, "w", Action.CHALLENGE, "person", NOW)
        with pytest.raises(moves.Overtaken):
            saga.move(connection, stale, State.SUBMITTED, NOW)


def test_a_claim_outdates_what_was_read_before_it_though_the_state_is_the_same(town: Any) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        stale = saga.get(connection, "w")
        claims.claim(connection, "w", "fake", NOW)
        assert saga.get(connection, "w").state is stale.state
        with pytest.raises(moves.Overtaken):
            saga.move(connection, stale, State.UNKNOWN, NOW)


def test_a_group_of_any_ids_moves_as_one_and_not_at_all_if_one_was_moved_meanwhile(
    town: Any,
) -> None:
    ids = {'a"', "b\\", "c,[d]", "7", "{e}", "\u00fc\U0001f600"}
    for id_ in sorted(ids):
        town.withdraw(id_, Action.REVIEW, amount=1_000_000)
    with town.engine.begin() as connection:
        stale = list(saga.get_each(connection, ids).values())
        moved = saga.move_each(connection, stale, State.CHALLENGED, NOW)
        assert moved == saga.get_each(connection, ids)
        saga.decide(connection, "7", Action.APPROVE, "person", NOW)
    with pytest.raises(moves.Overtaken, match="one of 6"), town.engine.begin() as connection:
        saga.move_each(connection, list(moved.values()), State.REVIEWED, NOW)
    assert {town.state(id_) for id_ in ids - {"7"}} == {State.CHALLENGED}


@pytest.mark.skipif(not DESCRIPTORS.exists(), reason="the system does not tell which files a process has open")
def test_a_large_group_moves_without_a_temporary_file(town: Any) -> None:
    ann = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
    numbers = range(2_000)
    with town.engine.begin() as connection:
        hold_each(connection, [Hold(f"{number}/hold", ann, 1, f"{number}") for number in numbers], NOW)
        orders = [PayoutOrder(f"{number}", f"{number}/hold", "ann's bank") for number in numbers]
        started = saga.start_each(connection, orders, NOW)
    with town.engine.begin() as connection:
        saga.move_each(connection, started, State.SCORED, NOW)
        opened = [os.path.realpath(one) for one in DESCRIPTORS.iterdir()]
    assert not [name for name in opened if "etilqs" in name], "SQLite's temporary files have that in their names"


def test_no_move_exists_outside_the_table(town: Any) -> None:
    town.withdraw(action=Action.REVIEW)
    with town.engine.begin() as connection:
        payout = saga.get(connection, "w")
        for before, after in product(State, State):
            if after not in MOVES[before]:
                with pytest.raises(moves.IllegalMove):
                    saga.move(connection, payout._replace(state=before), after, NOW)
        assert saga.get(connection, "w") == payout


def test_every_state_has_its_moves_and_every_action_leads_somewhere_legal() -> None:
    assert set(MOVES) == set(State)
    assert set(RULINGS.values()) <= MOVES[State.SCORED]


def test_a_payout_starts_once_and_needs_an_open_hold(town: Any) -> None:
    town.withdraw(action=Action.DECLINE)
    with town.engine.begin() as connection:
        assert saga.start(connection, PayoutOrder("w", "w/hold", "ann's bank"), NOW).state is State.REFUSED
        with pytest.raises(Conflicting):
            saga.start(connection, PayoutOrder("w", "w/hold", "bob's bank"), NOW)
        with pytest.raises(AlreadyResolved):
            saga.start(connection, PayoutOrder("v", "w/hold", "ann's bank"), NOW)
        with pytest.raises(Missing):
            saga.start(connection, PayoutOrder("u", "no hold", "ann's bank"), NOW)


def test_nobody_withdraws_more_than_is_available(town: Any) -> None:
    town.withdraw()
    with pytest.raises(InsufficientFunds):
        town.withdraw("v")
