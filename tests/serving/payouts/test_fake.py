"""The double must itself be right: what it hides or forgets would hide our own faults."""

from pathlib import Path

import pytest

from serving.payouts.fake import FakeProvider, Fault, PaymentState
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown

KEY, BANK = "key", "ann's bank"


def send(provider: FakeProvider, key: str = KEY) -> Answer:
    return provider.send(key, BANK, 500, "CNY")


def test_it_pays_once_a_key_and_remembers_over_a_restart(tmp_path: Path) -> None:
    first, again = (send(FakeProvider(tmp_path / "p.db")) for _ in range(2))
    provider = FakeProvider(tmp_path / "p.db")
    assert isinstance(first, Settled)
    assert first == again == provider.lookup(KEY)
    assert [payment.amount_micros for payment in provider.paid()] == [500]
    assert provider.sendings(KEY) == 2


def test_two_keys_are_two_payments(tmp_path: Path) -> None:
    provider = FakeProvider(tmp_path / "p.db")
    send(provider, "a")
    send(provider, "b")
    assert len(provider.paid()) == 2


@pytest.mark.parametrize(
    ("fault", "told", "truth"),
    [
        (Fault.LOSE_REQUEST, Unknown, Absent),
        (Fault.LOSE_ANSWER, Unknown, Settled),
        (Fault.REFUSE, Refused, Refused),
        (Fault.SETTLE_LATER, Accepted, Accepted),
        (Fault.NONE, Settled, Settled),
    ],
)
def test_what_it_says_and_what_it_did_may_differ(tmp_path: Path, fault: Fault, told: type, truth: type) -> None:
    provider = FakeProvider(tmp_path / "p.db", {BANK: [fault]})
    assert (type(send(provider)), type(provider.lookup(KEY))) == (told, truth)
    assert len(provider.paid()) == (truth is Settled)


def test_a_script_goes_on_over_a_restart(tmp_path: Path) -> None:
    script = {BANK: [Fault.LOSE_REQUEST, Fault.REFUSE]}
    answers = [send(FakeProvider(tmp_path / "p.db", script)) for _ in range(3)]
    assert [type(answer) for answer in answers] == [Unknown, Refused, Refused]


def test_a_payment_settles_later_and_comes_back_later(tmp_path: Path) -> None:
    provider = FakeProvider(tmp_path / "p.db", {BANK: [Fault.SETTLE_LATER]})
    send(provider)
    provider.settle(KEY)
    assert isinstance(provider.lookup(KEY), Settled)
    provider.send_back(KEY)
    assert isinstance(provider.lookup(KEY), Returned)
    assert [payment.state for payment in provider.payments()] == [PaymentState.RETURNED]
    with pytest.raises(ValueError, match="no accepted payment"):
        provider.settle(KEY)
