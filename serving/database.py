"""One database for decisions, offers, cases and the book, so that they can share a commit: SQLite or PostgreSQL."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
    inspect,
    select,
    text,
)
from sqlalchemy.exc import ArgumentError, OperationalError

from features.home import Home
from features.store.settings import Unreachable, without_password

METADATA = MetaData()
"""Every table of the service is declared on this object, in the module that owns it."""

MIGRATIONS: Final = Path(__file__).with_name("migrations")
REVISION: Final = "r0002"
"""The newest of the migrations. What is merely added (a table, an index, a column that may be empty) needs none."""
_SHAPE: Final = Table(
    "shape",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("revision", String(32), nullable=False),
    Column("digest", String(64), nullable=False),
)
"""The shape that the database was given last."""

SERVED: Final = "serving.lock"
"""The file of a home that its service locks while it runs. A command that migrates shares it until it has committed."""
CONNECT_SECONDS_MAX: Final = 10
STATEMENT_SECONDS_MAX: Final = 30
"""No statement of the service takes a second; one that takes this long will not end."""
_LOCK_SECONDS_MAX: Final = 10
_IDLE_SECONDS_MAX: Final = 60  # inside a transaction: a process that hangs must not hold its rows for ever
_SHAPING: Final = 0x41737361  # the advisory lock of those who make tables; any number that nobody else uses
_SHAPED_ALONE: Final = text("SELECT pg_advisory_xact_lock(:lock)")


class OtherReleaseError(ValueError):
    """The database is of another release, and this process may not change it."""


def database_of(home: Home) -> Path | str:
    """ASSAY_DATABASE, an address of PostgreSQL, or the home's own file. Raises ValueError for another address."""
    address = os.environ.get("ASSAY_DATABASE")
    if address and not address.startswith("postgresql+psycopg://"):
        raise ValueError("ASSAY_DATABASE must be postgresql+psycopg://USER@HOST/DATABASE; unset it for SQLite")
    return address or home.records


def has_records(home: Home) -> bool:
    """Whether the home has served. A database under ASSAY_DATABASE is there before its first service."""
    place = database_of(home)
    return not isinstance(place, Path) or place.exists()


def open_records(home: Home) -> Engine:
    """The home's database, for a command: a service may run on it. Raises what `open_database` raises."""
    return open_database(database_of(home), beside=home)


def open_database(place: Path | str, beside: Home | None = None) -> Engine:
    """A path opens SQLite, an address PostgreSQL. In both a commit that was acknowledged survives a power cut.

    Tables that are missing are made, by one process at a time. A start migrates what an earlier release left; who names
    the home that it works `beside` migrates only while no service runs there, for it would break the service. Raises
    OtherReleaseError where that is so, and for a database of a later release; Unreachable for a PostgreSQL that does
    not open.
    """
    engine = _sqlite(place) if isinstance(place, Path) else _postgresql(place)
    try:
        _shape(engine, beside)
    except OtherReleaseError:
        engine.dispose()
        raise
    except OperationalError as failure:
        engine.dispose()
        if isinstance(place, Path):
            raise
        raise _unreachable(place, failure) from failure
    return engine


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """A connection that sees one consistent state and never waits for the writer."""
    options: dict[str, Any] = {"reads": True}
    if engine.dialect.name == "postgresql":
        options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        yield connection


def revision_of(connection: Connection) -> str | None:
    """The revision that the database was given last, by whichever release."""
    return connection.execute(select(_SHAPE.c.revision)).scalar_one_or_none()


def _sqlite(path: Path) -> Engine:
    """In WAL mode, and every commit reaches the disk (`synchronous=FULL`)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(
        f"sqlite:///{path}", connect_args={"check_same_thread": False, "timeout": 10}, hide_parameters=True
    )
    event.listen(engine, "connect", _prepare)
    event.listen(engine, "begin", _begin)
    return engine


def _prepare(connection: Any, _: object) -> None:
    connection.isolation_level = None  # the driver would otherwise begin transactions of its own
    # Without recursive_triggers, INSERT OR REPLACE deletes without asking the triggers on DELETE.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "recursive_triggers=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    # IMMEDIATE: a writer that waits at the start never fails in the middle. Readers wait for nobody.
    reads = connection.get_execution_options().get("reads", False)
    connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")


def _postgresql(address: str) -> Engine:
    """READ COMMITTED: writers lock the rows that they judge, and what they add is unique by a constraint."""
    settings = {
        "statement_timeout": f"{STATEMENT_SECONDS_MAX}s",
        "lock_timeout": f"{_LOCK_SECONDS_MAX}s",
        "idle_in_transaction_session_timeout": f"{_IDLE_SECONDS_MAX}s",
        "synchronous_commit": "on",  # a server may be set to acknowledge what is not on disk
    }
    told = " ".join(f"-c {name}={value}" for name, value in settings.items())
    try:
        engine = create_engine(
            address,
            connect_args={"connect_timeout": CONNECT_SECONDS_MAX, "options": told},
            isolation_level="READ COMMITTED",
            hide_parameters=True,
            pool_pre_ping=True,  # a server that was restarted is met with a new connection
        )
    except (ImportError, ArgumentError) as failure:
        raise _unreachable(address, failure) from failure
    event.listen(engine, "before_cursor_execute", _unlocked, retval=True)
    return engine


def _unlocked(_: object, __: object, statement: str, parameters: Any, context: Any, ___: bool) -> tuple[str, Any]:
    """A reader locks nothing: what a writer locks before it changes it, a reader merely looks at."""
    reads = context is not None and context.execution_options.get("reads", False)
    return statement.removesuffix(" FOR UPDATE") if reads else statement, parameters


def _unreachable(address: str, failure: Exception) -> Unreachable:
    shown, why = without_password(address), str(failure).partition("\n")[0]
    return Unreachable(
        f"ASSAY_DATABASE names {shown}, which does not open ({why}): start PostgreSQL there, install its driver "
        "(psycopg), correct the address, or unset ASSAY_DATABASE to keep records in a file of the home"
    )


def _shape(engine: Engine, beside: Home | None) -> None:
    """Make what is missing, change what is old. Several processes may start at once; SQLite has one writer anyway.

    A database that this release has shaped before is asked one question. A new one is made at once; one of an earlier
    release is migrated where what it holds must change, and widened by what is new.
    """
    wanted = _shape_of(METADATA)
    with ExitStack() as until_committed, engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(_SHAPED_ALONE, {"lock": _SHAPING})
        revision, digest = _shape_found(connection)
        if digest == wanted:
            return
        if (revision or "") > REVISION:
            raise OtherReleaseError(
                f"the database is of a later release (revision {revision}; this one knows {REVISION}): run that release"
            )
        if inspect(connection).has_table("account"):
            if beside is not None and revision != REVISION:
                until_committed.enter_context(_unserved(beside))
            _migrate(connection)
        METADATA.create_all(connection)
        _widen(connection)
        connection.execute(_SHAPE.delete())
        connection.execute(_SHAPE.insert().values(id=1, revision=REVISION, digest=wanted))


def _shape_of(metadata: MetaData) -> str:
    """A digest of all tables, columns and indexes that this process knows, and of the migrations."""
    told = [
        (table.name, sorted(column.name for column in table.columns), sorted(str(one.name) for one in table.indexes))
        for table in metadata.sorted_tables
    ]
    return hashlib.sha256(repr((REVISION, told)).encode()).hexdigest()


def _shape_found(connection: Connection) -> tuple[str | None, str | None]:
    """Revision and digest."""
    if not inspect(connection).has_table(_SHAPE.name):
        return None, None
    found = connection.execute(select(_SHAPE.c.revision, _SHAPE.c.digest)).one_or_none()
    return (found.revision, found.digest) if found else (None, None)


@contextmanager
def _unserved(home: Home) -> Iterator[None]:
    """No service starts on the home meanwhile; other commands may do the same. Raises OtherReleaseError if one runs."""
    home.root.mkdir(parents=True, exist_ok=True)  # a database under ASSAY_DATABASE may be all that there is
    with (home.root / SERVED).open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            raise OtherReleaseError(
                "this home's database is of an earlier release and a service runs on it: stop it first, or run this "
                "command with the release that serves"
            ) from None
        yield


def _migrate(connection: Connection) -> None:
    """Alembic is imported here: only a database of an earlier release needs it."""
    from alembic import command  # noqa: PLC0415  # seldom needed, and slow to load
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    config.attributes["connection"] = connection
    is_shaped = inspect(connection).has_table(_SHAPE.name)
    if is_shaped and not inspect(connection).has_table("alembic_version"):
        # It was made new, by a release that had these migrations already.
        command.stamp(config, connection.execute(select(_SHAPE.c.revision)).scalar_one_or_none() or "base")
    command.upgrade(config, "head")


def _widen(connection: Connection) -> None:
    """Add to a database of an earlier release the columns that are new since, which hold nothing for what is past, and
    the indexes.
    """
    found = inspect(connection)
    columns, indexes = found.get_multi_columns(), found.get_multi_indexes()
    for table in METADATA.sorted_tables:
        known = {column["name"] for column in columns[None, table.name]}
        for column in table.columns:
            if column.name not in known:
                assert column.nullable, f"{table.name}.{column.name} is new, so it must allow nothing"
                kind = column.type.compile(connection.dialect)
                connection.exec_driver_sql(f'ALTER TABLE "{table.name}" ADD COLUMN "{column.name}" {kind}')
        made = {index["name"] for index in indexes[None, table.name]}
        for index in table.indexes:
            if index.name not in made:
                index.create(connection)
