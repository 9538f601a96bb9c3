from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine

from serving.database import open_database
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.payouts import saga
from serving.payouts.identity import gate  # noqa: F401  (importing a module declares its tables)
from serving.payouts.identity.sealing import Seal
from serving.payouts.saga import PayoutOrder

Pay = Callable[..., None]


@pytest.fixture
def seal() -> Seal:
    return Seal(b"s" * 32)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "book.db")
    yield engine
    engine.dispose()


@pytest.fixture
def pay() -> Pay:
    """A payout on record: earned, held and asked for at `now`."""

    def pay(connection: Connection, id_: str, user: str, amount: int, now: int, currency: str = "CNY") -> None:
        credit_reward(connection, Reward(f"{id_}/e", user, amount, 2 * amount, currency, matures_at=0), now)
        held = hold_withdrawal(connection, WithdrawalOrder(id_, user, amount, currency), now)
        saga.start(connection, PayoutOrder(id_, held.id, "a bank"), now)

    return pay
