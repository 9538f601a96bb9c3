"""Faults of payouts that others shipped, each by its name; here none of them may come back.

Those of a single provider are named where its double is, and are listed at the end.
"""

import ast
from contextlib import suppress
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest

from pipelines.doubles.faulty import Double, Request, Response, serving
from serving.ledger.refusals import InsufficientFunds
from serving.payouts.claims import PATIENCE_MICROS
from serving.payouts.fake import Fault
from serving.payouts.provider import Absent, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.inbox import Effect, contradictions, receive
from serving.payouts.providers.transport import Call, Door, Manners, NoAnswer
from serving.payouts.saga import State

EARNED, ASKED = 9_000_000, 5_000_000
MINUTE = PATIENCE_MICROS
HOUR = 3_600 * 1_000_000
DAY = 24 * HOUR
NOW = 1_000 * DAY


def test_debit_then_429_then_refund_then_retry_under_the_same_key(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The debit was deduplicated and the payment was not: paid for nothing.

    A 429 creates nothing and gives nothing back: the money stays held, and the same payout is sent again under its own
    key. Only what is refused is given back, and that attempt is over: a retry has a new hold and a new key.
    """
    provider = town.provider()
    town.withdraw("first")
    with monkeypatch.context() as patch:
        patch.setattr(provider, "send", lambda *_: Absent())
        assert town.run(provider) == {State.SUBMITTED: 1}
    assert town.books() == "held"
    with pytest.raises(InsufficientFunds):
        town.withdraw("retry while it is held")
    assert town.learn(Refused("closed"), NOW + 1) is State.REFUSED
    burnt = town.key()
    town.withdraw("second")
    assert town.run(provider, NOW + MINUTE) == {State.SETTLED: 1}
    assert [payment.key == burnt for payment in provider.paid()] == [False]
    assert (town.books(), provider.sendings(burnt)) == ("paid", 0)


def test_a_lost_response_then_a_refund_then_the_payment_arrives(town: Any) -> None:
    """Paid twice: unknown was taken for failed. Unknown never compensates, however often nobody knows."""
    provider = town.provider(Fault.LOSE_ANSWER)
    town.withdraw()
    assert town.run(provider) == {State.UNKNOWN: 1}
    for hours in (1, 12, 23):
        assert town.learn(Unknown("no answer"), NOW + hours * HOUR) is State.UNKNOWN
        assert town.books() == "held"
        with pytest.raises(InsufficientFunds):
            town.withdraw(f"again {hours}")
    assert town.run(provider, NOW + DAY) == {State.SETTLED: 1}
    assert (town.books(), len(provider.paid())) == ("paid", 1)


@pytest.mark.parametrize("days", [1, 30])
def test_the_provider_forgets_keys_and_a_resend_pays_again(town: Any, days: int) -> None:
    """After 24 hours, or 30 days. A key that may be forgotten is never sent: a person looks, and the money stays."""
    provider = town.provider(Fault.LOSE_ANSWER)
    provider.key_lifetime_micros = days * DAY
    town.withdraw()
    town.run(provider)
    key = town.key()
    provider.forget(key)
    assert town.run(provider, NOW + days * DAY) == {State.UNKNOWN: 1}
    assert (town.books(), provider.sendings(key), len(provider.paid())) == ("held", 1, 1)


def test_one_payout_is_sent_by_ten_workers_together(town: Any) -> None:
    """Up to ten times. Whoever claims it sends it; all others find it claimed."""
    town.withdraw()
    provider, ready = town.provider(), Barrier(10)
    reached: list[State] = []

    def worker() -> None:
        ready.wait()
        reached.extend(town.run(provider))

    threads = [Thread(target=worker) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert reached == [State.SETTLED]
    assert (provider.sendings(town.key()), len(provider.paid()), town.books()) == (1, 1, "paid")


def test_failed_arrives_after_paid(town: Any) -> None:
    """The money was given back though it had arrived. The book keeps the earlier word, and a person sees the other."""
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.fail(town.key())
    assert notify(town, provider, "late") is Effect.CONTRADICTED
    with town.engine.begin() as connection:
        assert contradictions(connection) == [("fake", "late")]
    assert (town.state(), town.books()) == (State.SETTLED, "paid")


def test_paid_becomes_returned_later(town: Any) -> None:
    """It stayed paid for ever. It comes back to the wallet, once, and can be withdrawn again under a new key."""
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.send_back(town.key())
    effects = [notify(town, provider, f"returned {number}") for number in range(3)]
    assert (effects, town.books()) == ([Effect.APPLIED] * 3, "untouched")
    town.withdraw("again")
    assert town.run(provider, NOW + MINUTE) == {State.SETTLED: 1}
    assert (town.books(), len(provider.paid())) == ("paid", 1)


def test_a_webhook_arrives_before_our_own_commit(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It was lost, or applied twice. It settles the payout, and the answer that comes after it is old news."""
    provider = town.provider()
    town.withdraw()
    send, heard = provider.send, list[Effect]()

    def send_and_hear(*order: Any) -> Answer:
        answer: Answer = send(*order)
        heard.append(notify(town, provider, "early"))
        return answer

    monkeypatch.setattr(provider, "send", send_and_hear)
    assert town.run(provider) == {State.SETTLED: 1}
    assert (heard, town.books()) == ([Effect.APPLIED], "paid")


class Counting(Double):
    """Does what it is asked, and counts; its faults lose answers."""

    name = "counting"

    def __init__(self) -> None:
        super().__init__()
        self.arrived = 0

    def forget_keys(self) -> None:
        """It keeps none."""

    def respond(self, _: Request) -> Response:
        self.arrived += 1
        return Response(200, b"{}" + b" " * 600)  # which drips for a minute when it is slow


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.SLOW, Fault.FAIL_AFTER])
def test_a_client_library_retries_a_timed_out_write_by_itself(fault: Fault) -> None:
    """One payout became two before anybody could ask. A write goes out once, whatever became of its answer."""
    double, write = Counting(), Call("payout.create", "POST", "/pay", {}, b"{}")
    with serving(double) as address, Door("counting", address, Manners(deadline_seconds=2)) as door:
        door.write(write)  # a kept connection, which libraries like to try again
        double.faults.append(fault)
        with suppress(NoAnswer):
            door.write(write)
    assert double.arrived == 2


def test_an_answer_to_a_webhook_that_was_lost_makes_no_second_return(town: Any) -> None:
    """The same event under a new id, and the same answer by a lookup: the money comes back once."""
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.send_back(town.key())
    assert notify(town, provider, "one") is Effect.APPLIED
    assert town.learn(Returned("r")) is State.RETURNED
    assert town.learn(Settled("r")) is State.RETURNED
    assert town.books() == "untouched"


ELSEWHERE = {
    "test_evm.py": {
        "test_a_nonce_is_never_used_for_two_payments_not_even_after_a_reorganisation",
        "test_a_nonce_gap_is_filled_and_stalls_nobody_for_long",
        "test_an_earlier_transaction_is_mined_though_a_later_one_replaced_it",
        "test_a_reorganisation_after_it_was_confirmed_is_repaired_with_the_same_nonce",
        "test_a_worker_and_a_page_that_send_together_pay_once",
    },
    "test_paypal.py": {"test_paypal_forgets_a_batch_after_30_days_and_a_resend_would_pay_again"},
    "test_dialects.py": {"test_stripe_forgets_keys_after_24_hours_and_a_resend_would_pay_again"},
    "test_transport.py": {"test_a_client_library_never_retries_a_lost_write_by_itself"},
}
"""Faults of one provider, by the file of its double."""


@pytest.mark.parametrize("file", ELSEWHERE)
def test_the_faults_of_one_provider_have_a_test_at_its_double(file: str) -> None:
    tree = ast.parse((Path(__file__).parent / "providers" / file).read_text(encoding="utf-8"))
    assert ELSEWHERE[file] <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def notify(town: Any, provider: Any, event_id: str) -> Effect:
    headers, body = provider.notify(town.key(), event_id)
    with town.engine.begin() as connection:
        return receive(connection, provider, headers, body, NOW)
