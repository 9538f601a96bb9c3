"""What is particular to Stripe, Alipay and vouchers."""

import json
from threading import Thread
from typing import Any

import pytest

from pipelines.doubles.faulty import Response
from serving.ledger.refusals import AlreadyResolved, Missing
from serving.payouts.fake import Fault, PaymentState
from serving.payouts.provider import Absent, Accepted, Refused, Returned, Settled, Undone, Unknown
from serving.payouts.providers.voucher import VOUCHER_CODE

KEY = "0123456789abcdef0123456789abcdef"
HOUR = 3_600 * 1_000_000


def test_stripe_forgets_keys_after_24_hours_and_a_resend_would_pay_again(make: Any) -> None:
    rig = make("stripe")
    rig.double.faults.append(Fault.LOSE_ANSWER)
    rig.send(KEY)
    rig.double.forget_keys()
    hide = rig.provider.lookup
    rig.provider.lookup = lambda _: Absent()  # its list lags behind
    assert isinstance(rig.ask(KEY, age=23 * HOUR), Unknown)
    assert len(rig.double.taken()) == 1
    rig.ask(KEY, age=23 * HOUR - 1)
    assert len(rig.double.taken()) == 2, "the double pays again under a forgotten key: what the lifetime guards against"
    rig.provider.lookup = hide


def test_stripe_refuses_nothing_when_the_same_key_comes_with_another_body(make: Any) -> None:
    rig = make("stripe")
    rig.send(KEY)
    rig.amount_micros = 6_000_000
    assert isinstance(rig.send(KEY), Unknown)
    assert len(rig.double.taken()) == 1


def test_a_transfer_that_is_reversed_is_returned(make: Any) -> None:
    rig = make("stripe")
    rig.send(KEY)
    rig.double.move(KEY, PaymentState.RETURNED)
    assert rig.provider.lookup(KEY) == Returned("tr_1")


def test_two_transfers_of_one_key_are_told_to_the_operators(make: Any, capsys: pytest.CaptureFixture[str]) -> None:
    rig = make("stripe")
    rig.send(KEY)
    rig.double.forget_keys()
    rig.send(KEY)
    assert isinstance(rig.provider.lookup(KEY), Settled)
    assert "provider_paid_twice" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("PAYEE_NOT_EXIST", Refused),
        ("SYSTEM_ERROR", Unknown),
        ("PAYER_BALANCE_NOT_ENOUGH", Absent),
        ("SOMETHING_NEW", Unknown),
        ("isv.invalid-signature", Undone),
    ],
)
def test_alipay_refuses_only_by_codes_that_speak_of_the_person(make: Any, code: str, answer: type) -> None:
    rig = make("alipay")
    rig.double._create = lambda _: {"code": "40004", "msg": "Business Failed", "sub_code": code}
    assert isinstance(rig.send(KEY), answer)


@pytest.mark.parametrize("fake", [{"code": "10000", "status": "SUCCESS", "order_id": "A1"}, {"code": "40004"}])
def test_an_answer_that_alipay_did_not_sign_is_no_answer(make: Any, fake: dict[str, str]) -> None:
    rig = make("alipay")
    node = {"alipay_fund_trans_uni_transfer_response": fake, "sign": "AAAA"}
    rig.double.respond = lambda _: Response(200, json.dumps(node).encode())
    assert isinstance(rig.send(KEY), Unknown)


@pytest.mark.parametrize(
    ("state", "answer"),
    [
        (PaymentState.ACCEPTED, Accepted),
        (PaymentState.SETTLED, Settled),
        (PaymentState.REFUSED, Refused),
        (PaymentState.RETURNED, Returned),
    ],
)
def test_alipays_states_are_understood(make: Any, state: PaymentState, answer: type) -> None:
    rig = make("alipay")
    rig.send(KEY)
    rig.double.move(KEY, state)
    assert isinstance(rig.provider.lookup(KEY), answer)


def test_alipay_pays_yuan_only(make: Any) -> None:
    rig = make("alipay")
    assert rig.provider.send(KEY, "a@example.cn", 5_000_000, "USD") == Refused("only CNY is paid here")
    assert rig.double.writes == []


def test_a_voucher_counts_as_settled_only_once_its_code_is_ours(make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rig = make("voucher")

    def full(*_: Any) -> None:
        raise OSError(28, "no space left")

    with monkeypatch.context() as patch:
        patch.setattr(rig.provider, "_keep", full)
        assert isinstance(rig.send(KEY), Unknown)
    assert isinstance(rig.ask(KEY), Settled)
    assert len(rig.double.taken()) == 1


def test_a_code_is_sealed_and_handed_out_under_one_receipt(make: Any) -> None:
    rig = make("voucher")
    rig.send(KEY)
    with rig.engine.begin() as connection:
        stored = connection.execute(VOUCHER_CODE.select()).one()
        code = rig.provider.deliver(connection, KEY, "receipt-1", 1)
        assert code == rig.double.code_of(KEY)
        assert code.encode() not in bytes(stored.sealed)
        assert rig.provider.deliver(connection, KEY, "receipt-1", 2) == code  # the answer was lost
        with pytest.raises(AlreadyResolved, match="another receipt"):
            rig.provider.deliver(connection, KEY, "receipt-2", 3)
        with pytest.raises(Missing):
            rig.provider.deliver(connection, "unknown", "receipt-1", 3)


def test_two_who_fetch_a_code_at_once_get_it_once(make: Any) -> None:
    rig, got = make("voucher"), list[str]()
    rig.send(KEY)

    def fetch(receipt: str) -> None:
        try:
            with rig.engine.begin() as connection:
                got.append(rig.provider.deliver(connection, KEY, receipt, 1))
        except AlreadyResolved:
            pass

    threads = [Thread(target=fetch, args=(f"r{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [rig.double.code_of(KEY)]


@pytest.mark.parametrize(("state", "answer"), [(PaymentState.ACCEPTED, Accepted), (PaymentState.REFUSED, Refused)])
def test_a_voucher_that_is_not_issued_yet_has_no_code(make: Any, state: PaymentState, answer: type) -> None:
    rig = make("voucher")
    rig.double.first_state = state
    assert isinstance(rig.send(KEY), answer)
    with rig.engine.begin() as connection, pytest.raises(Missing):
        rig.provider.deliver(connection, KEY, "receipt", 1)
