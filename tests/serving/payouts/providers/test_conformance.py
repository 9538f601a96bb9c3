"""What every adapter keeps, whatever befalls its calls: paid once, and never said to be unpaid when it may be paid."""

import logging
from threading import Barrier, Thread
from typing import Any

import pytest
import structlog

from pipelines.doubles.faulty import Request, Response
from serving.payouts.fake import WITHOUT_EFFECT, Fault
from serving.payouts.provider import Absent, Accepted, Refused, Returned, Settled, Undone, Unknown

FAULTS = [fault for fault in Fault if fault not in {Fault.REFUSE, Fault.SETTLE_LATER}]
DAY = 24 * 3_600 * 1_000_000
KEY = "0123456789abcdef0123456789abcdef"


def reached(rig: Any, key: str = KEY) -> object:
    """What is learned after enough questions."""
    for _ in range(3):
        rig.tend()
        rig.double.settle_all()
        answer = rig.ask(key)
        if isinstance(answer, Settled):
            return answer
    return answer


def test_it_pays_once_and_says_so_again(rig: Any) -> None:
    first, again = rig.provider.send(KEY, rig.people(1), 5_000_000, rig.currency), reached(rig)
    assert isinstance(first, Accepted | Settled)
    assert isinstance(again, Settled)
    rig.provider.send(KEY, rig.people(1), 5_000_000, rig.currency)
    assert [paid.amount_micros for paid in rig.double.taken()] == [5_000_000]


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_befalls_a_request_it_is_paid_once(rig: Any, fault: Fault) -> None:
    rig.double.faults.append(fault)
    first = rig.send(KEY)
    assert not isinstance(first, Refused | Returned), "unknown never compensates"
    if fault not in WITHOUT_EFFECT:
        assert not isinstance(first, Absent), "what may have been done is never said to be absent"
    assert len(rig.double.writes) == 1, "a write is tried once: nothing below may try it again by itself"
    assert isinstance(reached(rig), Settled)
    assert [(paid.destination, paid.amount_micros) for paid in rig.double.taken()] == [(rig.people(1), 5_000_000)]


def test_three_faults_in_a_row_still_pay_once(rig: Any) -> None:
    rig.double.faults.extend([Fault.LOSE_REQUEST, Fault.FAIL_AFTER, Fault.LOSE_ANSWER])
    rig.send(KEY)
    assert isinstance(reached(rig), Settled)
    assert len(rig.double.taken()) == 1


def test_ten_who_send_one_payment_together_pay_it_once(rig: Any) -> None:
    """A worker and a page, each believing that it is the only one."""
    ready = Barrier(10)

    def work() -> None:
        ready.wait()
        rig.send(KEY)

    threads = [Thread(target=work) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert isinstance(reached(rig), Settled)
    assert len(rig.double.taken()) == 1


def test_two_keys_are_two_payments(rig: Any) -> None:
    for number in (1, 2):
        rig.send(f"{KEY[:-1]}{number}", rig.people(number))
    assert {paid.destination for paid in rig.double.taken()} == {rig.people(1), rig.people(2)}


def test_a_key_that_was_never_sent_is_absent_and_asking_changes_nothing(rig: Any) -> None:
    assert rig.provider.lookup(KEY) == Absent()
    assert (rig.double.writes, rig.double.taken()) == ([], [])


def test_a_destination_that_cannot_be_paid_is_refused_and_not_paid(rig: Any) -> None:
    rig.send(KEY, rig.refused)
    answer = rig.ask(KEY, rig.refused)
    assert isinstance(answer, Refused)
    assert rig.double.taken() == []


def test_a_provider_that_is_down_is_unknown_and_never_absent(rig: Any) -> None:
    rig.send(KEY)
    rig.double.is_down = True
    assert isinstance(rig.ask(KEY), Unknown)


def test_debit_then_429_then_resend_keeps_the_same_key(rig: Any) -> None:
    """A 429 proves that nothing was created; the money stays held and the same key is sent again."""
    rig.double.faults.append(Fault.TOO_MANY)
    assert isinstance(rig.send(KEY), Undone | Accepted)
    assert isinstance(reached(rig), Settled)
    assert len(set(rig.double.writes)) == 1
    assert len(rig.double.taken()) == 1


@pytest.mark.parametrize("status", [401, 403, 429])
def test_a_provider_that_takes_nothing_from_us_says_nothing_of_a_payment(rig: Any, status: int) -> None:
    respond = rig.double.respond

    def refuse(_: Request) -> Response:
        return Response(status, b"{}")

    rig.double.respond = refuse
    assert isinstance(rig.send(KEY), Undone)
    assert rig.double.taken() == []
    rig.double.respond = respond
    assert isinstance(rig.send(KEY), Accepted | Settled)
    rig.double.respond = refuse
    assert isinstance(rig.ask(KEY), Undone)
    rig.double.respond = respond
    assert isinstance(reached(rig), Settled)
    assert len(rig.double.taken()) == 1


@pytest.mark.parametrize(("name", "question"), [("paypal", "GET"), ("evm", "POST")])
def test_what_was_sent_is_not_called_unsent_because_a_question_after_it_is_refused(
    make: Any, name: str, question: str
) -> None:
    rig = make(name)
    rig.double.faults.append(Fault.LOSE_ANSWER)
    assert isinstance(rig.send(KEY), Unknown)
    respond = rig.double.respond
    rig.double.respond = lambda asked: Response(403, b"{}") if asked.method == question else respond(asked)
    for _ in range(2):  # PayPal tells its own id of the batch at the first, which the second then knows
        assert isinstance(rig.send(KEY), Unknown)


def test_after_the_lifetime_of_a_key_nothing_is_sent_again(rig: Any) -> None:
    rig.double.faults.append(Fault.LOSE_ANSWER)
    rig.send(KEY)
    rig.double.forget_keys()
    rig.ask(KEY, age=31 * DAY)
    assert len(rig.double.taken()) == 1


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.TOO_MANY])
def test_logs_hold_no_secret_key_reference_or_destination(
    rig: Any, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    rig.double.faults.append(fault)
    with structlog.testing.capture_logs() as ours:
        answer = reached(rig) if rig.send(KEY) else None
    said = f"{ours} {caplog.text}"
    reference = getattr(answer, "reference", None)
    secret = [KEY, rig.people(1), "key-of-the-caller", "secret-of-the-caller", "token-of-the-double", reference]
    assert [one for one in secret if one and len(one) > 3 and one in said] == []


def test_an_answer_in_an_unknown_shape_is_unknown(rig: Any) -> None:
    rig.send(KEY)
    for body in (b"<html>", b"[]", b"{}", b'{"data": 1}'):
        rig.double.respond = lambda _, body=body: Response(200, body)
        assert isinstance(rig.ask(KEY, outcome="accepted"), Unknown | Absent)
