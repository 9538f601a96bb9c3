"""A real EVM node with a real token on it: anvil, and the ERC-20 of OpenZeppelin. Blocks are mined when asked for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import httpx

from pipelines.doubles.tools import running_tool, tool
from serving.payouts.providers.evm_chain import TRANSFER_TOPIC

CHAIN_ID: Final = 31_337
DECIMALS: Final = 18
SUPPLY: Final = 10**30
WEI_PER_ETHER: Final = 10**18
BURIED_BLOCKS: Final = 20


class Anvil:
    """What a test does to the node. Amounts in wei; hashes and addresses as 0x text."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client = httpx.Client(base_url=address, timeout=30)
        self.token = ""

    def ask(self, method: str, *params: Any) -> Any:
        """Raises RuntimeError with the node's own words."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
        said = self._client.post("/", json=body).json()
        if "error" in said:
            raise RuntimeError(f"{method}: {said['error']}")
        return said["result"]

    def fund(self, sender: str) -> None:
        """Give `sender` ether, and a new token all of whose supply it owns."""
        self.ask("anvil_setBalance", sender, hex(1_000 * WEI_PER_ETHER))
        deployer = self.ask("eth_accounts")[0]
        hash_ = self.ask("eth_sendTransaction", {"from": deployer, "data": _deployment(sender), "gas": hex(3_000_000)})
        self.mine(1)
        self.token = self.ask("eth_getTransactionReceipt", hash_)["contractAddress"]
        self.mine(BURIED_BLOCKS)  # or a reorganisation would take the token itself back

    def mine(self, blocks: int, base_fee_wei: int | None = None) -> None:
        for _ in range(blocks):
            if base_fee_wei is not None:
                self.ask("anvil_setNextBlockBaseFeePerGas", hex(base_fee_wei))
            self.ask("evm_mine")

    def reorganise(self, depth: int) -> None:
        """The last `depth` blocks are replaced by empty ones."""
        self.ask("anvil_reorg", depth, [])

    def drop(self, hash_: str) -> None:
        """The node forgets a waiting transaction, which leaves a gap before those with later nonces."""
        self.ask("anvil_dropTransaction", hash_)

    def waiting(self) -> list[str]:
        """Hashes of what is in the pool, in no order that matters."""
        pool = self.ask("txpool_content")
        found = [one["hash"] for kind in ("pending", "queued") for of in pool[kind].values() for one in of.values()]
        return sorted(found)

    def gas_price(self, hash_: str) -> int:
        """Wei per unit of gas that a mined transaction really paid."""
        return int(self.ask("eth_getTransactionReceipt", hash_)["effectiveGasPrice"], 16)

    def transfers(self, sender: str) -> list[tuple[str, int, str]]:
        """(to, units, hash) of everything that the token moved out of `sender` on the chain as it stands."""
        topics = [TRANSFER_TOPIC, "0x" + sender[2:].lower().rjust(64, "0")]
        logs = self.ask("eth_getLogs", {"fromBlock": "0x0", "address": self.token, "topics": topics})
        return [("0x" + log["topics"][2][-40:], int(log["data"], 16), log["transactionHash"]) for log in logs]

    def close(self) -> None:
        self._client.close()


@contextmanager
def running_anvil() -> Iterator[Anvil]:
    """Raises FileNotFoundError where it is not installed."""
    binary = tool("@foundry-rs/anvil-*/bin/anvil*")
    token = tool("@openzeppelin/contracts/build/contracts/ERC20PresetFixedSupply.json")
    assert token.is_file()

    def command(port: int) -> list[str]:
        options = ["--no-mining", "--chain-id", str(CHAIN_ID), "--accounts", "1", "--quiet"]
        return [str(binary), "--host", "127.0.0.1", "--port", str(port), *options]

    with running_tool(command, _is_ready) as address:
        anvil = Anvil(address)
        try:
            yield anvil
        finally:
            anvil.close()


def _is_ready(address: str) -> bool:
    try:
        httpx.post(address, json={"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}, timeout=1)
    except httpx.HTTPError:
        return False
    return True


def _deployment(owner: str) -> str:
    """The contract's code, then its constructor's arguments: name, symbol, supply, owner (Solidity's ABI)."""
    file = tool("@openzeppelin/contracts/build/contracts/ERC20PresetFixedSupply.json")
    code: str = json.loads(file.read_text(encoding="utf-8"))["bytecode"]
    words = [4 * 32, 6 * 32, SUPPLY, int(owner, 16)]
    texts = "".join(f"{len(text):064x}{text.encode().hex():0<64}" for text in ("Reward", "RWD"))
    return code + "".join(f"{word:064x}" for word in words) + texts
