"""What the database refuses by itself, whoever writes to it: one declaration, a trigger in each engine."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import DDL, Table, event

_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION assay_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION USING MESSAGE = TG_ARGV[0], ERRCODE = 'integrity_constraint_violation'; END $$
"""


def refuse(table: Table, act: str, message: str, when: str = "1 = 1", of: Sequence[str] = ()) -> None:
    """A trigger on `table` that refuses `act` with `message`, raised as an IntegrityError.

    `when` is a condition on OLD and NEW that both engines read. Who may delete nothing may not TRUNCATE either. An
    update of none but columns that `of` does not name is not looked at.
    """
    name = f"{table.name}_refuses"
    on = f"{act} OF {', '.join(of)} ON {table.name}" if of else f"{act} ON {table.name}"
    _after(
        table,
        "sqlite",
        f"CREATE TRIGGER {name}_{act.lower()} BEFORE {on} WHEN {when} BEGIN SELECT RAISE(ABORT, '{message}'); END",
    )
    call = f"EXECUTE FUNCTION assay_refuse('{message}')"
    # Before a row is changed, PostgreSQL locks each for such a trigger, even if it then looks at none of its columns.
    moment = "AFTER" if of else "BEFORE"
    trigger = f"CREATE TRIGGER {name}_{act.lower()} {moment} {on} FOR EACH ROW WHEN ({when}) {call}"
    _after(table, "postgresql", _FUNCTION, trigger)
    if act == "DELETE":
        _after(table, "postgresql", f"CREATE TRIGGER {name}_truncate BEFORE TRUNCATE ON {table.name} {call}")


def refuse_replacing(table: Table, message: str, when: str) -> None:
    """Refuse a row that would replace another, which `when` finds by NEW.

    SQLite alone: there INSERT OR REPLACE deletes without asking the triggers on DELETE. PostgreSQL has no such word,
    and its ON CONFLICT DO UPDATE asks the trigger on UPDATE.
    """
    _refuse_insert(table, message, f"EXISTS (SELECT 1 FROM {table.name} WHERE {when})")  # noqa: S608  # from declarations alone


def refuse_before_the_newest(table: Table, key: str, message: str) -> None:
    """Refuse a row whose `key`, the primary one, does not come after all others: such a table is only appended to.

    SQLite alone, as above. The newest is found without a search, so that it costs a batch next to nothing.
    """
    newest = f"(SELECT coalesce(max({key}), 0) FROM {table.name})"  # noqa: S608  # from declarations alone
    _refuse_insert(table, message, f"NEW.{key} <= {newest}")


def refuse_unknown(table: Table, columns: Sequence[str], parent: Table, key: str, message: str) -> None:
    """Refuse rows whose `columns` name no row of `parent` by its `key`, zero excepted: a reference for hot tables.

    PostgreSQL judges a statement's rows together, where its own references would judge and lock row by row.
    """
    unknown = " OR ".join(
        f"({{0}}.{name} <> 0 AND NOT EXISTS (SELECT 1 FROM {parent.name} WHERE {key} = {{0}}.{name}))"  # noqa: S608  # declarations
        for name in columns
    )
    trigger = f"CREATE TRIGGER {table.name}_refuses_unknown"
    _after(
        table,
        "sqlite",
        f"{trigger} BEFORE INSERT ON {table.name} WHEN {unknown.format('NEW')} "
        f"BEGIN SELECT RAISE(ABORT, '{message}'); END",
    )
    found = f"EXISTS (SELECT 1 FROM fresh WHERE {unknown.format('fresh')})"  # noqa: S608  # from declarations alone
    function = (
        f"CREATE OR REPLACE FUNCTION {table.name}_refuses_unknown() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF {found} THEN "
        f"RAISE EXCEPTION USING MESSAGE = '{message}', ERRCODE = 'integrity_constraint_violation'; END IF; "
        "RETURN NULL; END $$"
    )
    _after(
        table,
        "postgresql",
        function,
        f"{trigger} AFTER INSERT ON {table.name} REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT "
        f"EXECUTE FUNCTION {table.name}_refuses_unknown()",
    )


def _refuse_insert(table: Table, message: str, when: str) -> None:
    _after(
        table,
        "sqlite",
        f"CREATE TRIGGER {table.name}_refuses_insert BEFORE INSERT ON {table.name} "
        f"WHEN {when} BEGIN SELECT RAISE(ABORT, '{message}'); END",
    )


def _after(table: Table, dialect: str, *statements: str) -> None:
    for statement in statements:
        made = DDL(statement)  # type: ignore[no-untyped-call]  # SQLAlchemy left this constructor untyped
        event.listen(table, "after_create", made.execute_if(dialect=dialect))
