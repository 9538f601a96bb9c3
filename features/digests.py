"""Keys and values as 64-bit digests: the state holds no ids and no addresses, and costs the same for any length.

Two of n values share a digest with a probability of about n^2 / 2^65: below one in a million for five million keys.
"""

from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

NO_DIGEST: Final = 0
"""Of a missing value."""
_REMEMBERED: Final = 2**17


@lru_cache(_REMEMBERED)
def digest_of(value: str) -> int:
    """A signed 64-bit integer, never NO_DIGEST; the same on every machine and in every version."""
    return (
        int.from_bytes(blake2b(value.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little", signed=True)
        or 1
    )


def digest_in(row: Mapping[str, Any], column: str) -> int:
    """Of a row's value, NO_DIGEST when it is missing."""
    value = row.get(column)
    return NO_DIGEST if value is None else digest_of(value)


def digests_of(values: pa.ChunkedArray) -> npt.NDArray[np.int64]:
    """Of a column of strings; each different value is digested once."""
    encoded = values.combine_chunks().dictionary_encode()
    table = np.array([*map(digest_of, encoded.dictionary.to_pylist()), NO_DIGEST], np.int64)
    digests: npt.NDArray[np.int64] = table[pc.fill_null(encoded.indices, len(table) - 1).to_numpy()]
    return digests
