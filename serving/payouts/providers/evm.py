"""A token transfer on an EVM chain: one nonce a payment, taken for good, so that however many transactions are signed
for it, with whatever fees, at most one is ever carried out.

The nonce and the signed transaction are committed before the node hears of them. All hashes of a payment are watched,
because any of them may be the one that is mined. Fees above the ceiling pause payouts; nothing is ever signed above it.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from typing import Final

from eth_utils.address import (
    is_checksum_address,
    is_checksum_formatted_address,
    is_hex_address,
    to_checksum_address,
)
from sqlalchemy import Connection

from serving.payouts.provider import Absent, Accepted, Answer, Refused, Settled, Unknown
from serving.payouts.providers import evm_journal as journal
from serving.payouts.providers.amounts import token_units
from serving.payouts.providers.evm_chain import Chain, Head, Receipt, Reverted
from serving.payouts.providers.evm_journal import Broadcast, Payment
from serving.payouts.providers.outcomes import sent, unsent
from serving.payouts.providers.wallets import LocalAccount

Begin = Callable[[], AbstractContextManager[Connection]]
FOR_EVER_MICROS: Final = 2**62
_TRANSFER: Final = "a9059cbb"
_BALANCE_OF: Final = "70a08231"
_NOBODY: Final = "0x" + 40 * "0"


@dataclass(frozen=True, slots=True)
class Token:
    """An ERC-20 contract that pays one currency, one token for one unit of it."""

    address: str
    decimals: int
    currency: str
    chain_id: int


@dataclass(frozen=True, slots=True)
class Gas:
    """`fee_wei_max`: nothing is signed that could cost more per unit of gas; `units_max`: nor that could use more."""

    fee_wei_max: int
    units_max: int = 120_000
    tip_wei: int = 1_000_000_000
    bump_after_blocks: int = 3
    waiting_max: int = 64
    """Payments on their way at once: nodes keep no longer queue of one sender."""
    confirmations: int = 13
    """Blocks, its own included, before a payment counts; deeper than any reorganisation that is expected."""
    final_blocks: int = 96
    """Until so deep it is watched, and broadcast again if a reorganisation takes it back all the same."""


class EvmTransfers:
    """`tend` must run every few seconds: it broadcasts again what the node lost and raises the fees of what waits."""

    name: str = "evm"
    key_lifetime_micros: int = FOR_EVER_MICROS
    """The nonce is in our own journal, which forgets nothing."""

    def __init__(self, chain: Chain, account: LocalAccount, token: Token, gas: Gas, begin: Begin) -> None:
        self._chain, self._account, self._token, self._gas, self._begin = chain, account, token, gas, begin
        self._sender = f"{token.chain_id}:{account.address.lower()}"

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        """Absent when payouts pause: the fees are above the ceiling, too many wait, or the wallet is empty."""
        with self._begin() as connection:
            known = journal.find(connection, key)
        if known is not None:
            with sent():
                self._broadcast(known.broadcasts[-1])
                return self.lookup(key)
        reason = self._objection(destination, amount_micros, currency)
        if reason:
            return Refused(reason)
        with unsent():
            head = self._chain.head()
        with self._begin() as connection:
            waiting = journal.waiting_count(connection, self._sender)
        if head.base_fee_wei + self._gas.tip_wei > self._gas.fee_wei_max or waiting >= self._gas.waiting_max:
            return Absent()
        with unsent():
            payment = self._priced(key, destination, token_units(amount_micros, self._token.decimals))
        return self._send(payment, head) if isinstance(payment, Payment) else payment

    def lookup(self, key: str) -> Answer:
        """Settled or refused only below `confirmations` blocks, by whichever of its transactions was mined."""
        with self._begin() as connection:
            payment = journal.find(connection, key)
        if payment is None:
            return Absent()
        # The head first: a reorganisation between the two questions then makes the depth smaller, never larger.
        head = self._chain.head()
        mined = self._chain.receipts(payment.hashes)
        if not mined:
            used = self._chain.transaction_count(self._account.address, "latest")
            if used > payment.nonce:  # or it was mined this moment: the next question tells
                return Unknown("another transaction has its nonce: has somebody else the wallet's key?")
            return Accepted(payment.hashes[-1])
        receipt = next(iter(mined.values()))
        if self._depth(receipt, head) < self._gas.confirmations:
            return Accepted(receipt.hash)
        if not receipt.is_done:
            return Refused("the token contract reverted the transfer")
        moved = self._token.address.lower(), self._account.address.lower(), payment.destination.lower(), payment.units
        return Settled(receipt.hash) if moved in receipt.moved else Unknown("it was mined and moved no token")

    def tend(self) -> int:
        """Look after every payment that is not final, the lowest nonce first; how many were broadcast again.

        Raises OSError when the node does not answer.
        """
        with self._begin() as connection:
            payments = journal.open_payments(connection, self._sender)
        # The head first: a reorganisation between the two questions then makes a depth smaller, never larger.
        head = self._chain.head()
        mined = self._chain.receipts([one for payment in payments for one in payment.hashes])
        self._mark(payments, mined, head)
        waiting = [payment for payment in payments if not mined.keys() & payment.hashes]
        lost = self._chain.unknown_of([payment.hashes[-1] for payment in waiting])
        return sum(self._push(one, head, is_first=one is waiting[0], is_lost=one.hashes[-1] in lost) for one in waiting)

    def _objection(self, destination: str, amount_micros: int, currency: str) -> str | None:
        if currency != self._token.currency:
            return "the token does not pay this currency"
        if not _is_address(destination):
            return "the destination is no address, or its checksum is wrong"
        if destination.lower() in {_NOBODY, self._token.address.lower(), self._account.address.lower()}:
            return "the destination is nobody's wallet"
        try:
            token_units(amount_micros, self._token.decimals)
        except ValueError as inexact:
            return str(inexact)
        return None

    def _priced(self, key: str, destination: str, units: int) -> Payment | Answer:
        """The payment with its gas, which only the contract can tell; refused if it would not pay this destination."""
        try:
            gas_units = self._chain.gas_units(
                self._account.address, self._token.address, _transfer_call(destination, units)
            )
        except Reverted:
            owner = self._account.address[2:].lower().rjust(64, "0")
            is_poor = self._chain.call(self._token.address, f"0x{_BALANCE_OF}{owner}") < units
            return Absent() if is_poor else Refused("the token contract refuses this destination")
        gas_units += gas_units // 5  # the estimate is of this moment
        if gas_units > self._gas.units_max:
            return Refused("the transfer needs more gas than allowed")
        return Payment(key, self._sender, 0, destination, units, gas_units)

    def _send(self, payment: Payment, head: Head) -> Answer:
        with unsent():
            used = self._chain.transaction_count(self._account.address, "pending")
        fee_wei = min(2 * head.base_fee_wei + self._gas.tip_wei, self._gas.fee_wei_max)
        with self._begin() as connection:
            journal.lock(connection, self._sender, used)
            known = journal.find(connection, payment.key)
            if known is not None:  # another call came first, this moment
                return Accepted(known.hashes[-1])
            payment = replace(payment, nonce=journal.take_nonce(connection, self._sender, used))
            first = self._signed(payment, fee_wei, self._gas.tip_wei, head)
            journal.record(connection, payment)
            journal.add_broadcast(connection, payment.key, 1, first)
        with sent():  # what is signed is `tend`'s to send, whatever becomes of this
            self._broadcast(first)
        return Accepted(first.hash)

    def _push(self, payment: Payment, head: Head, *, is_first: bool, is_lost: bool) -> bool:
        """Raise the fees of what waited too long, first in line or too cheap; broadcast again what the node lost."""
        last = payment.broadcasts[-1]
        is_late = head.number - last.block >= self._gas.bump_after_blocks
        if is_late and (is_first or head.base_fee_wei + last.tip_wei > last.fee_wei):
            raised = self._raised(payment, head)
            if raised is not None:
                with self._begin() as connection:
                    journal.add_broadcast(connection, payment.key, len(payment.broadcasts) + 1, raised)
                last, is_lost = raised, True
        if is_lost:
            with suppress(
                OSError
            ):  # it must not keep the node from hearing of the others; the next round says it again
                self._broadcast(last)
        return is_lost

    def _raised(self, payment: Payment, head: Head) -> Broadcast | None:
        """Nodes take a replacement only if both fees rise by a tenth; an eighth is. None above the ceiling."""
        last = payment.broadcasts[-1]
        tip_wei, least_wei = _eighth_more(last.tip_wei), _eighth_more(last.fee_wei)
        if max(least_wei, head.base_fee_wei + tip_wei) > self._gas.fee_wei_max:
            return None
        fee_wei = min(max(least_wei, 2 * head.base_fee_wei + tip_wei), self._gas.fee_wei_max)
        return self._signed(payment, fee_wei, tip_wei, head)

    def _signed(self, payment: Payment, fee_wei: int, tip_wei: int, head: Head) -> Broadcast:
        assert fee_wei <= self._gas.fee_wei_max, "nothing is signed above the ceiling"
        signed = self._account.sign_transaction(
            {
                "type": 2,
                "chainId": self._token.chain_id,
                "nonce": payment.nonce,
                "to": to_checksum_address(self._token.address),
                "value": 0,
                "data": bytes.fromhex(_transfer_call(payment.destination, payment.units)[2:]),
                "gas": payment.gas_units,
                "maxFeePerGas": fee_wei,
                "maxPriorityFeePerGas": tip_wei,
            }
        )
        return Broadcast(signed.hash.to_0x_hex(), fee_wei, tip_wei, head.number, signed.raw_transaction.to_0x_hex())

    def _broadcast(self, one: Broadcast) -> None:
        """What the node objects to, that it knows the transaction or thinks it too cheap, `tend` meets in its time."""
        self._chain.broadcast(one.raw)

    def _mark(self, payments: list[Payment], mined: dict[str, Receipt], head: Head) -> None:
        """Write down what changed, in one commit: what was mined, was taken back, or lies too deep to be."""
        changes = []
        for payment in payments:
            receipt = next((mined[one] for one in payment.hashes if one in mined), None)
            is_final = receipt is not None and self._depth(receipt, head) >= self._gas.final_blocks
            if is_final or (receipt is not None) != payment.is_mined:
                changes.append((payment.key, receipt is not None, is_final))
        if changes:
            with self._begin() as connection:
                for key, is_mined, is_final in changes:
                    journal.mark(connection, key, is_mined=is_mined, is_final=is_final)

    @staticmethod
    def _depth(receipt: Receipt, head: Head) -> int:
        return head.number - receipt.block + 1


def _is_address(text: str) -> bool:
    """Letters of both cases are a checksum (EIP-55), which finds a slip of the pen; the library alone ignores it."""
    is_hex = text.startswith("0x") and is_hex_address(text)
    return is_hex and (is_checksum_address(text) or not is_checksum_formatted_address(text))


def _transfer_call(destination: str, units: int) -> str:
    """ERC-20's transfer(address, uint256): the selector and two words of 32 bytes."""
    return f"0x{_TRANSFER}{destination[2:].lower():>064}{units:064x}"


def _eighth_more(wei: int) -> int:
    return wei + -(-wei // 8)
