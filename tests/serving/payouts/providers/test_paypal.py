import json
from typing import Any

import pytest
from sqlalchemy import select

from pipelines.doubles.faulty import Response
from serving.payouts.fake import Fault
from serving.payouts.provider import (
    Absent,
    Accepted,
    BatchProvider,
    PaymentOrder,
    Refused,
    Returned,
    Settled,
    Undone,
    Unknown,
)
from serving.payouts.providers.paypal import ITEMS_MAX, PAYPAL_ITEM
from serving.payouts.providers.paypal_states import STATES

DAY = 24 * 3_600 * 1_000_000


@pytest.fixture
def rig(make: Any) -> Any:
    return make("paypal")


def orders(count: int, receiver: str = "person{}@example.com", first: int = 0) -> list[PaymentOrder]:
    numbers = range(first, first + count)
    return [PaymentOrder(f"{one:032x}", receiver.format(one), 1_000_000 + 10_000 * one, "USD") for one in numbers]


def test_a_batch_is_one_call_and_every_key_gets_its_answer(rig: Any) -> None:
    assert isinstance(rig.provider, BatchProvider)
    answers = rig.provider.send_batch(orders(30))
    assert {type(answer) for answer in answers.values()} == {Accepted}
    assert len(answers) == len(rig.double.taken()) == 30
    assert len(rig.double.writes) == 1
    assert {type(rig.provider.lookup(order.key)) for order in orders(30)} == {Settled}


def test_an_item_of_a_lost_batch_is_never_sent_in_another_batch(rig: Any) -> None:
    """PayPal knows batches, not items: alone, the item would be paid a second time."""
    rig.double.faults.append(Fault.LOSE_ANSWER)
    with pytest.raises(OSError, match="did not answer"):
        rig.provider.send_batch(orders(3))
    mixed = [*orders(1, first=1), *orders(1, first=7)]
    answers = rig.provider.send_batch(mixed)
    assert {type(answer) for answer in answers.values()} <= {Accepted, Settled}
    assert sorted(paid.key for paid in rig.double.taken()) == sorted(order.key for order in [*orders(3), mixed[1]])


def test_a_lost_request_is_sent_again_whole_under_the_same_batch_id(rig: Any) -> None:
    rig.double.faults.append(Fault.LOSE_REQUEST)
    with pytest.raises(OSError, match="did not answer"):
        rig.provider.send_batch(orders(3))
    rig.provider.send_batch(orders(1))
    assert len(rig.double.taken()) == 3
    assert len(set(rig.double.writes)) == 1


def test_paypal_forgets_a_batch_after_30_days_and_a_resend_would_pay_again(rig: Any) -> None:
    rig.double.faults.append(Fault.LOSE_ANSWER)
    rig.send("k")
    rig.double.forget_keys()
    assert isinstance(rig.ask("k", age=29 * DAY), Unknown)
    assert len(rig.double.taken()) == 1
    rig.ask("k", age=29 * DAY - 1)
    assert len(rig.double.taken()) == 2, "the double pays again under a forgotten id: what the lifetime guards against"


def test_who_is_paid_is_kept_sealed_and_sent_again_after_a_lost_request(rig: Any) -> None:
    rig.double.faults.append(Fault.LOSE_REQUEST)
    rig.send("k", "ann@example.com")
    with rig.engine.begin() as connection:
        row = connection.execute(select(PAYPAL_ITEM)).one()
    assert (row.destination, b"ann" in row.sealed) == ("", False)
    assert isinstance(rig.ask("k", "ann@example.com"), Accepted | Settled)
    assert [payment.destination for payment in rig.double.taken()] == ["ann@example.com"]


def test_the_same_key_twice_in_one_batch_is_one_item(rig: Any) -> None:
    answers = rig.provider.send_batch([*orders(2), *orders(2)])
    assert (len(answers), len(rig.double.taken())) == (2, 2)


def test_the_same_key_with_two_bodies_in_one_batch_is_refused(rig: Any) -> None:
    changed = PaymentOrder(orders(1)[0].key, "else@example.com", 1_000_000, "USD")
    with pytest.raises(ValueError, match="two bodies"):
        rig.provider.send_batch([*orders(2), changed])
    assert rig.double.writes == []


def test_the_link_to_the_original_batch_is_followed(rig: Any) -> None:
    rig.double.faults.append(Fault.FAIL_AFTER)
    assert {type(one) for one in rig.provider.send_batch(orders(2)).values()} == {Unknown}
    assert {type(one) for one in rig.provider.send_batch(orders(2)).values()} == {Settled}
    assert len(rig.double.taken()) == 2


def test_an_invalid_item_is_refused_and_the_others_go_out_without_it(rig: Any) -> None:
    wrong = PaymentOrder("bad", "not an address", 1_000_000, "USD")
    answers = rig.provider.send_batch([*orders(2), wrong])
    assert isinstance(answers["bad"], Refused)
    assert {type(answers[order.key]) for order in orders(2)} == {Absent}
    rig.provider.send_batch(orders(2))
    assert sorted(paid.key for paid in rig.double.taken()) == [order.key for order in orders(2)]


def test_a_batch_of_more_than_a_page_is_read_to_its_end(rig: Any) -> None:
    rig.provider.send_batch(orders(1_500))
    assert rig.provider.lookup(orders(1, first=1_499)[0].key) == Settled("I1500")


def test_a_batch_above_the_limit_is_refused_before_anything_is_written(rig: Any) -> None:
    with pytest.raises(ValueError, match="at most 15000"):
        rig.provider.send_batch(orders(1) * (ITEMS_MAX + 1))
    assert rig.double.writes == []


@pytest.mark.parametrize(
    ("word", "answer"),
    [
        ("SUCCESS", Settled),
        ("FAILED", Refused),
        ("PENDING", Accepted),
        ("UNCLAIMED", Accepted),
        ("ONHOLD", Accepted),
        ("BLOCKED", Accepted),
        ("RETURNED", Returned),
        ("REFUNDED", Returned),
        ("REVERSED", Returned),
        ("SOMETHING_NEW", Unknown),
    ],
)
def test_every_state_of_an_item_has_its_answer(rig: Any, word: str, answer: type) -> None:
    rig.send("k")
    rig.double.words["k"] = word
    assert isinstance(rig.provider.lookup("k"), answer)


def test_the_states_are_all_that_paypal_documents() -> None:
    documented = "SUCCESS FAILED PENDING UNCLAIMED RETURNED ONHOLD BLOCKED REFUNDED REVERSED"
    assert set(STATES) == set(documented.split())


@pytest.mark.parametrize(("status", "answer"), [("DENIED", Refused), ("CANCELED", Refused), ("PROCESSING", Accepted)])
def test_a_batch_that_lists_no_items_speaks_for_them(rig: Any, status: str, answer: type) -> None:
    rig.send("k")
    header = {"payout_batch_id": "B1", "batch_status": status}
    rig.double._batch = lambda *_: _json({"batch_header": header})
    assert isinstance(rig.provider.lookup("k"), answer)


@pytest.mark.parametrize(("name", "answer"), [("INSUFFICIENT_FUNDS", Absent), ("SOMETHING", Unknown)])
def test_an_error_that_is_not_the_persons_gives_no_money_back(rig: Any, name: str, answer: type) -> None:
    rig.double._create = lambda _: _json({"name": name}, 422)
    assert isinstance(rig.send("k"), answer)


def test_the_token_is_fetched_once_and_again_when_it_is_no_longer_taken(rig: Any) -> None:
    for number in range(3):
        rig.send(f"k{number}")
    assert rig.double.tokens_granted == 1
    rig.double.valid_token = "another"  # noqa: S105  # a token of the double, worth nothing
    assert isinstance(rig.send("k3"), Undone)
    assert isinstance(rig.ask("k3"), Accepted | Settled)
    assert rig.double.tokens_granted == 2
    assert len(rig.double.taken()) == 4


def test_a_restart_remembers_the_batch(rig: Any, make: Any) -> None:
    rig.double.faults.append(Fault.LOSE_ANSWER)
    with pytest.raises(OSError, match="did not answer"):
        rig.provider.send_batch(orders(2))
    again = make("paypal", double=rig.double).provider
    again._begin = rig.engine.begin
    assert {type(one) for one in again.send_batch(orders(1, first=1)).values()} <= {Accepted, Settled}
    assert len(rig.double.taken()) == 2


def test_amounts_are_written_with_the_decimals_of_their_currency(rig: Any) -> None:
    for currency, amount in (("USD", 1_230_000), ("JPY", 5_000_000), ("KWD", 1_234_000)):
        rig.provider.send(currency, "a@example.com", amount, currency)
    sent = [(paid.currency, paid.amount_micros) for paid in rig.double.taken()]
    assert sent == [("USD", 1_230_000), ("JPY", 5_000_000), ("KWD", 1_234_000)]


def _json(body: dict[str, Any], status: int = 200) -> Any:

    return Response(status, json.dumps(body).encode())


@pytest.mark.parametrize("status", [400, 401, 500])
def test_without_a_token_nothing_is_sent_and_the_payment_is_as_it_was(rig: Any, status: int) -> None:
    respond = rig.double.respond
    rig.double.respond = lambda asked: Response(status, b"{}") if "oauth2" in asked.path else respond(asked)
    assert isinstance(rig.send("k"), Undone)
    assert isinstance(rig.ask("k", outcome="unknown"), Undone)
    assert rig.double.taken() == []
    rig.double.respond = respond
    assert isinstance(rig.ask("k", outcome=None), Accepted)
    assert len(rig.double.taken()) == 1
