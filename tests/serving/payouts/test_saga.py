from collections.abc import Iterator
from pathlib import Path
from threading import Barrier, Thread

import pytest

from serving.database import open_database
from serving.ledger import book, proofs
from serving.ledger.refusals import AlreadyResolved, Conflicting, InsufficientFunds, Missing
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet
from serving.payouts import phases, saga
from serving.payouts.fake import FakeProvider, Fault, PaymentState
from serving.payouts.provider import Accepted, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.runner import advance_payout, advance_payouts
from serving.payouts.saga import MOVES, RULINGS, PayoutOrder, State

EARNED, ASKED = 9_000_000, 5_000_000
MINUTE = phases.PATIENCE_MICROS
DAY = 24 * 60 * MINUTE
NOW = 1_000 * DAY


class Crash(BaseException):
    """The process dies here."""


class Town:
    """One database, one provider, one person with 9 yuan in the wallet."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.engine = open_database(folder / "book.db")
        with self.engine.begin() as connection:
            credit_reward(connection, Reward("e", "ann", EARNED, 2 * EARNED, "CNY", matures_at=0), NOW)

    def provider(self, *faults: Fault) -> FakeProvider:
        return FakeProvider(self.folder / "provider.db", {"ann's bank": faults})

    def withdraw(self, id_: str = "w", action: str = "approve", amount: int = ASKED) -> str:
        with self.engine.begin() as connection:
            held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", amount, "CNY"), NOW)
            saga.start(connection, PayoutOrder(id_, held.id, "ann's bank"), NOW)
            saga.decide(connection, id_, action, f"{id_}/decision", NOW)
        return id_

    def run(self, provider: FakeProvider, now: int = NOW) -> dict[State, int]:
        return dict(advance_payouts(self.engine.begin, provider, now))

    def state(self, id_: str = "w") -> State:
        with self.engine.begin() as connection:
            return saga.get(connection, id_).state

    def books(self) -> tuple[int, int, int, int]:
        """Available, held, clearing, paid; and the book is sound."""
        with self.engine.begin() as connection:
            assert proofs.check(connection) == []
            purse = wallet(connection, "ann", "CNY")
            clearing, paid = (
                book.balance(connection, Account(kind, "fake", "CNY")).posted_micros
                for kind in (AccountKind.CLEARING, AccountKind.PROVIDER_CASH)
            )
        return purse.available_micros, purse.held_micros, clearing, paid

    def key(self) -> str:
        with self.engine.begin() as connection:
            return str(
                connection.scalar(
                    phases.PAYOUT_ATTEMPT.select().with_only_columns(phases.PAYOUT_ATTEMPT.c.provider_key)
                )
            )

    def learn(self, answer: Answer, now: int = NOW + DAY) -> State:
        key = self.key()
        with self.engine.begin() as connection:
            return phases.learn(connection, key, answer, now).state


UNTOUCHED = (EARNED, 0, 0, 0)
HELD = (EARNED - ASKED, ASKED, 0, 0)
CLEARING = (EARNED - ASKED, 0, ASKED, 0)
PAID = (EARNED - ASKED, 0, 0, ASKED)


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    town = Town(tmp_path)
    yield town
    town.engine.dispose()


def test_an_approved_withdrawal_is_paid_once_and_leaves_clearing_empty(town: Town) -> None:
    provider = town.provider()
    town.withdraw()
    assert town.run(provider) == {State.SETTLED: 1}
    assert town.run(provider, NOW + DAY) == {}
    assert [payment.amount_micros for payment in provider.paid()] == [ASKED]
    assert town.books() == PAID


@pytest.mark.parametrize(
    ("action", "state", "books"),
    [
        ("challenge", State.CHALLENGED, HELD),
        ("review", State.REVIEWED, HELD),
        ("hold", State.REVIEWED, HELD),
        ("decline", State.REFUSED, UNTOUCHED),
    ],
)
def test_only_a_decline_gives_the_money_back_and_nothing_unapproved_is_paid(
    town: Town, action: str, state: State, books: tuple[int, ...]
) -> None:
    provider = town.provider()
    town.withdraw(action=action)
    assert town.run(provider, NOW + DAY) == {}
    assert (town.state(), town.books(), provider.payments()) == (state, books, [])


def test_a_reviewer_may_approve_or_decline_what_waits(town: Town) -> None:
    town.withdraw("a", "review", amount=1_000_000)
    town.withdraw("b", "challenge", amount=2_000_000)
    with town.engine.begin() as connection:
        saga.decide(connection, "a", "approve", "person", NOW)
        saga.decide(connection, "b", "decline", "person", NOW)
        saga.decide(connection, "b", "decline", "person", NOW)
    assert town.run(town.provider()) == {State.SETTLED: 1}
    assert town.books() == (EARNED - 1_000_000, 0, 0, 1_000_000)


def test_only_payable_units_are_held_and_the_rest_stays_in_the_wallet(town: Town) -> None:
    town.withdraw(amount=ASKED + 9_999)
    assert town.books() == HELD


@pytest.mark.parametrize("phase", ["claim", "ask", "learn", "applied"])
@pytest.mark.parametrize("fault", [Fault.NONE, Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.SETTLE_LATER])
def test_a_crash_after_any_phase_pays_exactly_once(
    town: Town, monkeypatch: pytest.MonkeyPatch, phase: str, fault: Fault
) -> None:
    town.withdraw()
    with monkeypatch.context() as patch, pytest.raises(Crash):
        _crash_after(patch, phase)
        town.run(town.provider(fault))
    provider = town.provider(fault)
    for minute in range(1, 4):
        town.run(provider, NOW + minute * MINUTE)
        for payment in provider.payments():
            if payment.state is PaymentState.ACCEPTED:
                provider.settle(payment.key)
    assert [payment.amount_micros for payment in provider.payments()] == [ASKED]
    assert (town.state(), town.books()) == (State.SETTLED, PAID)


def _crash_after(patch: pytest.MonkeyPatch, phase: str) -> None:
    """`learn` dies with its transaction open, `applied` just after its commit."""
    from serving.payouts import runner  # noqa: PLC0415  (patched only here)

    if phase == "applied":
        whole = runner.advance_payout
        patch.setattr(runner, "advance_payout", lambda *given: _die(whole(*given)))
    elif phase == "claim":
        patch.setattr(runner, "ask", lambda *_: _die(None))
    else:
        part = getattr(runner, phase)
        patch.setattr(runner, phase, lambda *given: _die(part(*given)))


def _die(_: object) -> None:
    raise Crash


def test_a_refusal_releases_the_hold_and_is_final(town: Town) -> None:
    provider = town.provider(Fault.REFUSE)
    town.withdraw()
    assert town.run(provider) == {State.REFUSED: 1}
    assert town.run(provider, NOW + DAY) == {}
    assert (town.books(), provider.paid()) == (UNTOUCHED, [])


def test_after_a_refusal_a_new_withdrawal_has_a_new_hold_and_a_new_key(town: Town) -> None:
    provider = town.provider(Fault.REFUSE)
    town.withdraw("w")
    town.run(provider)
    town.withdraw("v")
    assert town.run(provider) == {State.SETTLED: 1}
    assert len({payment.key for payment in provider.payments()}) == 2
    assert town.books() == PAID


@pytest.mark.parametrize(("fault", "sendings"), [(Fault.LOSE_ANSWER, 1), (Fault.LOSE_REQUEST, 2)])
def test_unknown_keeps_the_money_held_until_a_lookup_by_the_same_key_tells(
    town: Town, fault: Fault, sendings: int
) -> None:
    provider = town.provider(fault)
    town.withdraw()
    assert town.run(provider) == {State.UNKNOWN: 1}
    assert town.books() == HELD
    assert town.run(provider, NOW + MINUTE - 1) == {}
    assert town.run(provider, NOW + MINUTE) == {State.SETTLED: 1}
    assert (town.books(), provider.sendings(town.key())) == (PAID, sendings)


def test_a_provider_that_raises_a_timeout_is_unknown(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> Answer:
        raise TimeoutError("no answer in time")

    town.withdraw()
    with monkeypatch.context() as patch:
        patch.setattr(FakeProvider, "send", hang)
        assert town.run(town.provider()) == {State.UNKNOWN: 1}
    assert town.books() == HELD


def test_a_key_that_the_provider_may_have_forgotten_is_never_sent_again(town: Town) -> None:
    provider = town.provider(Fault.LOSE_REQUEST)
    town.withdraw()
    town.run(provider)
    assert town.run(provider, NOW + DAY) == {State.UNKNOWN: 1}
    assert (town.books(), provider.sendings(town.key())) == (HELD, 1)


def test_an_accepted_payout_waits_in_clearing_until_it_settles(town: Town) -> None:
    provider = town.provider(Fault.SETTLE_LATER)
    town.withdraw()
    assert town.run(provider) == {State.SUBMITTED: 1}
    assert town.books() == CLEARING
    assert town.learn(Unknown("a lookup timed out")) is State.SUBMITTED
    provider.settle(town.key())
    assert town.run(provider, NOW + DAY) == {State.SETTLED: 1}
    assert town.books() == PAID


def test_an_accepted_payout_that_fails_comes_back_to_the_wallet(town: Town) -> None:
    town.withdraw()
    town.run(town.provider(Fault.SETTLE_LATER))
    assert town.learn(Refused("account closed")) is State.RETURNED
    assert town.books() == UNTOUCHED


def test_a_settled_payout_may_be_returned_once(town: Town) -> None:
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.send_back(town.key())
    answer = provider.lookup(town.key())
    assert [town.learn(answer), town.learn(answer)] == [State.RETURNED, State.RETURNED]
    assert (town.books(), provider.paid()) == (UNTOUCHED, [])


def test_an_unknown_payout_may_turn_out_to_have_been_returned(town: Town) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_ANSWER))
    assert town.learn(Returned("r")) is State.RETURNED
    assert town.books() == UNTOUCHED


def test_late_and_repeated_answers_change_nothing(town: Town) -> None:
    town.withdraw()
    town.run(town.provider())
    for answer in (Settled("r"), Accepted("r"), Unknown("r")):
        assert town.learn(answer) is State.SETTLED
    assert town.books() == PAID


def test_failed_after_paid_is_refused_and_the_book_stays(town: Town) -> None:
    town.withdraw()
    town.run(town.provider())
    with pytest.raises(saga.IllegalMove):
        town.learn(Refused("late"))
    assert (town.state(), town.books()) == (State.SETTLED, PAID)


def test_paid_after_failed_is_refused_and_the_book_stays(town: Town) -> None:
    town.withdraw()
    town.run(town.provider(Fault.REFUSE))
    with pytest.raises(saga.IllegalMove):
        town.learn(Settled("late"))
    assert (town.state(), town.books()) == (State.REFUSED, UNTOUCHED)


def test_an_answer_for_an_unknown_key_is_refused(town: Town) -> None:
    with town.engine.begin() as connection, pytest.raises(Missing):
        phases.learn(connection, "no such key", Settled("r"), NOW)


def test_two_runners_at_once_pay_each_payout_once(town: Town) -> None:
    ids = [town.withdraw(f"w{number}", amount=1_000_000) for number in range(9)]
    provider, ready, failures = town.provider(Fault.LOSE_ANSWER, Fault.LOSE_REQUEST), Barrier(2), list[BaseException]()

    def work() -> None:
        try:
            ready.wait()
            for minute in range(4):
                town.run(provider, NOW + minute * MINUTE)
        except BaseException as failure:  # noqa: BLE001  (a thread's failure must reach the test)
            failures.append(failure)

    threads = [Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert [payment.amount_micros for payment in provider.paid()] == [1_000_000] * 9
    assert {town.state(id_) for id_ in ids} == {State.SETTLED}
    assert town.books() == (0, 0, 0, EARNED)


def test_a_second_runner_leaves_alone_what_the_first_has_just_claimed(town: Town) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        assert phases.claim(connection, "w", "fake", NOW) is not None
    assert advance_payout(town.engine.begin, town.provider(), "w", NOW + MINUTE - 1) is None


def test_another_provider_never_takes_over_an_attempt(town: Town) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        phases.claim(connection, "w", "elsewhere", NOW)
    assert town.run(town.provider(), NOW + DAY) == {}


def test_a_move_by_a_writer_that_read_too_early_is_refused(town: Town) -> None:
    town.withdraw(action="review")
    with town.engine.begin() as connection:
        stale = saga.get(connection, "w")
        saga.decide(connection, "w", "challenge", "person", NOW)
        with pytest.raises(saga.Overtaken):
            saga.move(connection, stale, State.SUBMITTED, NOW)


@pytest.mark.parametrize("before", State)
@pytest.mark.parametrize("after", State)
def test_no_move_exists_outside_the_table(town: Town, before: State, after: State) -> None:
    if after in MOVES[before]:
        return
    town.withdraw(action="review")
    with town.engine.begin() as connection:
        connection.execute(saga.PAYOUT.update().values(state=before))
        with pytest.raises(saga.IllegalMove):
            saga.move(connection, saga.get(connection, "w"), after, NOW)


def test_every_state_has_its_moves_and_every_action_leads_somewhere_legal() -> None:
    assert set(MOVES) == set(State)
    assert set(RULINGS.values()) <= MOVES[State.SCORED]


def test_a_payout_starts_once_and_needs_an_open_hold(town: Town) -> None:
    town.withdraw(action="decline")
    with town.engine.begin() as connection:
        assert saga.start(connection, PayoutOrder("w", "w/hold", "ann's bank"), NOW).state is State.REFUSED
        with pytest.raises(Conflicting):
            saga.start(connection, PayoutOrder("w", "w/hold", "bob's bank"), NOW)
        with pytest.raises(AlreadyResolved):
            saga.start(connection, PayoutOrder("v", "w/hold", "ann's bank"), NOW)
        with pytest.raises(Missing):
            saga.start(connection, PayoutOrder("u", "no hold", "ann's bank"), NOW)


def test_nobody_withdraws_more_than_is_available(town: Town) -> None:
    town.withdraw()
    with pytest.raises(InsufficientFunds):
        town.withdraw("v")
