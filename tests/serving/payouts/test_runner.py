from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest

from serving.payouts import claims, runner
from serving.payouts.fake import FakeProvider, Fault, PaymentState
from serving.payouts.provider import Accepted, Answer, Unknown
from serving.payouts.saga import State

EARNED, ASKED = 9_000_000, 5_000_000
MINUTE = claims.PATIENCE_MICROS
DAY = 24 * 60 * MINUTE
NOW = 1_000 * DAY


class Crash(BaseException):
    """The process dies here."""


def test_an_approved_withdrawal_is_paid_once_and_leaves_clearing_empty(town: Any) -> None:
    provider = town.provider()
    town.withdraw()
    assert town.run(provider) == {State.SETTLED: 1}
    assert town.run(provider, NOW + DAY) == {}
    assert [payment.amount_micros for payment in provider.paid()] == [ASKED]
    assert town.books() == "paid"


@pytest.mark.parametrize("phase", ["claim", "ask", "learn", "applied"])
@pytest.mark.parametrize("fault", [Fault.NONE, Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.SETTLE_LATER])
def test_a_crash_after_any_phase_pays_exactly_once(
    town: Any, monkeypatch: pytest.MonkeyPatch, phase: str, fault: Fault
) -> None:
    town.withdraw()
    with monkeypatch.context() as patch:
        _crash_after(patch, phase)
        with pytest.raises(Crash):
            town.run(town.provider(fault))
    provider = town.provider(fault)
    for minute in range(1, 4):
        town.run(provider, NOW + minute * MINUTE)
        for payment in provider.payments():
            if payment.state is PaymentState.ACCEPTED:
                provider.settle(payment.key)
    assert [payment.amount_micros for payment in provider.payments()] == [ASKED]
    assert (town.state(), town.books()) == (State.SETTLED, "paid")


@pytest.mark.parametrize("phase", ["claim", "ask", "learn", "applied"])
def test_a_crash_in_the_middle_of_a_group_pays_each_of_it_exactly_once(
    town: Any, monkeypatch: pytest.MonkeyPatch, phase: str
) -> None:
    faults = [Fault.NONE, Fault.LOSE_REQUEST, Fault.LOSE_ANSWER, Fault.SETTLE_LATER, Fault.DUPLICATE, Fault.FAIL_AFTER]
    ids = [town.withdraw(f"w{number}", amount=1_000_000) for number in range(len(faults))]
    with monkeypatch.context() as patch:
        _crash_after(patch, phase)
        with pytest.raises(Crash):
            town.run(town.provider(*faults))
    provider = town.provider(*faults)
    for minute in range(1, 5):
        town.run(provider, NOW + minute * MINUTE)
        for payment in provider.payments():
            if payment.state is PaymentState.ACCEPTED:
                provider.settle(payment.key)
    assert [payment.amount_micros for payment in provider.paid()] == [1_000_000] * len(ids)
    assert {town.state(id_) for id_ in ids} == {State.SETTLED}
    assert town.amounts() == (EARNED - 6_000_000, 0, 0, 6_000_000)


def test_one_answer_that_breaks_costs_the_others_of_its_group_nothing(
    town: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(3):
        town.withdraw(f"w{number}", amount=1_000_000)
    provider = town.provider()
    send = provider.send
    sent: list[str] = []

    def break_once(key: str, *order: Any) -> Answer:
        sent.append(key)
        if len(sent) == 2:
            raise KeyError("an answer of another shape")
        answer: Answer = send(key, *order)
        return answer

    monkeypatch.setattr(provider, "send", break_once)
    assert town.run(provider) == {State.SETTLED: 2, State.UNKNOWN: 1}
    assert town.run(provider, NOW + MINUTE) == {State.SETTLED: 1}
    assert len(provider.paid()) == 3


def _crash_after(patch: pytest.MonkeyPatch, phase: str) -> None:
    """`learn` dies with its transaction open, `applied` just after its commit."""
    if phase == "applied":
        patch.setattr(runner, "claim_each", _once(runner.claim_each))
    elif phase == "claim":
        patch.setattr(runner, "ask_each", _die)
    else:
        part = getattr(runner, f"{phase}_each")
        patch.setattr(runner, f"{phase}_each", lambda *given: _die(part(*given)))


def _once(part: Callable[..., Any]) -> Callable[..., Any]:
    """The second call dies."""
    left = [part]
    return lambda *given: left.pop()(*given) if left else _die()


def _die(*_: object) -> Any:
    raise Crash


def test_a_refusal_releases_the_hold_and_is_final(town: Any) -> None:
    provider = town.provider(Fault.REFUSE)
    town.withdraw()
    assert town.run(provider) == {State.REFUSED: 1}
    assert town.run(provider, NOW + DAY) == {}
    assert (town.books(), provider.paid()) == ("untouched", [])


def test_after_a_refusal_a_new_withdrawal_has_a_new_hold_and_a_new_key(town: Any) -> None:
    provider = town.provider(Fault.REFUSE)
    town.withdraw("w")
    town.run(provider)
    town.withdraw("v")
    assert town.run(provider) == {State.SETTLED: 1}
    assert len({payment.key for payment in provider.payments()}) == 2
    assert town.books() == "paid"


@pytest.mark.parametrize(("fault", "sendings"), [(Fault.LOSE_ANSWER, 1), (Fault.LOSE_REQUEST, 2)])
def test_unknown_keeps_the_money_held_until_a_lookup_by_the_same_key_tells(
    town: Any, fault: Fault, sendings: int
) -> None:
    provider = town.provider(fault)
    town.withdraw()
    assert town.run(provider) == {State.UNKNOWN: 1}
    assert town.books() == "held"
    assert town.run(provider, NOW + MINUTE - 1) == {}
    assert town.run(provider, NOW + MINUTE) == {State.SETTLED: 1}
    assert (town.books(), provider.sendings(town.key())) == ("paid", sendings)


def test_a_provider_that_raises_a_timeout_is_unknown(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def hang(*_: object) -> Answer:
        raise TimeoutError("no answer in time")

    town.withdraw()
    with monkeypatch.context() as patch:
        patch.setattr(FakeProvider, "send", hang)
        assert town.run(town.provider()) == {State.UNKNOWN: 1}
    assert town.books() == "held"


def test_a_key_that_the_provider_may_have_forgotten_is_never_sent_again(town: Any) -> None:
    provider = town.provider(Fault.LOSE_REQUEST)
    town.withdraw()
    town.run(provider)
    assert town.run(provider, NOW + DAY) == {State.UNKNOWN: 1}
    assert (town.books(), provider.sendings(town.key())) == ("held", 1)


def test_what_was_accepted_is_never_sent_again_even_if_the_provider_forgets_it(town: Any) -> None:
    provider = town.provider(Fault.LOSE_REQUEST)
    town.withdraw()
    town.run(provider)
    for answer in (Accepted("by a notification"), Unknown("a lookup timed out")):
        assert town.learn(answer, NOW) is State.SUBMITTED
    assert town.run(provider, NOW + MINUTE) == {State.SUBMITTED: 1}
    assert (town.books(), provider.sendings(town.key())) == ("clearing", 1)


def test_two_runners_at_once_pay_each_payout_once(town: Any) -> None:
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
    assert town.amounts() == (0, 0, 0, EARNED)


def test_a_second_runner_leaves_alone_what_the_first_has_just_claimed(town: Any) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        assert claims.claim(connection, "w", "fake", NOW) is not None
    assert town.run(town.provider(), NOW + MINUTE - 1) == {}


def test_another_provider_never_takes_over_an_attempt(town: Any) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        claims.claim(connection, "w", "elsewhere", NOW)
    assert town.run(town.provider(), NOW + DAY) == {}
