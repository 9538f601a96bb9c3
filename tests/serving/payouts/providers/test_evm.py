"""Token transfers on a chain of our own making, where each mishap can be staged exactly."""

import json
import subprocess
import sys
from itertools import pairwise
from threading import Barrier, Thread
from typing import Any

import pytest
from sqlalchemy import select

from pipelines.doubles.chain import ChainDouble
from pipelines.doubles.faulty import Request
from serving.payouts.fake import Fault
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Settled, Undone, Unknown
from serving.payouts.providers import evm as evm_module
from serving.payouts.providers.evm import EvmTransfers, Gas
from serving.payouts.providers.evm_journal import EVM_BROADCAST, EVM_PAYMENT
from serving.payouts.providers.wallets import Account

GWEI = 10**9


class Crash(BaseException):
    """The process dies here."""


@pytest.fixture
def rig(make: Any) -> Any:
    return make("evm")


def nonces(rig: Any) -> list[int]:
    with rig.engine.begin() as connection:
        return list(connection.scalars(select(EVM_PAYMENT.c.nonce).order_by(EVM_PAYMENT.c.nonce)))


def signed(rig: Any) -> list[Any]:
    with rig.engine.begin() as connection:
        return list(connection.execute(select(EVM_BROADCAST).order_by(EVM_BROADCAST.c.key, EVM_BROADCAST.c.number)))


def restarted(rig: Any, gas: Gas | None = None) -> EvmTransfers:
    old = rig.provider
    rig.provider = EvmTransfers(old._chain, old._account, old._token, gas or old._gas, rig.engine.begin)
    return rig.provider


def test_nonce_and_transaction_are_committed_before_the_node_hears_of_them(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(rig.provider._chain, "broadcast", die)
        with pytest.raises(Crash):
            rig.send("k")
    assert (nonces(rig), rig.double.taken()) == ([0], [])
    assert isinstance(restarted(rig).lookup("k"), Accepted)
    rig.tend()
    rig.double.mine(20)
    assert isinstance(rig.ask("k"), Settled)
    assert len(signed(rig)) == len(rig.double.taken()) == 1


def test_of_a_node_that_does_not_answer_before_anything_is_signed_nothing_is_unknown(rig: Any) -> None:
    rig.double.is_down = True
    assert isinstance(rig.send("k"), Undone)
    assert signed(rig) == []


def test_a_nonce_is_never_used_for_two_payments_not_even_after_a_reorganisation(rig: Any) -> None:
    rig.send("a")
    rig.double.mine(1)
    rig.double.reorganise(1)  # the chain says again that nonce 0 is free
    rig.send("b", rig.people(2))
    rig.tend()
    rig.double.mine(20)
    assert nonces(rig) == [0, 1]
    assert [type(rig.ask(key)) for key in "ab"] == [Settled, Settled]
    assert len(rig.double.taken()) == 2


def test_a_nonce_gap_is_filled_and_stalls_nobody_for_long(rig: Any) -> None:
    for number in range(5):
        rig.send(f"k{number}", rig.people(number + 1))
    del rig.double.seen[rig.double.pool.pop(min(rig.double.pool)).hash]
    rig.double.mine(1)
    assert rig.double.blocks[-1] == []
    rig.tend()
    rig.double.mine(20)
    assert {type(rig.ask(f"k{number}")) for number in range(5)} == {Settled}
    assert len(rig.double.taken()) == 5


def test_an_earlier_transaction_is_mined_though_a_later_one_replaced_it(rig: Any) -> None:
    """The bug is to watch only the last hash, find nothing, and pay again."""
    rig.send("k")
    first = next(iter(rig.double.pool.values()))
    rig.double.base_fee_wei = 20 * GWEI
    rig.double.mine(4)
    rig.tend()
    last = next(iter(rig.double.pool.values()))
    assert last.hash != first.hash
    rig.double.pool = {(first.sender, first.nonce): first}  # a miner had kept the first one
    rig.double.base_fee_wei = GWEI
    rig.double.mine(20)
    assert rig.ask("k", outcome="accepted") == Settled(first.hash)
    assert [one.hash for one in signed(rig)] == [first.hash, last.hash]
    assert len(rig.double.taken()) == 1


def test_a_reorganisation_after_it_was_confirmed_is_repaired_with_the_same_nonce(rig: Any) -> None:
    rig.send("k")
    rig.double.mine(20)
    assert isinstance(rig.ask("k"), Settled)
    rig.double.reorganise(20)  # far deeper than any that is expected
    assert rig.double.taken() == []
    rig.tend()
    rig.double.mine(20)
    assert isinstance(rig.ask("k"), Settled)
    assert (nonces(rig), len(rig.double.taken())) == ([0], 1)


def test_no_reorganisation_of_up_to_twelve_blocks_undoes_what_was_said_to_be_settled(rig: Any) -> None:
    for depth in range(1, 13):
        key = f"k{depth}"
        rig.send(key)
        for _ in range(13):
            assert isinstance(rig.ask(key, outcome="accepted"), Accepted)
            rig.double.mine(1)
        assert isinstance(rig.ask(key), Settled)
        rig.double.reorganise(depth)
        assert isinstance(rig.ask(key), Settled)


def test_too_few_confirmations_would_be_undone(rig: Any) -> None:
    """A canary of the test above."""
    restarted(rig, Gas(fee_wei_max=50 * GWEI, confirmations=3))
    rig.send("k")
    rig.double.mine(3)
    assert isinstance(rig.ask("k"), Settled)
    rig.double.reorganise(3)
    assert isinstance(rig.ask("k"), Accepted)


def test_payouts_pause_while_fees_are_above_the_ceiling_and_go_on_under_the_same_key(rig: Any) -> None:
    rig.double.base_fee_wei = 60 * GWEI
    assert [rig.send("k"), rig.ask("k")] == [Absent(), Absent()]
    assert (nonces(rig), rig.double.writes) == ([], [])
    rig.double.base_fee_wei = 2 * GWEI
    assert isinstance(rig.ask("k"), Accepted)
    assert len(rig.double.taken()) == 1


def test_nothing_is_ever_signed_above_the_ceiling(rig: Any) -> None:
    rig.send("k")
    for fee in (5, 20, 45, 48, 49, 60, 90, 49):
        rig.double.base_fee_wei = fee * GWEI
        rig.double.mine(4)
        rig.tend()
    fees = [one.fee_wei for one in signed(rig)]
    assert len(fees) > 2
    assert max(fees) <= 50 * GWEI
    assert all(later * 8 >= earlier * 9 for earlier, later in pairwise(fees))


def test_what_waits_too_long_is_raised_first_in_line_first(rig: Any) -> None:
    for number in range(3):
        rig.send(f"k{number}", rig.people(number + 1))
    rig.double.pool.clear()  # nobody mines them, and the fees are not the reason
    rig.double.seen.clear()
    rig.double.mine(3)
    rig.tend()
    assert [sum(one.key == f"k{number}" for one in signed(rig)) for number in range(3)] == [2, 1, 1]
    assert len(rig.double.pool) == 3


def test_the_queue_of_one_sender_is_bounded(rig: Any) -> None:
    restarted(rig, Gas(fee_wei_max=50 * GWEI, waiting_max=2))
    answers = [rig.send(f"k{number}", rig.people(number + 1)) for number in range(3)]
    assert [type(answer) for answer in answers] == [Accepted, Accepted, Absent]
    rig.double.mine(1)
    rig.tend()
    assert isinstance(rig.ask("k2", rig.people(3)), Accepted)


def test_a_worker_and_a_page_that_send_together_pay_once(rig: Any) -> None:
    ready, answers = Barrier(6), list[Answer]()

    def work() -> None:
        ready.wait()
        answers.append(rig.send("k"))

    threads = [Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {type(answer) for answer in answers} <= {Accepted, Unknown}
    assert (nonces(rig), len(rig.double.taken())) == ([0], 1)


def test_a_nonce_that_somebody_else_used_is_unknown_and_later_payments_step_over_it(rig: Any) -> None:
    rig.send("a")
    rig.double.pool.clear()
    stranger = make_stranger(rig)
    rig.double.respond(stranger)
    rig.double.mine(20)
    assert isinstance(rig.ask("a", outcome="accepted"), Unknown)
    rig.send("b", rig.people(2))
    assert nonces(rig) == [0, 1]


def make_stranger(rig: Any) -> Any:
    fields = {"type": 2, "chainId": 31_337, "nonce": 0, "to": "0x" + "12" * 20, "value": 0, "gas": 60_000}
    fields |= {"maxFeePerGas": 9 * GWEI, "maxPriorityFeePerGas": GWEI, "data": b"\xa9\x05\x9c\xbb" + bytes(64)}
    raw = Account.sign_transaction(fields, rig.provider._account.key).raw_transaction.to_0x_hex()
    body = json.dumps({"jsonrpc": "2.0", "id": 0, "method": "eth_sendRawTransaction", "params": [raw]}).encode()
    return Request("POST", "/", {}, {}, body)


@pytest.mark.parametrize(
    "destination",
    [
        "0x12",
        "ann@example.com",
        "0x" + "0" * 40,
        "0x" + "70" * 20,
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",  # its checksum is wrong in one letter
    ],
)
def test_a_destination_that_is_nobodys_wallet_is_refused_before_a_nonce_is_taken(rig: Any, destination: str) -> None:
    assert isinstance(rig.send("k", destination), Refused)
    assert nonces(rig) == []


def test_an_empty_wallet_pauses_and_refuses_nobody(rig: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def poor(method: str, params: list[Any]) -> dict[str, Any]:
        if method == "eth_estimateGas":
            return {"error": {"code": 3, "message": "execution reverted: transfer amount exceeds balance"}}
        return {"result": hex(0)} if method == "eth_call" else ChainDouble._answer(rig.double, method, params)

    with monkeypatch.context() as patch:
        patch.setattr(rig.double, "_answer", poor)
        assert rig.send("k") == Absent()
    assert isinstance(rig.ask("k"), Accepted)


@pytest.mark.parametrize(
    ("change", "answer"),
    [({"status": "0x0"}, Refused), ({"logs": []}, Unknown)],
    ids=["reverted", "moved nothing"],
)
def test_a_transaction_that_was_mined_and_paid_nobody_is_not_settled(
    rig: Any, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any], answer: type
) -> None:
    rig.send("k")
    rig.double.mine(20)
    receipt = rig.double._receipt
    monkeypatch.setattr(rig.double, "_receipt", lambda hash_: receipt(hash_) | change)
    assert isinstance(rig.ask("k", outcome="accepted"), answer)


def test_a_reverted_transfer_is_refused_only_once_it_cannot_be_undone(
    rig: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reorganisation could carry it out after all, and the money would be given back and paid."""
    rig.send("k")
    rig.double.mine(1)
    receipt = rig.double._receipt
    monkeypatch.setattr(rig.double, "_receipt", lambda hash_: receipt(hash_) | {"status": "0x0"})
    assert isinstance(rig.ask("k", outcome="accepted"), Accepted)


def test_a_lost_broadcast_is_repeated_with_the_same_transaction(rig: Any) -> None:
    rig.double.faults.append(Fault.LOSE_REQUEST)
    assert isinstance(rig.send("k"), Unknown)
    rig.tend()
    assert len(set(rig.double.writes)) == 1
    assert len(rig.double.taken()) == 1


def test_the_signing_key_is_shown_nowhere(rig: Any) -> None:
    key = rig.provider._account.key.hex()
    assert key not in f"{rig.provider!r} {rig.provider._account!r} {vars(evm_module)!r}"


def test_the_library_of_wallets_leaves_the_interpreter_its_limit() -> None:
    """At the 100,000 that it asks for, a notice of nested brackets would end the service by a signal."""
    told = "import sys, serving.payouts.providers.evm; print(sys.getrecursionlimit())"
    done = subprocess.run([sys.executable, "-c", told], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1000"]
