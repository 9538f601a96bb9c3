from sqlalchemy import Engine, text

from serving.database import open_database
from serving.ledger import book
from serving.ledger.transfer import Account, AccountKind, Transfer, TransferKind

EXPENSE = Account(AccountKind.REWARD_EXPENSE, "platform", "CNY")
ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
OFTEN = 15
"""Five times before the driver keeps a statement's plan, five more before the server keeps one for all values."""


def post(engine: Engine, *ids: str) -> None:
    transfers = [
        Transfer(
            id=id_,
            debit=EXPENSE,
            credit=ANN,
            amount_micros=1,
            kind=TransferKind.REWARD,
            cause_id="cause",
            effective_at=1,
        )
        for id_ in ids
    ]
    with engine.begin() as connection:
        book.post(connection, transfers, now=1)


def whole_readings(engine: Engine) -> int:
    """How often the table of transfers was read from end to end."""
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
    with engine.begin() as connection:
        query = "SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'transfer'"
        return int(connection.execute(text(query)).scalar_one())


def test_a_plan_that_was_kept_for_a_small_book_is_not_kept_for_a_large_one(empty_postgresql: str) -> None:
    engine = open_database(empty_postgresql)
    # Nobody else may throw away a plan by chance.
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE transfer SET (autovacuum_enabled = false)"))
    for number in range(OFTEN):
        post(engine, f"small-{number}")
    for page in range(4):
        post(engine, *[f"large-{page}-{number}" for number in range(book.TRANSFERS_MAX)])
    before = whole_readings(engine)
    for number in range(OFTEN):
        post(engine, f"late-{number}")
    assert whole_readings(engine) == before
    engine.dispose()
