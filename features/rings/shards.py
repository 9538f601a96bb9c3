"""Components of ties that are sharded by key: what each shard joins as a spanning forest, merged as a tree."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np

from features.rings.components import components, forest, merged_forest
from features.rings.engines import Engine
from features.rings.joins import Ties, joins
from features.rings.ties import Ints

SHARDS_PER_WORKER: Final = 2


def sharded_components(engine: Engine, nodes: int, ties: Ties, shards: int = 0) -> Ints:
    """For each node the smallest node of its component; equal to `components` of the `joins` of all ties.

    `shards` 0: two for each worker, none for a single interpreter.
    """
    shards = shards or (engine.workers * SHARDS_PER_WORKER if engine.workers > 1 else 1)
    if shards == 1:
        one, two = joins(nodes, ties)
        return components(nodes, one, two)
    with TemporaryDirectory(prefix="assay-rings-") as folder:
        files = write_shards(Path(folder), ties, shards)
        spanning = engine.map_reduce(partial(_forest_of, nodes), partial(merged_forest, nodes), files)
    return components(nodes, spanning[0], spanning[1])


def write_shards(folder: Path, ties: Ties, shards: int) -> list[Path]:
    """One file of ties a shard; all ties of a key lie in one. Raises ValueError for fewer than one shard."""
    if shards < 1:
        raise ValueError(f"shards must be at least 1, not {shards}")
    shard_of = ties.right % shards
    files = [folder / f"{shard}.npz" for shard in range(shards)]
    for shard, file in enumerate(files):
        np.savez(file, **vars(ties.part(shard_of == shard)))
    return files


def _forest_of(nodes: int, file: Path) -> Ints:
    with np.load(file) as columns:
        ties = Ties(**columns)
    return forest(nodes, joins(nodes, ties))
