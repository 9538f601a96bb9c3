"""Features: the same values online and offline, cell by cell, and how fast; on a generated stream and on real data."""

from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import pyarrow as pa

from features.home import Home
from features.ingest.ingest import ingest
from features.ingest.load import mapping_for
from features.log import SCHEMA, Log, Row, is_outcome
from features.vector import FEATURES, FeatureEngine
from pipelines.bench import feature_cells, feature_handbook, feature_limits, feature_speed
from pipelines.bench.workload import DAYS, USERS
from pipelines.console import BenchRow, out, progress, report
from pipelines.load import load_simulated

ROWS_MAX: Final = 50_000
DIFFERENCE_MAX: Final = 1e-9


def run(data: Path | None, seed: int) -> None:
    """With `--data FOLDER` the product's own vectors on its events; without, on a simulated log, and all the rest."""
    rows = _vectors(data, seed)
    if data is None:
        rows += _generated(seed)
    if data is None or data.name == "handbook":
        rows.append(feature_handbook.handbook(feature_handbook.file_of(data)))
    figures = {row.name: row.measured for row in rows} | {"features": len(FEATURES)}
    report("features: online against offline", rows, figures)


def _generated(seed: int) -> list[BenchRow]:
    out.print("a generated stream of sixty features over five entities; a few minutes")
    with progress("generated stream", 5) as advance:
        events = feature_cells.generated(seed)
        rows = feature_cells.compare(events)
        advance(1)
        rows += feature_speed.online(events.to_pylist())
        advance(1)
        rows += feature_speed.backfill(seed)
        advance(1)
        rows += feature_limits.busy_key(seed)
        advance(1)
        rows.append(feature_limits.memory(seed))
        advance(1)
    return rows


def _vectors(data: Path | None, seed: int) -> list[BenchRow]:
    """The whole vector of at most the first 50,000 events: online row by row, offline from the log's tables."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        log = _log(Path(folder), data, seed)
        rows = list(islice((row for row in log.rows() if not is_outcome(row)), ROWS_MAX))
    online = _online(rows)
    offline = FeatureEngine().vectors(pa.Table.from_pylist(rows, schema=SCHEMA))
    same = np.isclose(online, offline, rtol=DIFFERENCE_MAX, atol=DIFFERENCE_MAX, equal_nan=True)
    differ, late = int(np.count_nonzero(~same)), sum(row["event_time"] < row["as_of"] for row in rows)
    name = data.resolve().name if data else "simulated"
    return [
        BenchRow(f"{name}: cells of the vector that differ", "0", f"{differ:,} of {online.size:,}", differ == 0),
        BenchRow(f"{name}: late events among them", None, f"{late:,} of {len(rows):,}"),
    ]


def _log(folder: Path, data: Path | None, seed: int) -> Log:
    home = Home(folder / "home")
    if data is None:
        load_simulated(home, USERS, DAYS, seed)
    else:
        mapping, files = mapping_for(data)
        with progress(f"ingest {mapping.name}") as advance:
            ingest(mapping, files, home.log, advance)
    return Log(home.log)


def _online(rows: list[Row]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    engine, vectors = FeatureEngine(), np.empty((len(rows), len(FEATURES)))
    with progress("replay", len(rows)) as advance:
        for at, row in enumerate(rows):
            vectors[at] = engine.vector(row)
            engine.fold(row)
        advance(len(rows))
    return vectors
