"""`assay reconcile`: take statements in, compare all that were ever taken in with the book, keep what differs.

Breaks follow from the statements and the book alone, so a file that comes twice changes nothing, and one that explains
a break closes it. Typed lines lie in the home, a parquet file a statement; the database says which of them count.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from sqlalchemy import Connection, Engine

from features.home import Home
from pipelines.console import UserError
from pipelines.reconcile.mapping import StatementError, StatementMapping
from pipelines.reconcile.ours import conversions_of, in_clearing, payouts_of
from pipelines.reconcile.statement import digest_of, lines_of
from serving.database import has_records, open_records, reading
from serving.payouts.reconciliation import kept
from serving.payouts.reconciliation.causes import Cause, Side
from serving.payouts.reconciliation.clearing import stands
from serving.payouts.reconciliation.comparing import Compared, Terms, compare
from serving.payouts.reconciliation.kept import Change, Statement
from serving.payouts.reconciliation.rates import Rate
from serving.payouts.reconciliation.rows import BREAKS, LINES, OURS, Standing, breaks_of
from training.scrubbing import Partner, partners

Advance = Callable[[int], object]


@dataclass(frozen=True)
class Request:
    """What a person asked for. `since`, `until`: the period of the files, if their rows do not say it."""

    mapping: StatementMapping
    files: Sequence[Path] = ()
    since: int | None = None
    until: int | None = None
    rates: Sequence[Rate] = ()
    tolerance_ppm: int = 0
    again: bool = False

    @property
    def source(self) -> str:
        return f"{self.mapping.side}:{self.mapping.party}"

    @property
    def patience_micros(self) -> int:
        return int(self.mapping.patience.total_seconds()) * 1_000_000


@dataclass(frozen=True)
class Reconciled:
    """`standing`: BREAKS on record that nobody closed. `agreed`: payments and micros by currency that agree."""

    source: str
    lines: int
    new_statements: int
    statements: int
    agreed: dict[str, tuple[int, int]]
    standing: pl.DataFrame
    change: Change
    uncovered: int
    scrubbing: Partner | None


@dataclass(frozen=True)
class _Taken:
    statement: Statement
    lines: pl.DataFrame


@dataclass(frozen=True)
class _Found:
    judged: pl.DataFrame
    breaks: pl.DataFrame
    scrubbing: Partner | None


def reconcile(home: Home, request: Request, now: int, advance: Advance = lambda _: None) -> Reconciled:
    """Raises StatementError, having changed nothing, for a file that cannot be used; UserError without records."""
    if not request.mapping.party:
        raise StatementError(f"the mapping {request.mapping.name} names no party: say whose statement it is, --party")
    with opened(home) as engine:
        with reading(engine) as connection:
            before = kept.statements(connection)
        taken = [_taken(file, request, advance) for file in _new(request, before)]
        for one in taken:
            _shelve(_place(home, one.statement), one.lines)
        news = {one.statement.digest: one.statement for one in taken}
        statements = [one for one in before if one.source != request.source or one.digest not in news]
        statements += news.values()
        # All that takes long happens here, while the service goes on writing.
        with reading(engine) as connection:
            found = _found(home, connection, request, statements, now)
        with engine.begin() as connection:
            if kept.statements(connection) != before:
                raise UserError("another run took in a statement meanwhile: run it again")
            for one in taken:
                kept.keep_statement(connection, one.statement, now)
            change = kept.settle(connection, request.source, found.breaks, now)
            standing = kept.standing(connection, request.source)
    own = _of_source(statements, request.source)
    judged = found.judged
    return Reconciled(
        source=request.source,
        lines=sum(one.row_count for one in own),
        new_statements=len(taken),
        statements=len(own),
        agreed=_agreed(judged),
        standing=standing,
        change=change,
        uncovered=judged.filter((pl.col("standing") == Standing.DUE) & ~pl.col("seen") & ~pl.col("covered")).height,
        scrubbing=found.scrubbing,
    )


@contextmanager
def opened(home: Home) -> Iterator[Engine]:
    """The home's database. Raises UserError where there is none."""
    if not has_records(home):
        raise UserError(f"{home.root} has no records: there is no book to compare with; set ASSAY_HOME to a home")
    engine = open_records(home)
    try:
        yield engine
    finally:
        engine.dispose()


def _of_source(statements: Sequence[Statement], source: str) -> list[Statement]:
    """In the order in which they are judged, whichever came first."""
    return sorted((one for one in statements if one.source == source), key=lambda one: (one.since, one.digest))


def _new(request: Request, before: Sequence[Statement]) -> Iterator[tuple[Path, str]]:
    """Files that were not taken in before, each content once."""
    met = set() if request.again else {one.digest for one in _of_source(before, request.source)}
    for file in request.files:
        digest = digest_of(file)
        if digest not in met:
            met.add(digest)
            yield file, digest


def _taken(found: tuple[Path, str], request: Request, advance: Advance) -> _Taken:
    file, digest = found
    lines = lines_of(file, request.mapping, advance)
    first, last = lines["occurred_at"].min(), lines["occurred_at"].max()
    since, until = (request.since, request.until) if lines.is_empty() else (first, last)
    since, until = (request.since or since, request.until or until)
    if since is None or until is None:
        raise StatementError(f"{file.name} has no rows to compare: if nothing moved, say so with --since and --until")
    assert isinstance(since, int)
    assert isinstance(until, int)
    outside = lines.filter(~pl.col("occurred_at").is_between(since, until))
    if outside.height or since > until:
        row = outside["row"][0] if outside.height else 0
        raise StatementError(f"{file.name}: row {row:,} lies outside of --since to --until; correct the period")
    name = file.name[: kept.NAME_LENGTH_MAX]
    return _Taken(Statement(request.source, digest, name, since, until, lines.height), lines)


def _place(home: Home, statement: Statement) -> Path:
    return home.root / "reconciliation" / statement.source.replace(":", "-", 1).replace("/", "_") / statement.digest


def _shelve(place: Path, lines: pl.DataFrame) -> None:
    """Whole or not at all, and on the disk before the database speaks of it."""
    place.parent.mkdir(parents=True, exist_ok=True)
    unfinished = place.with_suffix(".part")
    lines.write_parquet(unfinished)
    with unfinished.open("rb+") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(place.with_suffix(".parquet"))


def _lines(home: Home, statements: Sequence[Statement]) -> pl.DataFrame:
    """Of all statements; `statement` is the digest, because two files may share a name."""
    parts = [pl.DataFrame(schema=LINES)]
    for one in statements:
        place = _place(home, one).with_suffix(".parquet")
        if not place.exists():
            raise UserError(f"{place} is missing, which holds {one.name}: give that file again with --again")
        parts.append(pl.read_parquet(place).with_columns(pl.lit(one.digest).alias("statement")))
    return pl.concat(parts)


def _found(home: Home, connection: Connection, request: Request, every: Sequence[Statement], now: int) -> _Found:
    """`every` statement of every source."""
    mapping = request.mapping
    statements = _of_source(every, request.source)
    if mapping.side is Side.PROVIDER:
        compared = compare(_lines(home, statements), payouts_of(connection, mapping.party), _terms(request, statements))
        more, scrubbing = stands(in_clearing(connection, mapping.party), request.patience_micros, now), None
    else:
        compared = _compared_partner(home, connection, request, every, mapping.party)
        scrubbing = _scrubbing(home, connection, request, every)
        more = _of_scrubbing(scrubbing, statements)
    names = {one.digest: one.name for one in statements}
    breaks = pl.concat([compared.breaks, more]).with_columns(pl.col("statement").replace(names))
    return _Found(compared.judged, breaks, scrubbing)


def _terms(request: Request, statements: Sequence[Statement]) -> Terms:
    covered = [(one.since, one.until) for one in statements]
    return Terms(request.mapping.side, request.patience_micros, covered, request.rates, request.tolerance_ppm)


def _compared_partner(
    home: Home, connection: Connection, request: Request, every: Sequence[Statement], partner: str
) -> Compared:
    statements = _of_source(every, f"{Side.PARTNER}:{partner}")
    ours = conversions_of(connection, partner).select(list(OURS))
    return compare(_lines(home, statements), ours, _terms(request, statements))


def _scrubbing(home: Home, connection: Connection, request: Request, every: Sequence[Statement]) -> Partner | None:
    """How often this partner left unpaid what others pay for: only of what statements cover and patience is over."""
    prefix = f"{Side.PARTNER}:"
    sources = {one.source for one in every if one.source.startswith(prefix)}
    names = sorted(source.removeprefix(prefix) for source in sources)
    if len(names) < 2:
        return None
    traffic = [_traffic(home, connection, request, every, name) for name in names]
    found = [one for one in partners(pl.concat(traffic)) if one.partner_id == request.mapping.party and one.stands_out]
    return found[0] if found else None


def _traffic(
    home: Home, connection: Connection, request: Request, every: Sequence[Statement], partner: str
) -> pl.DataFrame:
    judged = _compared_partner(home, connection, request, every, partner).judged
    settled = judged.filter((pl.col("standing") == Standing.DUE) & pl.col("covered") & ~pl.col("edge"))
    events = conversions_of(connection, partner).unique("id", keep="first").select("id", "kind", "score")
    joined = settled.join(events, on="id", how="left", maintain_order="left")
    unpaid = (pl.col("net") == 0).alias("reversed")
    return joined.select(pl.lit(partner).alias("partner_id"), "kind", "score", unpaid)


def _of_scrubbing(scrubbing: Partner | None, statements: Sequence[Statement]) -> pl.DataFrame:
    if scrubbing is None:
        return pl.DataFrame(schema=BREAKS)
    told = {
        "subject": [f"partner:{scrubbing.partner_id}"],
        "cause": [Cause.SCRUBBED.value],
        "key": [scrubbing.partner_id],
        "opened_at": [max(one.until for one in statements)],
    }
    return breaks_of(pl.DataFrame(told))


def _agreed(judged: pl.DataFrame) -> dict[str, tuple[int, int]]:
    rows = judged.filter("agrees").group_by("currency").agg(pl.len(), pl.col("expected").sum()).sort("currency").rows()
    return {currency: (count, int(micros)) for currency, count, micros in rows}
