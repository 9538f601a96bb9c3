"""Numbers as the columns of a table: names, ids, digests, and numbers that may be missing."""

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from training.simulator.batch import MISSING
from training.simulator.population import Truths

_HEX: Final = np.frombuffer(b"0123456789abcdef", np.uint8)


def words(values: Sequence[object], codes: NDArray[Any]) -> Any:
    """The values at the codes; null where a code is MISSING."""
    return pa.array([str(value) for value in values], pa.string()).take(places_of(codes))


def places_of(codes: NDArray[Any]) -> Any:
    """Places to take values from; a MISSING one takes null."""
    return pa.array(codes.astype(np.int64), mask=codes < 0)


def numbers(values: NDArray[Any], kind: Any, present: Truths | None = None) -> Any:
    """Values that are null where `present` is false, or, left out, where they are MISSING."""
    return pa.array(values, mask=~(values != MISSING if present is None else present)).cast(kind)


def ids(letter: str, values: NDArray[Any]) -> Any:
    """`letter` and 12 hexadecimal digits a number; null where it is MISSING."""
    digits = _HEX[(values.astype(np.int64)[:, None] >> np.arange(44, -4, -4)) & 15]
    text = np.concatenate([np.full((len(values), 1), ord(letter), np.uint8), digits], axis=1)
    offsets = np.arange(len(values) + 1, dtype=np.int32) * 13
    plain = pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(text.tobytes()))
    return plain.take(places_of(np.where(values < 0, MISSING, np.arange(len(values)))))


def digests(purpose: str, salt: int, values: NDArray[Any]) -> Any:
    """A SHA-256 digest a number, null where it is MISSING."""
    distinct, places = np.unique(values, return_inverse=True)
    texts = [hashlib.sha256(f"{purpose}:{salt}:{value}".encode()).hexdigest() for value in distinct]
    return words(texts, np.where(values < 0, MISSING, places))
