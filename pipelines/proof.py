"""The proofs of a home's book for the command line: verify it, give a person proofs, check them, forget, export."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine

from features.home import Home
from features.secrets import secret_of
from pipelines.console import UserError
from serving.database import has_records, open_records, reading
from serving.ledger.proof import beancount, erasure, heads, kept, slip, tree
from serving.ledger.proof.entries import Period, prove_entries
from serving.ledger.proof.findings import Finding
from serving.ledger.proof.growth import check_growth
from serving.ledger.proof.heads import Head
from serving.ledger.proof.rows import Rows
from serving.ledger.proof.signing import KEY, Places, key_of_home
from serving.ledger.proof.verify import Placed, Report
from serving.ledger.proof.verify import verify as verify_book
from serving.ledger.proofs import check_tables
from serving.ledger.refusals import Missing, Refusal
from serving.payouts import taxes


@contextmanager
def book_of(home: Home) -> Iterator[Engine]:
    """The home's database. Raises UserError where there is none."""
    if not has_records(home):
        raise UserError(f"{home.root} has no records: serve it first, or set ASSAY_HOME to a home that was served")
    engine = open_records(home)
    try:
        yield engine
    finally:
        engine.dispose()


def public_key(home: Home) -> Ed25519PublicKey:
    """The key that heads are checked with, made with its secret if there is none yet."""
    return key_of_home(home).public_key()


def known_key(home: Home) -> Ed25519PublicKey:
    """The key that the home's heads are checked with. Raises UserError where there is none yet."""
    if not (home.root / KEY).exists():
        raise UserError(f"{home.root} has no {KEY}: serve it first, or name a public key with --key")
    return public_key(home)


def read_key(file: Path) -> Ed25519PublicKey:
    """Raises ValueError for anything but a public key of `assay ledger key`."""
    try:
        return heads.from_pem(file.read_text("utf-8", errors="replace"))
    except ValueError as failure:
        raise UserError(f"{file}: {failure}") from None


def verify(
    home: Home, folders: Sequence[Path], keys: Sequence[Path], start: int, progress: Callable[[int], Any]
) -> Report:
    """Verify the home's book against the heads of `folders`, or else of all folders that the home knows.

    `progress` is told the number of events and gives the function that is told how far it came.
    """
    if start < 1:
        raise UserError("--from: the first event is event 1")
    for folder in folders:
        if not folder.is_dir():
            raise UserError(f"--heads: {folder} is no folder: name the one that heads were kept in")
    known = [read_key(file) for file in keys] or [known_key(home)]
    lines: list[Placed] = []
    for folder in folders or kept.folders_of(home):
        lines += [(f"{folder.name}/{where}", head) for where, head in kept.lines_of(folder)]
    with book_of(home) as engine, reading(engine) as connection:
        _, newest = Rows(connection).ends()
        if start > newest + 1:
            raise UserError(f"--from: the book has {newest} events")
        advance = progress(newest - start + 1)
        report = verify_book(connection, lines, {heads.key_id(key): key for key in known}, advance, start)
        if start == 1:
            report.add(Finding(None, sentence) for sentence in check_tables(connection) + taxes.check(connection))
    if not folders and not lines and Places.of_home(home).tiles.exists():
        gone = "heads were signed, and none is left: put them back, or name the folder of a copy (--heads)"
        report.add([Finding(None, gone)])
    return report


def prove(home: Home, user_id: str, since: int, until: int) -> dict[str, Any]:
    """What lets a person check their entries offline: those recorded at since <= instant < until, microseconds.

    Raises UserError when there is no head, or no such person under it.
    """
    places = Places.of_home(home)
    head = newest_head(places)
    with book_of(home) as engine, reading(engine) as connection:
        begun = tree.load(places.tiles)
        if begun.size > head.size:
            begun = tree.Tree()
        try:
            return prove_entries(connection, user_id, head, begun, Period(since, until))
        except Missing as failure:
            raise UserError(str(failure)) from None


def newest_head(places: Places) -> Head:
    found = [head for folder in places.folders if (head := kept.last_of(folder)) is not None]
    if not found:
        raise UserError("no head was signed yet: serve the home, and wait ten seconds")
    return max(found, key=lambda head: head.size)


def check(file: Path, key: Path) -> slip.Checked:
    """Raises `slip.Unproven`, and UserError for a file that is no JSON."""
    return slip.check(_json_of(file, "the file that `assay ledger payslip-proof` wrote"), read_key(key))


def check_heads(old: Path, new: Path, proof: Path, key: Path) -> tuple[Head, Head]:
    """Both heads, the earlier first. Raises `slip.Unproven`, and UserError for a file that is no head or no JSON."""
    heads_read = _read_head(old), _read_head(new)
    check_growth(_json_of(proof, "what /v1/ledger/proofs/consistency answered"), *heads_read, read_key(key))
    return heads_read


def _read_head(file: Path) -> Head:
    said = _json_of(file, "a file with one head")
    try:
        return Head.from_json(said.get("head", said) if isinstance(said, dict) else said)
    except ValueError as failure:
        told = "name what /v1/ledger/proofs/head answered, or one line of a folder of heads"
        raise UserError(f"{file} is no head: {failure}; {told}") from None


def _json_of(file: Path, wanted: str) -> Any:
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError):
        raise UserError(f"{file} is no JSON: name {wanted}") from None


def forget(home: Home, user_id: str, by: str, reason: str, now: int) -> int:
    """Destroy a person's names in the book; the number of accounts. Raises UserError when it must not be.

    What the engine keeps of a row that is gone is cleared away, too, as far as the engine lets us.
    """
    with book_of(home) as engine:
        try:
            with engine.begin() as connection:
                accounts = erasure.forget(connection, user_id, by, reason, now)
        except Refusal as refusal:
            raise UserError(str(refusal)) from None
        _clear(engine)
    return accounts


def _clear(engine: Engine) -> None:
    """Outside any transaction, as either engine wants it."""
    raw = engine.raw_connection()
    try:
        if engine.dialect.name == "sqlite":
            raw.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)")
        else:
            raw.driver_connection.autocommit = True  # type: ignore[union-attr]  # psycopg's own
            for table in ("subject_key", "account"):
                raw.cursor().execute(f"VACUUM {table}")
            raw.driver_connection.autocommit = False  # type: ignore[union-attr]  # as above
    finally:
        raw.close()


def export(home: Home, file: Path, format_: str, advance: Callable[[int], object], *, with_ids: bool) -> int:
    """Write the book to a file, which is there whole or not at all; the number of transfers."""
    if format_ != "beancount":
        raise UserError(f"--format: {format_!r} is not known; beancount is")
    digest_key = None if with_ids else secret_of(home.root / "export.key")
    with book_of(home) as engine, reading(engine) as connection:
        beside = file.with_name(f".{file.name}.part")
        with beside.open("w", encoding="utf-8") as out:
            count = beancount.write(connection, out, digest_key, advance)
        beside.replace(file)
    return count
