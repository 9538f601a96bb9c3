"""Reads CSV and parquet files as tables of text, in chunks, with the number of every row."""

import csv
import gzip
import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, Final

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

from features.ingest.errors import IngestError
from features.ingest.mapping import Read
from features.ingest.refusals import Refusal

CHUNK_ROWS: Final = 10_000
NUMBER: Final = "#row"
"""The column that holds a row's number within its file, from 1."""

OnRefusal = Callable[[Refusal], None]


def columns_of(file: Path, read: Read) -> list[str]:
    """The file's column names. Raises IngestError if it cannot be read."""
    with _explained(file):
        if file.suffix == ".parquet":
            return [str(name) for name in pq.read_schema(file).names]
        with _open_text(file, read) as text:
            return _header(file, csv.reader(text, delimiter=_delimiter(file, read), strict=True))


def tables_of(file: Path, read: Read, columns: Sequence[str], refuse: OnRefusal) -> Iterator[pa.Table]:
    """The named columns as text plus the row number, at most 10,000 rows at a time."""
    with _explained(file):
        yield from (_parquet if file.suffix == ".parquet" else _csv)(file, read, columns, refuse)


def _parquet(file: Path, read: Read, columns: Sequence[str], refuse: OnRefusal) -> Iterator[pa.Table]:
    del read, refuse  # a parquet file knows how it is written, and all its rows have all columns
    first = 1
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for batch in pq.ParquetFile(file).iter_batches(CHUNK_ROWS, columns=list(columns)):
            # DuckDB writes any type as the text that one expects, e.g. 2018-04-01 00:00:31 for a timestamp.
            connection.register("batch", pa.table(batch))
            text = connection.sql("SELECT COLUMNS(*)::VARCHAR FROM batch").to_arrow_table()
            yield _numbered(text.select(columns), range(first, first + batch.num_rows))
            first += batch.num_rows


def _csv(file: Path, read: Read, columns: Sequence[str], refuse: OnRefusal) -> Iterator[pa.Table]:
    with _open_text(file, read) as text:
        reader = csv.reader(text, delimiter=_delimiter(file, read), strict=True)
        header = _header(file, reader)
        places = [header.index(name) for name in columns]
        rows = enumerate((row for row in reader if row), start=1)  # an empty line is no row
        while chunk := list(islice(rows, CHUNK_ROWS)):
            whole = [(number, row) for number, row in chunk if len(row) == len(header)]
            for number, row in chunk:
                if len(row) != len(header):
                    message = f"must have {len(header)} cells as the header has; a cell with a comma needs quotes"
                    refuse(Refusal(file.name, number, "(row)", message, f"{len(row)} cells"))
            cells = [pa.array([row[place] for _, row in whole], pa.string()) for place in places]
            yield _numbered(pa.table(cells, names=list(columns)), [number for number, _ in whole])


def _numbered(table: pa.Table, numbers: Sequence[int]) -> pa.Table:
    return table.append_column(NUMBER, pa.array(numbers, pa.int64()))


def _header(file: Path, reader: Any) -> list[str]:
    header = next(reader, None)
    if not header:
        raise IngestError(f"{file} is empty; its first line must name the columns")
    names = [name.strip() for name in header]
    if twice := [name for name in names if names.count(name) > 1]:
        raise IngestError(f"{file} has two columns called {twice[0]}; rename one of them")
    return names


def _delimiter(file: Path, read: Read) -> str:
    return "\t" if file.suffix == ".tsv" else read.delimiter


def _open_text(file: Path, read: Read) -> io.TextIOWrapper:
    raw = gzip.GzipFile(file) if file.suffix == ".gz" else file.open("rb")
    # utf-8-sig drops the mark that Excel puts in front; without it the first column would have a strange name.
    encoding = "utf-8-sig" if read.encoding.lower() in ("utf-8", "utf8") else read.encoding
    return io.TextIOWrapper(raw, encoding=encoding, newline="")


@contextmanager
def _explained(file: Path) -> Iterator[None]:
    """Turns what a reader raises into a sentence with a remedy."""
    try:
        yield
    except FileNotFoundError:
        raise IngestError(f"{file} does not exist; check the path given after --from") from None
    except UnicodeError:
        raise IngestError(f"{file} is not in the encoding of the mapping; set read.encoding, e.g. gb18030") from None
    except LookupError as error:
        raise IngestError(f"{file} cannot be decoded ({error}); read.encoding must be e.g. utf-8 or gb18030") from None
    except csv.Error as error:
        raise IngestError(f"{file} is not well-formed CSV ({error}); check its quotes and read.delimiter") from None
    except (OSError, EOFError, pa.ArrowInvalid) as error:
        raise IngestError(f"{file} cannot be read ({error}); is it a whole CSV or parquet file?") from None
