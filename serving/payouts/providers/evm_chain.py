"""An EVM node as the token transfers need it: JSON-RPC over the door, integers instead of hexadecimal text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from serving.payouts.providers.outcomes import assert_taken, understood
from serving.payouts.providers.transport import Call, Door, NoAnswer

QUESTIONS_MAX: Final = 100
"""Questions in one request; public nodes take no more."""
TRANSFER_TOPIC: Final = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256("Transfer(address,address,uint256)"), the first topic of the event of ERC-20."""
_HEADERS: Final = {"content-type": "application/json"}
_REVERTED: Final = 3

Question = tuple[str, list[Any]]


class Reverted(Exception):  # noqa: N818  # what the contract did
    """The token contract would not carry the call out."""


@dataclass(frozen=True, slots=True)
class Head:
    number: int
    base_fee_wei: int


@dataclass(frozen=True, slots=True)
class Receipt:
    """A mined transaction. `moved`: (token, from, to, units) of each transfer that it made, addresses in lower case."""

    hash: str
    block: int
    is_done: bool
    moved: frozenset[tuple[str, str, str, int]]


class Chain:
    def __init__(self, door: Door, path: str = "/") -> None:
        self._door, self._path = door, path

    @understood()
    def head(self) -> Head:
        block = self.ask([("eth_getBlockByNumber", ["latest", False])])[0]
        return Head(int(block["number"], 16), int(block["baseFeePerGas"], 16))

    @understood()
    def transaction_count(self, sender: str, block: str) -> int:
        return int(self.ask([("eth_getTransactionCount", [sender, block])])[0], 16)

    @understood()
    def gas_units(self, sender: str, to: str, data: str) -> int:
        """Raises `Reverted`."""
        return int(self.ask([("eth_estimateGas", [{"from": sender, "to": to, "data": data}])])[0], 16)

    @understood()
    def call(self, to: str, data: str) -> int:
        """Raises `Reverted`."""
        return int(self.ask([("eth_call", [{"to": to, "data": data}, "latest"])])[0], 16)

    @understood()
    def receipts(self, hashes: Sequence[str]) -> dict[str, Receipt]:
        """Of those that are mined on the chain as the node sees it now."""
        found = self.ask([("eth_getTransactionReceipt", [one]) for one in hashes])
        return {one: _receipt_of(said) for one, said in zip(hashes, found, strict=True) if said is not None}

    @understood()
    def unknown_of(self, hashes: Sequence[str]) -> set[str]:
        """Those that the node neither mined nor keeps for later."""
        found = self.ask([("eth_getTransactionByHash", [one]) for one in hashes])
        return {one for one, said in zip(hashes, found, strict=True) if said is None}

    def broadcast(self, raw: str) -> str | None:
        """Hand a signed transaction over; the node's objection, if it has one. The same twice is harmless."""
        question = {"jsonrpc": "2.0", "id": 0, "method": "eth_sendRawTransaction", "params": [raw]}
        reply = self._door.write(Call("chain.broadcast", "POST", self._path, _HEADERS, json.dumps(question).encode()))
        error = reply.json().get("error") if reply.is_done else {"message": f"status {reply.status}"}
        return str(error.get("message"))[:100] if error else None

    def ask(self, questions: Sequence[Question]) -> list[Any]:
        """The results, in order. A question moves nothing, so it is a read though it is a POST."""
        results: list[Any] = []
        for start in range(0, len(questions), QUESTIONS_MAX):
            results += self._ask(questions[start : start + QUESTIONS_MAX])
        return results

    def _ask(self, questions: Sequence[Question]) -> list[Any]:
        body = [
            {"jsonrpc": "2.0", "id": at, "method": method, "params": params}
            for at, (method, params) in enumerate(questions)
        ]
        name = f"chain.{questions[0][0]}"
        reply = self._door.read(Call(name, "POST", self._path, _HEADERS, json.dumps(body).encode()))
        assert_taken(reply)
        if not reply.is_done:
            raise NoAnswer(f"{name}: status {reply.status}")
        by_id = {one["id"]: one for one in reply.json()}
        return [_result_of(by_id[at]) for at in range(len(questions))]


def _result_of(answer: dict[str, Any]) -> Any:
    error = answer.get("error")
    if error is None:
        return answer["result"]
    if error.get("code") == _REVERTED or "revert" in str(error.get("message")).lower():
        raise Reverted("the contract reverted")
    raise NoAnswer(f"the node answered with error {error.get('code')}")


def _receipt_of(said: dict[str, Any]) -> Receipt:
    moved = frozenset(
        (log["address"].lower(), _address_of(log["topics"][1]), _address_of(log["topics"][2]), int(log["data"], 16))
        for log in said["logs"]
        if len(log["topics"]) == 3 and log["topics"][0] == TRANSFER_TOPIC
    )
    return Receipt(said["transactionHash"], int(said["blockNumber"], 16), int(said["status"], 16) == 1, moved)


def _address_of(topic: str) -> str:
    return f"0x{topic[-40:]}".lower()
