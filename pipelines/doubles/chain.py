"""A double of an EVM node with one token on it: a pool, blocks, receipts, reorganisations. Ours, so not independent.

It checks what a node checks of a transaction (signature, nonce, fees), and lets transfers of the token happen.
"""

import json
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from eth_utils.crypto import keccak
from eth_utils.hexadecimal import decode_hex
from hexbytes import HexBytes

from pipelines.doubles.faulty import Double, Request, Response
from serving.payouts.fake import Payment, PaymentState
from serving.payouts.providers.evm_chain import TRANSFER_TOPIC
from serving.payouts.providers.wallets import Account

REFUSED_ADDRESS: Final = "0x" + "de" * 20
TOKEN_ADDRESS: Final = "0x" + "70" * 20
CURRENCY: Final = "USD"
DECIMALS: Final = 6
CHAIN_ID: Final = 31_337
SETTLING_BLOCKS: Final = 20


@dataclass(frozen=True, slots=True)
class Transaction:
    hash: str
    sender: str
    nonce: int
    fee_wei: int
    to: str
    units: int


class ChainDouble(Double):
    """Mines nothing by itself. `base_fee_wei` is what the next block asks for."""

    name = "evm"

    def __init__(self) -> None:
        super().__init__()
        self.base_fee_wei = 10**9
        self.pool: dict[tuple[str, int], Transaction] = {}
        self.blocks: list[list[Transaction]] = [[]]
        self.seen: dict[str, Transaction] = {}

    def is_write(self, request: Request) -> bool:
        return b"eth_sendRawTransaction" in request.body

    def key_of(self, request: Request) -> str:
        return "0x" + keccak(decode_hex(json.loads(request.body)["params"][0])).hex()

    def forget_keys(self) -> None:
        """A node knows no keys."""

    def respond(self, request: Request) -> Response:
        asked = json.loads(request.body)
        many = asked if isinstance(asked, list) else [asked]
        said = [{"jsonrpc": "2.0", "id": one["id"]} | self._answer(one["method"], one["params"]) for one in many]
        return Response(200, json.dumps(said if isinstance(asked, list) else said[0]).encode())

    def mine(self, blocks: int = 1) -> None:
        """Each block takes what has its turn and pays the base fee."""
        with self.lock:
            for _ in range(blocks):
                block: list[Transaction] = []
                for (sender, nonce), one in sorted(self.pool.items()):
                    if nonce == self._count(sender) + len(block) and one.fee_wei >= self.base_fee_wei:
                        block.append(one)
                for one in block:
                    del self.pool[one.sender, one.nonce]
                self.blocks.append(block)

    def reorganise(self, depth: int) -> None:
        """The last blocks are replaced by empty ones; what was in them is forgotten."""
        with self.lock:
            for one in chain.from_iterable(self.blocks[-depth:]):
                self.seen.pop(one.hash, None)
            self.blocks[-depth:] = [[] for _ in range(depth)]

    def settle_all(self) -> None:
        self.mine(SETTLING_BLOCKS)

    def taken(self) -> list[Payment]:
        """What the chain says now, together with what waits."""
        with self.lock:
            all_ = [*chain.from_iterable(self.blocks), *self.pool.values()]
            return [Payment(one.hash, one.to, one.units, CURRENCY, PaymentState.SETTLED) for one in all_]

    def _answer(self, method: str, params: list[Any]) -> dict[str, Any]:
        if method == "eth_estimateGas" and params[0]["data"][34:74] == REFUSED_ADDRESS[2:]:
            return {"error": {"code": 3, "message": "execution reverted"}}
        if method == "eth_sendRawTransaction":
            return self._take(params[0])
        answers: dict[str, Any] = {
            "eth_getBlockByNumber": lambda: {
                "number": hex(len(self.blocks) - 1),
                "baseFeePerGas": hex(self.base_fee_wei),
            },
            "eth_getTransactionCount": lambda: hex(self._count(params[0].lower())),
            "eth_estimateGas": lambda: hex(50_000),
            "eth_call": lambda: hex(10**18),
            "eth_getTransactionReceipt": lambda: self._receipt(params[0]),
            "eth_getTransactionByHash": lambda: {"hash": params[0]} if params[0] in self.seen else None,
        }
        return {"result": answers[method]()}

    def _take(self, raw: str) -> dict[str, Any]:
        one = _transaction(raw)
        if one.hash in self.seen:
            return {"error": {"code": -32000, "message": "already known"}}
        if one.nonce < self._count(one.sender):
            return {"error": {"code": -32000, "message": "nonce too low"}}
        before = self.pool.get((one.sender, one.nonce))
        if before and one.fee_wei * 10 < before.fee_wei * 11:
            return {"error": {"code": -32000, "message": "replacement transaction underpriced"}}
        if before:
            del self.seen[before.hash]
        self.pool[one.sender, one.nonce] = self.seen[one.hash] = one
        return {"result": one.hash}

    def _count(self, sender: str) -> int:
        return sum(one.sender == sender for one in chain.from_iterable(self.blocks))

    def _receipt(self, hash_: str) -> dict[str, Any] | None:
        for number, block in enumerate(self.blocks):
            for one in block:
                if one.hash == hash_:
                    topics = [TRANSFER_TOPIC, _topic(one.sender), _topic(one.to)]
                    log = {"address": TOKEN_ADDRESS, "topics": topics, "data": hex(one.units)}
                    return {"transactionHash": hash_, "blockNumber": hex(number), "status": "0x1", "logs": [log]}
        return None


def _transaction(raw: str) -> Transaction:
    fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
    sent = bytes(fields["data"])
    return Transaction(
        hash="0x" + keccak(decode_hex(raw)).hex(),
        sender=Account.recover_transaction(raw).lower(),
        nonce=int(fields["nonce"]),
        fee_wei=int(fields["maxFeePerGas"]),
        to="0x" + sent[16:36].hex(),
        units=int.from_bytes(sent[36:68], "big"),
    )


def _topic(address: str) -> str:
    return "0x" + address[2:].rjust(64, "0")
