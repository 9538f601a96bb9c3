"""Components of ten million ties in an interpreter of their own, so that its peak memory is theirs alone.

The rest of a night is not in it. At a million ties, on one core, the random walks of `known` and the positions take
33 s together, shape 2 s, acts in step 0.8 s, where joins and components take 0.5 s: the walks are thirty steps from ten
sets of seeds, the positions thirty orthogonalisations, each over every node that is tied.

Run as a module it prints one JSON object; `measured` starts it and reads that.
"""

import json
import resource
import subprocess
import sys
import time
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from scipy.sparse.csgraph import connected_components

from features.graph.layout import DEGREE_MAX
from features.rings.components import components
from features.rings.engines import engine_of
from features.rings.joins import Ties, joins
from features.rings.shards import sharded_components

TIES: Final = 10_000_000
PERSONS: Final = 4_000_000
KEYS: Final = 5_000_000
SECONDS_MAX: Final = 15.0
GIGABYTES_MAX: Final = 4.0
DAY: Final = 86_400_000_000


def measured(seed: int, ties: int = TIES) -> dict[str, float]:
    """Seconds and gigabytes of the batch, and scipy's seconds on the same arrays. Raises RuntimeError if it fails."""
    command = [sys.executable, "-m", "pipelines.bench.graph_batch", str(seed), str(ties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # this very module
    if done.returncode:
        raise RuntimeError(f"the batch failed: {done.stderr}")
    answer: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return answer


def generated(seed: int, count: int) -> tuple[int, Ties]:
    """`count` ties of people to devices and destinations, two people a key on average, used for up to thirty days."""
    rng = np.random.default_rng(seed)
    scale = count / TIES
    persons, keys = max(int(PERSONS * scale), 1), max(int(KEYS * scale), 1)
    right = persons + rng.integers(0, keys, count)
    first = rng.integers(0, 60 * DAY, count)
    return persons + keys, Ties(
        left=rng.integers(0, persons, count),
        right=right,
        first_seen=first,
        last_seen=first + rng.integers(0, 30 * DAY, count),
        is_device=right % 2 == 0,
        limit=np.full(count, DEGREE_MAX),
    )


def _timed(seed: int, count: int) -> dict[str, Any]:
    with engine_of("local") as engine:
        sharded_components(engine, *generated(seed, 1000))  # compiles
        nodes, ties = generated(seed, count)
        began = time.perf_counter()
        label = sharded_components(engine, nodes, ties)
        seconds = time.perf_counter() - began
    gigabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    one, two = joins(nodes, ties)
    began = time.perf_counter()
    components(nodes, one, two)
    bare = time.perf_counter() - began
    began = time.perf_counter()
    matrix = sp.coo_array((np.ones(len(one), np.bool_), (one, two)), shape=(nodes, nodes)).tocsr()
    found, _ = connected_components(matrix, directed=False)
    scipy_seconds = time.perf_counter() - began
    same = int(found) == len(np.unique(label))
    return {"seconds": seconds, "gigabytes": gigabytes, "bare": bare, "scipy_seconds": scipy_seconds, "same": same}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_timed(int(sys.argv[1]), int(sys.argv[2]))) + "\n")
