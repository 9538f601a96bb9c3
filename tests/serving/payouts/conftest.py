from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from serving.decision import Action
from serving.ledger import book, proofs
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet
from serving.payouts import attempts, claims, phases, saga
from serving.payouts.attempts import Attempt
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.provider import Answer
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PayoutOrder, State

EARNED, ASKED = 9_000_000, 5_000_000
DAY = 24 * 3_600 * 1_000_000
NOW = 1_000 * DAY
WORDS = {
    (EARNED, 0, 0, 0): "untouched",
    (EARNED - ASKED, ASKED, 0, 0): "held",
    (EARNED - ASKED, 0, ASKED, 0): "clearing",
    (EARNED - ASKED, 0, 0, ASKED): "paid",
}


class Interrupted(FakeProvider):
    """While a question is on its way, something else is done to the end: exact, without a thread."""

    at_lookup: Callable[[], object] = staticmethod(lambda: None)
    at_send: Callable[[], object] = staticmethod(lambda: None)

    def lookup(self, key: str) -> Answer:
        answer = super().lookup(key)
        self.at_lookup()
        return answer

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        self.at_send()
        return super().send(key, destination, amount_micros, currency)


class Town:
    """One database, one provider, one person with 9 yuan in the wallet."""

    def __init__(self, folder: Path, engine: Engine) -> None:
        self.folder = folder
        self.engine = engine
        with self.engine.begin() as connection:
            credit_reward(connection, Reward("e", "ann", EARNED, 2 * EARNED, "CNY", matures_at=0), NOW)

    def provider(self, *faults: Fault) -> FakeProvider:
        return FakeProvider(self.folder / "provider.db", {"ann's bank": faults})

    def interrupted(self, *faults: Fault) -> Interrupted:
        return Interrupted(self.folder / "provider.db", {"ann's bank": faults})

    def withdraw(self, id_: str = "w", action: Action = "approve", amount: int = ASKED) -> str:
        with self.engine.begin() as connection:
            held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", amount, "CNY"), NOW)
            saga.start(connection, PayoutOrder(id_, held.id, "ann's bank"), NOW)
            saga.decide(connection, id_, action, f"{id_}/decision", NOW)
        return id_

    def run(self, provider: FakeProvider, now: int = NOW, clock: Callable[[], int] | None = None) -> dict[State, int]:
        return dict(advance_payouts(self.engine.begin, provider, now, clock=clock))

    def claimed(self, connection: Connection, now: int) -> list[Attempt]:
        return claims.claim_each(connection, "fake", now)

    def state(self, id_: str = "w") -> State:
        with self.engine.begin() as connection:
            return saga.get(connection, id_).state

    def books(self) -> str:
        """Where the 5 yuan are."""
        return WORDS.get(self.amounts(), f"elsewhere: {self.amounts()}")

    def amounts(self) -> tuple[int, int, int, int]:
        """Available, held, clearing, paid; and the book is sound."""
        with self.engine.begin() as connection:
            assert proofs.check(connection) == []
            purse = wallet(connection, "ann", "CNY")
            clearing, paid = (
                book.balance(connection, Account(kind, "fake", "CNY")).posted_micros
                for kind in (AccountKind.CLEARING, AccountKind.PROVIDER_CASH)
            )
        return purse.available_micros, purse.held_micros, clearing, paid

    def key(self) -> str:
        with self.engine.begin() as connection:
            return str(
                connection.scalar(
                    attempts.PAYOUT_ATTEMPT.select().with_only_columns(attempts.PAYOUT_ATTEMPT.c.provider_key)
                )
            )

    def learn(self, answer: Answer, now: int = NOW + DAY) -> State:
        key = self.key()
        with self.engine.begin() as connection:
            return phases.learn(connection, key, answer, now).state


@pytest.fixture
def town(tmp_path: Path, engine: Engine) -> Town:
    return Town(tmp_path, engine)
