"""A key's values as one row of bytes, with the stamps that say how new they are; the engines keep such rows.

One packed row a key, not one a feature: a wide entity is written and read some twenty times faster.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

import numpy as np

from features.fold import Vector

STAMPS: Final = struct.Struct("<qq")


class Row(NamedTuple):
    """`key`: UTF-8. A row replaces another one unless it is older: by `as_of` (microseconds), then by `sequence`.

    `as_of` alone would not do: it stays where it is while late and tied events change a key.
    """

    key: bytes
    as_of: int
    sequence: int
    packed: bytes


@dataclass(frozen=True)
class Held:
    """What a store holds of one key: `values` has the order of the view's fields."""

    as_of: int
    sequence: int
    values: Vector


class Rows(Protocol):
    """An engine. Each call has a deadline, no row is ever half written, and an older row never wins."""

    def put(self, table: str, rows: Sequence[Row], lives: int) -> None:
        """Keep rows for `lives` microseconds at least."""

    def get(self, table: str, keys: Sequence[bytes]) -> list[Held | None]:
        """One answer a key, None for a key that is not there."""

    def forget(self, table: str, before: int) -> None:
        """Drop rows of before the instant `before`, if the engine does not do so by itself."""

    def drop(self, table: str) -> None:
        """Drop all rows of a table."""

    def close(self) -> None:
        """Let go of the engine."""


def packed(keys: Sequence[str], values: Vector, as_of: int, sequence: int) -> list[Row]:
    """Rows of `keys` from `(keys, fields)`; NaN is kept as it is: known to be missing, unlike a key never seen."""
    width = values.shape[1] * 8
    whole = np.ascontiguousarray(values, "<f8").tobytes()
    return [Row(encoded(key), as_of, sequence, whole[at * width : (at + 1) * width]) for at, key in enumerate(keys)]


def unpacked(as_of: int, sequence: int, packed: bytes) -> Held:
    return Held(as_of, sequence, np.frombuffer(packed, "<f8"))


def encoded(key: str) -> bytes:
    # JSON can carry half of a surrogate pair, which strict UTF-8 refuses.
    return key.encode("utf-8", "surrogatepass")
