"""Payouts of a token on a real EVM node, through reorganisations, nonce gaps, fee spikes, lost calls and repeated ones.

The node is anvil and the token OpenZeppelin's, so that what was paid is counted by neither the adapter nor us.
"""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from sqlalchemy import Engine, func, select

from pipelines.console import BenchRow, UserError, progress, report
from pipelines.doubles.anvil import CHAIN_ID, DECIMALS, Anvil, running_anvil
from serving.database import open_database
from serving.payouts.attempts import Attempt
from serving.payouts.phases import Heard, ask
from serving.payouts.provider import Absent, Refused, Returned, Settled, Undone
from serving.payouts.providers.evm import EvmTransfers, Gas, Token
from serving.payouts.providers.evm_chain import Chain
from serving.payouts.providers.evm_journal import EVM_BROADCAST
from serving.payouts.providers.limits import Breaker, Pace
from serving.payouts.providers.transport import Door, Manners, NoAnswer
from serving.payouts.providers.wallets import Account, LocalAccount

GWEI: Final = 10**9
CEILING_WEI: Final = 60 * GWEI
CALM_WEI: Final = 5 * GWEI
DEPTH_MAX: Final = 12
SENT_PER_ROUND: Final = 5
ROUNDS_PER_PAYOUT_MAX: Final = 5
MICROS: Final = 1_000_000
SCALE: Final = 10**12
"""Units of a token of 18 decimals in a micro."""


def run(payouts: int, seed: int) -> None:
    """Raises UserError where anvil is not installed."""
    began = time.perf_counter()
    try:
        with running_anvil() as anvil, TemporaryDirectory(prefix="assay-evm-") as folder:
            engine = open_database(Path(folder) / "book.db")
            with progress("payouts settled", payouts) as advance:
                tally = tell(anvil, engine, payouts, seed, advance)
            engine.dispose()
    except FileNotFoundError as missing:
        raise UserError(str(missing)) from None
    seconds = time.perf_counter() - began
    rows = [
        BenchRow("paid twice", "0", str(tally.paid_twice), tally.paid_twice == 0),
        BenchRow("not paid, or another amount", "0", str(tally.unpaid), tally.unpaid == 0),
        BenchRow("said to be settled and then undone", "0", str(tally.undone), tally.undone == 0),
        BenchRow("gas above the ceiling", "0", str(tally.above_ceiling), tally.above_ceiling == 0),
        BenchRow("depths of reorganisations", f"1 to {DEPTH_MAX}", f"{len(tally.depths)} of {DEPTH_MAX}"),
        *(BenchRow(name, None, str(count)) for name, count in sorted(tally.events.items())),
    ]
    figures: dict[str, object] = {
        "payouts": payouts,
        "paid_twice": tally.paid_twice,
        "unpaid": tally.unpaid,
        "undone": tally.undone,
    }
    figures |= {"above_ceiling": tally.above_ceiling, "depths": sorted(tally.depths)} | dict(
        sorted(tally.events.items())
    )
    report("payouts on an EVM node", rows, figures | {"seconds": round(seconds)})


@dataclass
class Tally:
    """What the chain says in the end, and what happened on the way (`events`)."""

    paid_twice: int = 0
    unpaid: int = 0
    undone: int = 0
    above_ceiling: int = 0
    events: Counter[str] = field(default_factory=Counter)
    depths: set[int] = field(default_factory=set)


class Flaky(Chain):
    """A node whose answers are lost now and then, before or after it took the transaction."""

    def __init__(self, door: Door, dice: Random) -> None:
        super().__init__(door)
        self._dice = dice

    def broadcast(self, raw: str) -> str | None:
        fate = self._dice.random()
        if fate < 0.05:
            raise NoAnswer("lost on its way there")
        objection = super().broadcast(raw)
        if fate < 0.10:
            raise NoAnswer("lost on its way back")
        return objection


def tell(
    anvil: Anvil, engine: Engine, payouts: int, seed: int, advance: Callable[[int], object] = lambda _: None
) -> Tally:
    """Play the whole story; `advance(count)` is called as payouts settle. Raises RuntimeError if it does not end."""
    dice = Random(seed)  # noqa: S311  # a story, no secrets
    account: LocalAccount = Account.from_key(dice.randbytes(32))
    anvil.fund(account.address)
    manners = Manners(deadline_seconds=20, reads_max=2)
    pace = Pace(1_000_000, 60, burst=1_000)
    with Door("evm", anvil.address, manners, writes=pace, reads=pace, breaker=Breaker(failures_max=10**6)) as door:
        chain = Flaky(door, dice)
        token = Token(anvil.token, DECIMALS, "USD", CHAIN_ID)
        provider = EvmTransfers(chain, account, token, Gas(fee_wei_max=CEILING_WEI, final_blocks=64), engine.begin)
        story = _Story(anvil, provider, chain, dice, payouts)
        story.play(advance)
    _judge(story.tally, anvil, engine, account.address, payouts)
    return story.tally


class _Story:
    def __init__(self, anvil: Anvil, provider: EvmTransfers, chain: Flaky, dice: Random, payouts: int) -> None:
        self._anvil, self._provider, self._chain, self._dice = anvil, provider, chain, dice
        self._unsent = [f"{number:032x}" for number in range(1, payouts + 1)]
        self._open: dict[str, str] = {}
        self._settled: list[str] = []
        self._rounds_max = 200 + ROUNDS_PER_PAYOUT_MAX * payouts
        self.tally = Tally()

    def play(self, advance: Callable[[int], object]) -> None:
        """Rounds of sending, mining and mishaps until everything is settled; then all that was said is asked again."""
        for _ in range(self._rounds_max):
            if not self._unsent and not self._open:
                break
            self.tally.events["rounds"] += 1
            self._send()
            self._mishap()
            self._tend()
            self._anvil.mine(self._dice.randint(1, 3), self._base_fee_wei())
            advance(self._look())
        else:
            raise RuntimeError(f"{len(self._unsent) + len(self._open)} payouts never settled")
        self._anvil.mine(2, CALM_WEI)
        answers = [self._provider.lookup(key) for key in self._settled]
        self.tally.undone = sum(not isinstance(answer, Settled) for answer in answers)

    def _send(self) -> None:
        some, self._unsent = self._unsent[:SENT_PER_ROUND], self._unsent[SENT_PER_ROUND:]
        for key in some:
            self._learn(key, self._ask(key, is_first=True))
            if self._dice.random() < 0.05:  # a worker and a page at once
                self.tally.events["sent twice"] += 1
                self._learn(key, self._ask(key, is_first=True))

    def _look(self) -> int:
        """Ask about a part of what is open; how many were settled."""
        before = len(self._settled)
        for key in self._dice.sample(sorted(self._open), min(len(self._open), 6 * SENT_PER_ROUND)):
            self._learn(key, self._ask(key, is_first=False))
        return len(self._settled) - before

    def _ask(self, key: str, *, is_first: bool) -> Heard:
        attempt = Attempt(
            payout_id=key,
            provider=self._provider.name,
            provider_key=key,
            outcome=self._open.get(key),
            created_at=0,
            destination=destination_of(key),
            amount_micros=amount_of(key),
            currency="USD",
            version=1,
            is_first=is_first,
        )
        return ask(self._provider, attempt, now=1, may_send=lambda _: True)

    def _learn(self, key: str, answer: Heard) -> None:
        """As the saga does: what was accepted stays accepted, nothing is given back but on a definite answer."""
        if isinstance(answer, Settled):
            if key in self._open or key not in self._settled:
                self._settled.append(key)
            self._open.pop(key, None)
            return
        if isinstance(answer, Refused | Returned):
            raise RuntimeError(f"a payout that can be paid was refused: {answer}")
        self.tally.events["paused"] += isinstance(answer, Absent | Undone)
        if isinstance(answer, Undone):
            self._open.setdefault(key, "undone")
            return
        said = type(answer).__name__.lower()
        self._open[key] = "accepted" if self._open.get(key) == "accepted" else said

    def _tend(self) -> None:
        self.tally.events["broadcast again"] += self._provider.tend()

    def _mishap(self) -> None:
        fate = self._dice.random()
        if fate < 0.25:
            depth = self._dice.randint(1, DEPTH_MAX)
            self._anvil.reorganise(depth)
            self.tally.events["reorganisations"] += 1
            self.tally.depths.add(depth)
        elif fate < 0.50:
            waiting = self._anvil.waiting()
            if waiting:
                self._anvil.drop(self._dice.choice(waiting))
                self.tally.events["nonce gaps"] += 1

    def _base_fee_wei(self) -> int:
        """Calm, dear (what waits must pay more) or above the ceiling (payouts pause)."""
        fate = self._dice.random()
        if fate < 0.10:
            self.tally.events["spikes above the ceiling"] += 1
            return CEILING_WEI * 2
        if fate < 0.30:
            self.tally.events["fees raised"] += 1
            return self._dice.randint(3, 9) * CALM_WEI
        return CALM_WEI


def destination_of(key: str) -> str:
    """A person's own address, so that the token's own events tell who was paid how often."""
    return f"0x{int(key, 16) + 0xAA0000:040x}"


def amount_of(key: str) -> int:
    return int(key, 16) * MICROS // 100 * 100


def _judge(tally: Tally, anvil: Anvil, engine: Engine, sender: str, payouts: int) -> None:
    """By the token's events on the final chain, and by every transaction that was ever signed."""
    wanted = {destination_of(f"{number:032x}"): amount_of(f"{number:032x}") * SCALE for number in range(1, payouts + 1)}
    moved = anvil.transfers(sender)
    count = Counter(to for to, _, _ in moved)
    tally.paid_twice = sum(number > 1 for number in count.values())
    tally.unpaid = len(wanted.items() - {(to, units) for to, units, _ in moved})
    prices = [anvil.gas_price(hash_) for _, _, hash_ in moved]
    with engine.connect() as connection:
        signed = connection.scalar(select(func.max(EVM_BROADCAST.c.fee_wei))) or 0
        tally.events["transactions signed"] = connection.scalar(select(func.count()).select_from(EVM_BROADCAST)) or 0
    tally.above_ceiling = sum(price > CEILING_WEI for price in [*prices, signed])
