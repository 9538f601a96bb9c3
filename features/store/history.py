"""The history of values: what each key's features were at every materialisation, for point-in-time retrieval.

`values/TABLE/day=YYYY-MM-DD/AS_OF-SEQUENCE.parquet`, one file a view and materialisation, added and never changed.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from features.events import instant_of
from features.fold import Vector
from features.store.shape import View

KEPT: Final = timedelta(days=400)
"""Older days are dropped when new values are added: a year to train on, and a month of windows before it."""
_INSTANT: Final = pa.timestamp("us", tz="UTC")


@dataclass(frozen=True)
class Stamp:
    """Of a materialisation, microseconds: `as_of` what instant, after which `sequence`, and when it was `created`.

    Nobody could know the values before `created`: a file of late events makes it later than `as_of`.
    """

    as_of: int
    sequence: int
    created: int

    def __post_init__(self) -> None:
        if self.created < self.as_of:
            raise ValueError("values cannot have been known before the instant that they describe")

    @property
    def file(self) -> Path:
        day = instant_of(self.as_of).date()
        return Path(f"day={day}") / f"{self.as_of:020d}-{self.sequence:015d}.parquet"


@dataclass(frozen=True)
class History:
    folder: Path

    def place(self, view: View) -> Path:
        return self.folder / view.table

    def pattern(self, view: View) -> str:
        """What Feast's offline store reads."""
        return str(self.place(view) / "day=*" / "*.parquet")

    def files(self, view: View) -> list[Path]:
        return sorted(self.place(view).glob("day=*/*.parquet"))

    def has(self, view: View, stamp: Stamp) -> bool:
        return (self.place(view) / stamp.file).exists()

    def forget(self, view: View, as_of: int) -> None:
        """Drop the days that are older than KEPT."""
        oldest = f"day={(instant_of(as_of) - KEPT).date()}"
        for day in self.place(view).glob("day=*"):
            if day.name < oldest:
                shutil.rmtree(day)


@dataclass
class Adding:
    """Adds the values of one materialisation, piece by piece; all of them appear when the block ends well, or none."""

    history: History
    stamp: Stamp
    _open: dict[str, tuple[pq.ParquetWriter, Path]] = field(default_factory=dict)

    def __enter__(self) -> "Adding":
        return self

    def add(self, view: View, keys: Sequence[str], values: Vector) -> None:
        """`values`: `(keys, fields)`."""
        table = self._table(view, keys, values)
        if view.table not in self._open:
            file = self._file(view)
            file.parent.mkdir(parents=True, exist_ok=True)
            self._open[view.table] = pq.ParquetWriter(file.with_suffix(".part"), table.schema, compression="zstd"), file
        self._open[view.table][0].write_table(table)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for writer, file in self._open.values():
            writer.close()
            half = file.with_suffix(".part")
            if kind is None:
                half.rename(file)
            else:
                half.unlink()

    def _file(self, view: View) -> Path:
        return self.history.place(view) / self.stamp.file

    def _table(self, view: View, keys: Sequence[str], values: Vector) -> pa.Table:
        stamps = {"event_timestamp": self.stamp.as_of, "created_timestamp": self.stamp.created}
        columns: dict[str, Any] = {view.entity.value: pa.array(keys, pa.string())}
        columns |= {name: pa.repeat(pa.scalar(at, pa.int64()), len(keys)).cast(_INSTANT) for name, at in stamps.items()}
        columns[view.stamp] = pa.repeat(pa.scalar(self.stamp.as_of, pa.int64()), len(keys))
        columns |= {name: values[:, at] for at, name in enumerate(view.names)}
        return pa.table(columns)
