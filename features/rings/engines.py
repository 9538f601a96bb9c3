"""Where work runs: in this very interpreter, or on Dask's workers. The same functions, the same results."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final, Protocol, TypeVar

ENGINES: Final = ("local", "dask")
WORKERS_MAX: Final = 256
FAN: Final = 4
"""Parts that are merged at once: a tree of merges, so that no merge holds more than this many."""

Item = TypeVar("Item")
Made = TypeVar("Made")


class Engine(Protocol):
    """`workers` interpreters. `map_each` calls `advance(1)` for each item that is done; `map_reduce` merges by a tree,
    FAN at a time.
    """

    workers: int

    def map_each(
        self, make: Callable[[Item], Made], items: Sequence[Item], advance: Callable[[int], object] = ...
    ) -> list[Made]: ...

    def map_reduce(
        self, make: Callable[[Item], Made], merge: Callable[[Sequence[Made]], Made], items: Sequence[Item]
    ) -> Made: ...


@contextmanager
def engine_of(name: str, workers: int = 1) -> Iterator[Engine]:
    """The engine called `name`; `workers` interpreters of Dask on this machine, gone afterwards.

    Raises ValueError as `assert_available` does.
    """
    assert_available(name, workers)
    if name == "local":
        yield _Local()
        return
    distributed = _distributed()
    cluster = distributed.LocalCluster(
        n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, silence_logs=40
    )
    with cluster, distributed.Client(cluster) as client:
        yield _OnDask(client, distributed.as_completed, workers)


def assert_available(name: str, workers: int) -> None:
    """Raises ValueError for an unknown engine or a senseless number of workers, and where Dask is not installed."""
    if name not in ENGINES:
        raise ValueError(f"engine must be one of {', '.join(ENGINES)}, not {name!r}")
    if not 1 <= workers <= WORKERS_MAX:
        raise ValueError(f"workers must be between 1 and {WORKERS_MAX}, not {workers}")
    if name == "dask":
        _distributed()


def _distributed() -> Any:
    try:
        from dask import distributed  # noqa: PLC0415  # optional, and slow to load
    except ImportError:
        raise ValueError("engine dask needs Dask's workers: pip install 'assay[scale]'") from None
    return distributed


class _Local:
    workers = 1

    def map_each(
        self, make: Callable[[Item], Made], items: Sequence[Item], advance: Callable[[int], object] = lambda _: None
    ) -> list[Made]:
        made = []
        for item in items:
            made.append(make(item))
            advance(1)
        return made

    def map_reduce(
        self, make: Callable[[Item], Made], merge: Callable[[Sequence[Made]], Made], items: Sequence[Item]
    ) -> Made:
        """In the same tree, one leaf after the other: at most FAN parts a level are alive."""
        if len(items) <= FAN:
            return merge([make(item) for item in items])
        step = FAN
        while step * FAN < len(items):
            step *= FAN
        return merge([self.map_reduce(make, merge, items[at : at + step]) for at in range(0, len(items), step)])


class _OnDask:
    def __init__(self, client: Any, as_completed: Any, workers: int) -> None:
        self.workers = workers
        self._client = client
        self._as_completed = as_completed

    def map_each(
        self, make: Callable[[Item], Made], items: Sequence[Item], advance: Callable[[int], object] = lambda _: None
    ) -> list[Made]:
        futures = self._client.map(make, items, pure=False)
        for future in self._as_completed(futures):
            future.result()
            advance(1)
        return list(self._client.gather(futures))

    def map_reduce(
        self, make: Callable[[Item], Made], merge: Callable[[Sequence[Made]], Made], items: Sequence[Item]
    ) -> Made:
        level = self._client.map(make, items, pure=False)
        while len(level) > 1:
            level = [self._client.submit(merge, level[at : at + FAN], pure=False) for at in range(0, len(level), FAN)]
        merged: Made = level[0].result()
        return merged
