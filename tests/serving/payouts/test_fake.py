"""The double must itself be right: what it hides or forgets would hide our own faults."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from serving.payouts.fake import FakeProvider, Fault, PaymentState
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.notices import Unverified

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


def test_what_it_signs_is_known_by_its_file_alone(tmp_path: Path) -> None:
    first, again, other = (FakeProvider(tmp_path / name) for name in ("p.db", "p.db", "q.db"))
    send(first)
    headers, body = first.notify(KEY, "n-1")
    assert again.read_notice(headers, body, 0) == first.read_notice(headers, body, 0)
    assert isinstance(again.read_notice(headers, body, 0).answer, Settled)
    with pytest.raises(Unverified):
        other.read_notice(headers, body, 0)
    with closing(sqlite3.connect(tmp_path / "p.db")) as connection:
        ((secret,),) = connection.execute("SELECT value FROM secret").fetchall()
    assert len(secret) == 32


def test_a_secret_that_is_given_signs_and_is_not_kept(tmp_path: Path) -> None:
    given, without = FakeProvider(tmp_path / "p.db", secret=b"ours"), FakeProvider(tmp_path / "p.db")
    send(given)
    headers, body = given.notify(KEY, "n-1")
    assert FakeProvider(tmp_path / "p.db", secret=b"ours").read_notice(headers, body, 0).key == KEY
    with closing(sqlite3.connect(tmp_path / "p.db")) as connection:
        assert connection.execute("SELECT * FROM secret").fetchall() == []
    with pytest.raises(Unverified):
        without.read_notice(headers, body, 0)
