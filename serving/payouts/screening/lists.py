"""Lists of names that must not be paid unseen: files in the columns of OpenSanctions' `targets.simple.csv`.

Read are `id`, `schema` (only `Person`; empty counts as one), `name`, `aliases` and `birth_date`, the last two separated
by semicolons, dates whole or cut after the month or the year. Every other column is ignored.
"""

import csv
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Final

FILE_BYTES_MAX: Final = 2**30
NAMES_OF_ENTRY_MAX: Final = 200
PERSON: Final = "Person"
_NEVER_IN_A_NAME: Final = "\0\n\r"
_COLUMNS: Final = ("id", "name", "aliases", "birth_date")
_DATE: Final = re.compile(r"\d{4}(-\d{2}(-\d{2})?)?")


class BadList(ValueError):  # noqa: N818  # named for what it is, as refusals are
    """A list that cannot be read whole is not read at all; the message names the file, the line and the remedy."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`birth_dates`: `1970`, `1970-05` or `1970-05-02`; none where the list does not know."""

    id: str
    names: tuple[str, ...]
    birth_dates: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Of what it says: an entry that says something new is asked about anew."""
        said = "\n".join((self.id, *sorted(self.names), "", *sorted(self.birth_dates)))
        return hashlib.sha256(said.encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class NameList:
    """`version`: the same for the same entries."""

    entries: tuple[Entry, ...]
    version: str

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> "NameList":
        """Sorted by id. Raises ValueError for an id that comes twice."""
        kept = tuple(sorted(entries, key=lambda entry: entry.id))
        for before, after in pairwise(kept):
            if before.id == after.id:
                raise ValueError(f"{after.id!r} is listed twice: give each entry one line")
        return cls(kept, hashlib.sha256("".join(entry.digest for entry in kept).encode()).hexdigest()[:32])


def read_lists(files: Sequence[Path]) -> NameList:
    """All of them as one; an id is made unique by its file's name. Raises `BadList`, or OSError."""
    try:
        return NameList.of(entry for file in files for entry in _entries(file))
    except ValueError as error:
        raise error if isinstance(error, BadList) else BadList(str(error)) from error


def _entries(file: Path) -> Iterator[Entry]:
    if file.stat().st_size > FILE_BYTES_MAX:
        raise BadList(f"{file} is larger than {FILE_BYTES_MAX:,} bytes: split it")
    with file.open(encoding="utf-8-sig", newline="") as lines:
        # Strict: without it a quote that is never closed swallows every name to the end of the file.
        rows, count = csv.DictReader(lines, strict=True), 0
        try:
            _check_columns(file, rows.fieldnames or ())
            for row in rows:
                if _is_person(file, rows.line_num, row.get("schema") or PERSON):
                    yield _entry(file, rows.line_num, row)
                    count += 1
        except (csv.Error, UnicodeDecodeError) as error:
            raise BadList(f"{file}, line {rows.reader.line_num}: {error}: save it as CSV in UTF-8") from error
    if not count:
        raise BadList(f"{file} lists no person: put back what it listed, or take the file away")


def _is_person(file: Path, line: int, schema: str) -> bool:
    if schema != PERSON and schema.strip().casefold() == PERSON.casefold():
        raise BadList(f"{file}, line {line}: schema {schema!r}: write {PERSON}")
    return schema == PERSON


def _check_columns(file: Path, columns: Sequence[str]) -> None:
    missing = [column for column in _COLUMNS if column not in columns]
    if missing:
        raise BadList(
            f"{file}: its first line does not name the columns {', '.join(missing)}: save it with those of "
            "OpenSanctions' targets.simple.csv, or leave the file out"
        )


def _entry(file: Path, line: int, row: dict[str, str]) -> Entry:
    names = tuple(dict.fromkeys(_parts(row["name"]) + _parts(row["aliases"])))
    dates = _parts(row["birth_date"])
    if not row["id"] or not names:
        raise BadList(f"{file}, line {line}: an entry needs an id and a name")
    if any(one in name for name in names for one in _NEVER_IN_A_NAME):
        raise BadList(f"{file}, line {line}: a name holds a line break or a NUL: is a quote missing before this line?")
    if len(names) > NAMES_OF_ENTRY_MAX:
        raise BadList(f"{file}, line {line}: more than {NAMES_OF_ENTRY_MAX} names: split the entry")
    wrong = [date for date in dates if not _DATE.fullmatch(date)]
    if wrong:
        raise BadList(f"{file}, line {line}: birth_date {wrong[0]!r}: write 1970, 1970-05 or 1970-05-02")
    return Entry(f"{file.stem}/{row['id']}", names, tuple(dates))


def _parts(cell: str | None) -> list[str]:
    return [part.strip() for part in (cell or "").split(";") if part.strip()]
