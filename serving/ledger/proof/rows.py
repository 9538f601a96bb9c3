"""The chain's rows as the verifier reads them: many at once, as bytes that no Python object is made for.

The database writes each row as a line, and a window of rows as one value with their number, and with the number of
those whose columns have the types that they were declared with (SQLite keeps anything anywhere). Where the two differ,
or there are more lines than rows, or more fields in a line, the rows of that window are read one by one instead.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

SEPARATOR: Final = "\x1f"
WINDOW: Final = 8_192
"""Sequences that are read at once: their lines are small enough for the allocator to give the same room each time."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The columns of a table of the chain in the order in which a line says them; `optional` may be NULL."""

    table: str
    numbers: tuple[str, ...]
    texts: tuple[str, ...]
    optional: str

    @property
    def fields(self) -> int:
        return len(self.numbers) + len(self.texts)


TRANSFERS: Final = Layout(
    "transfer",
    ("sequence", "debit", "credit", "amount_micros", "debit_before", "credit_before", "effective_at", "recorded_at"),
    ("id", "cause_id", "hold_id", "kind"),
    "hold_id",
)
EVENTS: Final = Layout("ledger_event", ("sequence", "account", "micros", "at"), ("kind", "body"), "micros")


@dataclass(frozen=True, slots=True)
class Lines:
    """Rows as lines, with separators between the fields, the hash first in hexadecimal digits. `is_plain`: of types."""

    rows: int
    text: bytes
    is_plain: bool


_HASHES: Final = (
    "SELECT sequence, hash FROM transfer WHERE sequence > ? AND sequence <= ? UNION ALL"
    " SELECT sequence, hash FROM ledger_event WHERE sequence > ? AND sequence <= ? ORDER BY 1"
)
_NEXT: Final = (
    "SELECT min(next) FROM (SELECT min(sequence) AS next FROM transfer WHERE sequence > ? UNION ALL"
    " SELECT min(sequence) FROM ledger_event WHERE sequence > ?) AS nexts"
)
_ENDS: Final = "SELECT coalesce(min(sequence), 1), coalesce(max(sequence), 0) FROM {}"


class Rows:
    """The rows of one connection, which must stay in one transaction so that all windows are of one instant."""

    def __init__(self, connection: Connection) -> None:
        self._cursor = connection.connection.cursor()
        is_sqlite = connection.dialect.name == "sqlite"
        self._hashes, self._next = (_marked(query, is_sqlite=is_sqlite) for query in (_HASHES, _NEXT))
        self._lines = {one.table: _lines(one, is_sqlite=is_sqlite) for one in (TRANSFERS, EVENTS)}
        self._rows = {one.table: _rows(one, is_sqlite=is_sqlite) for one in (TRANSFERS, EVENTS)}

    def lines(self, layout: Layout, after: int, until: int) -> Lines:
        """The rows with after < sequence <= until."""
        rows, plain, text = self._ask(self._lines[layout.table], after, until)[0]
        return Lines(rows, bytes(text or b""), rows == (plain or 0))

    def rows(self, layout: Layout, after: int, until: int) -> Sequence[tuple[Any, ...]]:
        """The same rows one by one: the hash, the types of the numbers, numbers, the types of the texts, texts as
        bytes. The types are None where the database keeps them by itself.
        """
        return self._ask(self._rows[layout.table], after, until)

    def hashes(self, after: int, limit: int) -> list[bytes]:
        """The hashes of the events after a sequence, up to the first that is missing."""
        found = self._ask(self._hashes, after, after + limit, after, after + limit)
        hashes: list[bytes] = []
        for sequence, hash_ in found:
            if sequence != after + len(hashes) + 1:
                break
            hashes.append(bytes(hash_))
        return hashes

    def ends(self) -> tuple[int, int]:
        """The lowest and the highest sequence of any row; 1 and 0 where there is none."""
        ends = [self._ask(_ENDS.format(layout.table))[0] for layout in (TRANSFERS, EVENTS)]
        return min(end[0] for end in ends), max(end[1] for end in ends)

    def next_after(self, sequence: int) -> int:
        """The lowest sequence above one; there must be one."""
        return int(self._ask(self._next, sequence, sequence)[0][0])

    def _ask(self, query: str, *values: int) -> Sequence[tuple[Any, ...]]:
        self._cursor.execute(query, values)
        found: Sequence[tuple[Any, ...]] = self._cursor.fetchall()
        return found


def _marked(query: str, *, is_sqlite: bool) -> str:
    return query if is_sqlite else query.replace("?", "%s")


def _lines(layout: Layout, *, is_sqlite: bool) -> str:
    """`SELECT rows, plain rows, lines` of a window."""
    # The constants of this module alone are written into statements.
    if is_sqlite:
        # printf is the quickest; but it cuts a text at a zero byte, so texts are joined on.
        numbers = ", ".join(_said(layout, name) for name in layout.numbers)
        said = f"printf('{'%s' + (SEPARATOR + '%s') * len(layout.numbers)}', hex(hash), {numbers})"
        line = f" || '{SEPARATOR}' || ".join([said, *(_said(layout, name) for name in layout.texts)])
        plain, both = f"({_plain(layout)})", "CAST(group_concat(line, char(10)) AS BLOB)"
    else:
        said = ", ".join(_said(layout, name, "::text") for name in layout.numbers + layout.texts)
        line = f"concat_ws(E'\\x1f', encode(hash, 'hex'), {said})"
        plain = f"(length(hash) = 32 AND coalesce({layout.optional}::text, 'none') <> '')::int"
        both = "convert_to(string_agg(line, E'\\n' ORDER BY sequence), 'UTF8')"
    rows = f"SELECT sequence, {line} AS line, {plain} AS plain FROM {layout.table}"  # noqa: S608  # as above
    window = "WHERE sequence > ? AND sequence <= ? ORDER BY sequence"
    query = f"SELECT count(*), sum(plain), {both} FROM ({rows} {window}) AS ordered"  # noqa: S608  # as above
    return _marked(query, is_sqlite=is_sqlite)


def _said(layout: Layout, name: str, cast: str = "") -> str:
    return f"coalesce({name}{cast}, '')" if name == layout.optional else name


def _plain(layout: Layout) -> str:
    """Whether SQLite keeps in a row what its columns are for. A number is less than any text, and a text less than any
    blob; whether a number is whole shows in the line.
    """
    tests = ["length(hash) = 32", "hash >= x''"]
    for name in layout.numbers + layout.texts:
        test = f"{name} < ''" if name in layout.numbers else f"{name} >= '' AND {name} < x''"
        if name == layout.optional:
            test = f"({name} IS NULL OR ({test} AND {name} <> ''))"
        tests.append(test)
    return " AND ".join(tests)


def _rows(layout: Layout, *, is_sqlite: bool) -> str:
    columns = ["hash", *layout.numbers, *layout.texts]
    if is_sqlite:
        texts = [f"CAST({name} AS BLOB)" for name in layout.texts]
        columns = ["hash", *layout.numbers, *(f"typeof({name})" for name in layout.texts), *texts]
    mark = "?" if is_sqlite else "%s"
    return (
        f"SELECT {', '.join(columns)} FROM {layout.table}"  # noqa: S608  # as above
        f" WHERE sequence > {mark} AND sequence <= {mark} ORDER BY sequence"
    )
