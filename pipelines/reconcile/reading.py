"""A statement's columns as text, with the number of every row: fast where the file is plain, else careful."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import duckdb
import polars as pl
import pyarrow as pa

from features.ingest.mapping import Read
from features.ingest.reading import NUMBER, OnRefusal, columns_of, tables_of

PART_ROWS: Final = 200_000
_BLOCK_BYTES: Final = 1 << 20


class NotPlain(Exception):  # noqa: N818  # it names what the file is, and is not told to anybody
    """The fast reader stumbled, or read another number of rows than the file has lines."""


def plain_parts(file: Path, read: Read, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
    """A UTF-8 CSV file with a row a line. Raises `NotPlain`, perhaps after the last part: then none of them counts."""
    if file.suffix in (".parquet", ".gz") or read.encoding.lower() not in ("utf-8", "utf8"):
        raise NotPlain
    shape = dict.fromkeys(columns_of(file, read), "VARCHAR")
    delimiter = "\t" if file.suffix == ".tsv" else read.delimiter
    count = 0
    try:
        with duckdb.connect() as connection:
            rows = connection.sql(_QUERY, params=[str(file), delimiter, shape]).select(*_quoted(columns))
            for batch in rows.to_arrow_reader(PART_ROWS):
                part = pl.DataFrame(pl.from_arrow(pa.table(batch)))
                yield part.with_columns(pl.int_range(count + 1, count + 1 + part.height).alias(NUMBER))
                count += part.height
    except duckdb.Error:
        raise NotPlain from None
    # A quote that nobody closes would swallow all that follows, in silence.
    if count + 1 != _lines(file):
        raise NotPlain


_QUERY: Final = (
    "SELECT * FROM read_csv(?, auto_detect=false, header=true, delim=?, quote='\"', escape='\"', columns=?, "
    "strict_mode=true, null_padding=false, ignore_errors=false)"
)


def _quoted(columns: Sequence[str]) -> list[duckdb.Expression]:
    return [duckdb.ColumnExpression(name) for name in columns]


def _lines(file: Path) -> int:
    count, last = 0, b""
    with file.open("rb") as stream:
        while block := stream.read(_BLOCK_BYTES):
            count, last = count + block.count(b"\n"), block[-1:]
    return count + (last != b"\n")


def careful_parts(file: Path, read: Read, columns: Sequence[str], refuse: OnRefusal) -> Iterator[pl.DataFrame]:
    """Any file, row by row; rows that do not fit are told to `refuse`. Raises IngestError."""
    waiting: list[pl.DataFrame] = []
    for table in tables_of(file, read, columns, refuse):
        waiting.append(pl.DataFrame(pl.from_arrow(table)))
        if sum(part.height for part in waiting) >= PART_ROWS:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)
