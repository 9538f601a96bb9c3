"""What an account has moves out of the row that says what it is: every batch writes balances, and those rows are small.

No event of the chain changes, and no hash.
"""

from alembic import op
from sqlalchemy import Connection, inspect

from serving.ledger.accounts import ACCOUNT, BALANCE

revision = "r0002"
down_revision = "r0001"

_MOVED = ("posted", "pending_out", "min_available", "last")
_ASKING = "'transfer_refuses_unknown', 'ledger_event_refuses_unknown'"


def upgrade() -> None:
    connection = op.get_bind()
    if inspect(connection).has_table(BALANCE.name):
        return
    if connection.dialect.name == "sqlite":
        _move_in_sqlite(connection)
    else:
        _move_in_postgresql(connection)


def _move_in_sqlite(connection: Connection) -> None:
    """Make the table anew: SQLite drops no column that a CHECK of its table names.

    It judges references when the transaction ends, and then the accounts are there again.
    """
    connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
    connection.exec_driver_sql("CREATE TABLE before_account AS SELECT * FROM account")
    connection.exec_driver_sql("DROP TABLE account")
    for table in (ACCOUNT, BALANCE):
        table.create(connection)
    kept = ", ".join(column.name for column in ACCOUNT.columns)
    connection.exec_driver_sql(f"INSERT INTO account ({kept}) SELECT {kept} FROM before_account")  # noqa: S608  # names from above
    _fill(connection, "before_account")
    connection.exec_driver_sql("DROP TABLE before_account")
    query = f"SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND name IN ({_ASKING})"  # noqa: S608  # as above
    for name, told in connection.exec_driver_sql(query).all():
        connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(_asking_balances(told))


def _move_in_postgresql(connection: Connection) -> None:
    BALANCE.create(connection)
    _fill(connection, "account")
    dropped = ", ".join(f"DROP COLUMN {name}" for name in _MOVED)  # with the checks that name them
    connection.exec_driver_sql(f"ALTER TABLE account {dropped}")
    connection.exec_driver_sql("ALTER TABLE account RESET (fillfactor)")
    query = f"SELECT pg_get_functiondef(oid) FROM pg_proc WHERE proname IN ({_ASKING})"  # noqa: S608  # as above
    for (told,) in connection.exec_driver_sql(query).all():
        connection.exec_driver_sql(_asking_balances(told))


def _fill(connection: Connection, source: str) -> None:
    moved = ", ".join(_MOVED)
    connection.exec_driver_sql(f"INSERT INTO balance (account, {moved}) SELECT number, {moved} FROM {source}")  # noqa: S608  # as above


def _asking_balances(told: str) -> str:
    """The definition of a refusal of unknown accounts, which now looks for their balances."""
    before, after = "FROM account WHERE number =", "FROM balance WHERE account ="
    assert before in told, told
    return told.replace(before, after)
