"""Chunks of rows to all processors and back, in order, with a bounded number under way."""

import os
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from typing import Final

import pyarrow as pa

from features.ingest.chunk import Chunk, emit_chunk
from features.ingest.emit import Emitter
from features.ingest.mapping import Mapping

PROCESSES_MAX: Final = 8
# Starting processes costs about two seconds, as much as this many rows.
ROWS_WORTH_IT: Final = 25_000


def emitted(mapping: Mapping, chunks: Iterable[pa.Table], rows: int) -> Iterator[Chunk]:
    """`emit_chunk` of every chunk, in order; `rows`, the number to come, decides whether it pays to share the work."""
    processes = min(os.cpu_count() or 1, PROCESSES_MAX)
    if processes == 1 or rows < ROWS_WORTH_IT:
        emitter = Emitter(mapping)
        return (emit_chunk(emitter, chunk) for chunk in chunks)
    return _shared(mapping, iter(chunks), processes)


def _shared(mapping: Mapping, chunks: Iterator[pa.Table], processes: int) -> Iterator[Chunk]:
    # spawn: a fork would copy the locks of DuckDB's and Arrow's threads, which nobody would ever open.
    with ProcessPoolExecutor(processes, get_context("spawn"), _prepare, (mapping,)) as pool:
        under_way: deque[Future[Chunk]] = deque(pool.submit(_emit, chunk) for chunk in islice(chunks, processes + 1))
        while under_way:
            yield under_way.popleft().result()
            under_way.extend(pool.submit(_emit, chunk) for chunk in islice(chunks, 1))


_emitters: list[Emitter] = []


def _prepare(mapping: Mapping) -> None:
    _emitters[:] = [Emitter(mapping)]


def _emit(chunk: pa.Table) -> Chunk:
    return emit_chunk(_emitters[0], chunk)
