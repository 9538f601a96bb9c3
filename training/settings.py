"""Settings that people change: a flat YAML file whose keys are exactly the fields of a record of numbers."""

from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

from features.written import NotYaml, read_yaml

Record = TypeVar("Record")


def read_settings(kind: type[Record], file: Path) -> Record:
    """The record in `file`. Raises ValueError naming the keys that are missing or unknown, and what `kind` refuses."""
    try:
        read = read_yaml(file.read_bytes()) or {}
    except NotYaml as error:
        raise ValueError(f"{file} {error}") from None
    record: Any = kind
    known = {field.name for field in fields(record)}
    if not isinstance(read, dict) or read.keys() != known:
        found = set(read) if isinstance(read, dict) else set()
        absent, unknown = ", ".join(sorted(known - found)), ", ".join(sorted(map(str, found - known)))
        raise ValueError(f"{file.name}: missing {absent or 'nothing'}, unknown {unknown or 'nothing'}")
    return kind(**read)


def assert_number(name: str, value: object) -> None:
    """Raises ValueError, naming the field, for what is no number; true and false are none."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name} must be a number, not {value!r}")
