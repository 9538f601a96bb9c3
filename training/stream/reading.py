"""Reads a file or a folder of payments, and the short YAML that says which columns mean what."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl

from features.ingest.load import load_mapping, shipped
from features.ingest.mapping import EventMapping
from features.written import NotYaml, read_yaml
from training.stream.payments import NAMED, Payments, PaymentsError, columns_of, payments_of

SUFFIXES: Final = (".csv", ".csv.gz", ".parquet")
FIELDS: Final = {"customer": "user_id", "terminal": "partner_id", "amount": "amount_micros"}
"""In a mapping of `assay ingest`, the fields of the paying event."""


def read_payments(file: Path, named: Mapping[str, str]) -> Payments:
    """The payments of a CSV or parquet file, or of all of them in a folder. Raises PaymentsError."""
    parts = [_read(part, named) for part in _files(file)]
    try:
        table = pl.concat(parts, how="vertical_relaxed")
    except pl.exceptions.PolarsError as error:
        raise PaymentsError(f"the files of {file} do not fit together ({error}); write all of them alike") from None
    return payments_of(table, named)


def _files(file: Path) -> list[Path]:
    if file.is_file():
        if not file.name.lower().endswith(SUFFIXES):
            raise PaymentsError(f"{file} is no {', '.join(SUFFIXES)} file; write the table as one of these")
        return [file]
    if not file.is_dir():
        raise PaymentsError(f"{file} does not exist; give a file or a folder of {', '.join(SUFFIXES)} files")
    files = sorted(part for part in file.iterdir() if part.name.lower().endswith(SUFFIXES))
    if not files:
        raise PaymentsError(f"{file} holds no {', '.join(SUFFIXES)} file")
    return files


def _read(file: Path, named: Mapping[str, str]) -> pl.DataFrame:
    """The five columns of one file."""
    try:
        lazy = pl.scan_parquet(file) if file.suffix == ".parquet" else pl.scan_csv(file, infer_schema_length=10_000)
        columns = columns_of(lazy.collect_schema().names(), named)
        return lazy.select(list(dict.fromkeys(columns.values()))).collect()
    except (pl.exceptions.PolarsError, OSError) as error:
        raise PaymentsError(f"{file} cannot be read ({error}); is it a whole CSV or parquet file?") from None


def read_columns(mapping: str | Path) -> dict[str, str]:
    """Role -> column, from a YAML file of five lines (`time: TX_DATETIME`, ...) or from a mapping of `assay ingest`, a
    shipped one by its name. Raises PaymentsError or MappingError.
    """
    path = Path(mapping)
    body = _yaml(path) if path.is_file() else {}
    if isinstance(body, dict) and body and body.keys() <= NAMED.keys():
        return {str(role): str(column) for role, column in body.items()}
    if not path.is_file() and str(mapping) not in shipped():
        raise PaymentsError(f"{mapping} is neither a YAML file nor a shipped mapping ({', '.join(shipped())})")
    return _from_ingest(mapping)


def _yaml(path: Path) -> Any:
    try:
        return read_yaml(path.read_bytes())
    except NotYaml as error:
        raise PaymentsError(f"{path} {error}") from None


def _from_ingest(mapping: str | Path) -> dict[str, str]:
    read = load_mapping(mapping)
    paid = next((event for event in read.events if "amount_micros" in event.fields), None)
    if paid is None or read.outcome is None:
        raise PaymentsError(
            f"{mapping} names no event with amount_micros or no outcome; "
            f"write a YAML file with {', '.join(f'{role}: COLUMN' for role in NAMED)}"
        )
    columns = {role: _column(paid, field) for role, field in FIELDS.items()}
    columns |= {"time": paid.occurred_at.column, "label": read.outcome.column}
    return {role: column for role, column in columns.items() if column is not None}


def _column(event: EventMapping, field: str) -> str | None:
    value = event.fields.get(field)
    return value.column if value else None
