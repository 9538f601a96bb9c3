"""Which file of a home cannot be read, in one sentence: an engine says what is wrong, and seldom where."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from json import JSONDecodeError
from pathlib import Path
from typing import Final

from pyarrow import ArrowInvalid

from features.home import Home
from features.log import DamagedLogError, Log, rows_in

_COPY: Final = "restore it from a copy"


def assert_startable(home: Home) -> None:
    """Raises ValueError, with the remedy, for a file without which no service starts.

    Not for the registry: a service that cannot read it starts, and holds what it cannot score.
    """
    damage = next(_damages_of_start(home), None)
    if damage is not None:
        raise ValueError(damage)


def damage_behind(failure: Exception, home: Home) -> str | None:
    """The damaged file of the home that a failure of an engine comes from, with the remedy; None: it has none.

    A database is read whole: the command has failed already.
    """
    if isinstance(failure, JSONDecodeError | ArrowInvalid):
        return next(_damages_of_start(home), None)
    # SQLAlchemy wraps what SQLite says.
    if isinstance(getattr(failure, "orig", failure), sqlite3.DatabaseError):
        return next(_damages(home), None)
    return None


def _damages_of_start(home: Home) -> Iterator[str]:
    """Reads the beginning of each file."""
    yield from _of_source(home)
    yield from _of_log(home)
    for file in _needed(home):
        yield from _of_database(file, _COPY, "schema_version")


def _damages(home: Home) -> Iterator[str]:
    yield from _damages_of_start(home)
    mlflow = f"{_COPY}, or move {home.mlflow} away and run `assay retrain`"
    made = {home.mlflow / "mlflow.db": mlflow, home.features / "online.db": "remove it, and run `assay backfill`"}
    for file, remedy in (dict.fromkeys(_needed(home), _COPY) | made).items():
        yield from _of_database(file, remedy, "quick_check(1)")


def _needed(home: Home) -> tuple[Path, ...]:
    return home.records, home.root / "fake-provider.db"


def _of_source(home: Home) -> Iterator[str]:
    try:
        reason = "" if isinstance(home.manifest, dict) else "no JSON object"
    except ValueError as failure:
        reason = f"no JSON: {failure}"
    if reason:
        yield f"{home.manifest_file} cannot be read ({reason}): {_COPY}"


def _of_log(home: Home) -> Iterator[str]:
    try:
        for file in Log(home.log).files():
            rows_in(file)
    except DamagedLogError as damaged:
        yield str(damaged)


def _of_database(file: Path, remedy: str, pragma: str) -> Iterator[str]:
    """A database that is missing or locked, or that we may not open, is not damaged."""
    if not file.exists():
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            said = str(connection.execute(f"PRAGMA {pragma}").fetchone()[0])
    except sqlite3.OperationalError:
        return
    except sqlite3.DatabaseError as failure:
        said = str(failure)
    if said != "ok" and not said.isdigit():  # all is well, or the number of the schema
        told = said.partition("\n")[0]
        yield f"{file} cannot be read ({told}): {remedy}"
