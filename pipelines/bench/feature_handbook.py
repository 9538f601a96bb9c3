"""The counts and sums that the Fraud Detection Handbook computes, on its own 1.3 million transactions."""

import os
import time
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from features.events import Kind
from features.fold import Vector, Windows
from features.windows import DAY, HOPS, Aggregate, Entity, Windowed
from pipelines.console import BenchRow

SECONDS_MAX: Final = 4.0
NAME: Final = "handbook: 1, 7 and 30 days of counts and sums of customers and terminals"
FEATURES: Final = tuple(
    Windowed(entity, aggregate, measure, over, HOPS[over])
    for entity in (Entity.USER, Entity.PARTNER)
    for aggregate, measure in ((Aggregate.COUNT, ""), (Aggregate.SUM, "amount_micros"))
    for over in (DAY, 7 * DAY, 30 * DAY)
)
_READ: Final = ["TX_DATETIME", "CUSTOMER_ID", "TERMINAL_ID", "TX_AMOUNT"]


def file_of(data: Path | None) -> Path:
    """The file in `data` if that is the handbook's folder, else among the public data (ASSAY_DATA)."""
    public = Path(os.environ.get("ASSAY_DATA", "../shared/data")) / "handbook"
    return (data if data and data.name == "handbook" else public) / "transactions.parquet"


def handbook(file: Path) -> BenchRow:
    """From the file to every cell; a row that says so where the file is absent."""
    if not file.is_file():
        return BenchRow(NAME, f"<= {SECONDS_MAX:g} s", f"left out: {file} is absent, set ASSAY_DATA to its folder")
    began = time.perf_counter()
    vectors = computed(file)
    seconds = time.perf_counter() - began
    return BenchRow(NAME, f"<= {SECONDS_MAX:g} s", f"{seconds:.1f} s, {len(vectors):,} rows", seconds <= SECONDS_MAX)


def computed(file: Path) -> Vector:
    """`(transactions, 12)`, each as of its own instant."""
    read = pq.read_table(file, columns=_READ).sort_by("TX_DATETIME")
    times = pc.cast(read["TX_DATETIME"], pa.timestamp("us")).cast(pa.int64())
    micros = np.rint(read["TX_AMOUNT"].to_numpy() * 1e6).astype(np.int64)
    kinds = pa.repeat(str(Kind.PURCHASE), read.num_rows)
    names = {"user_id": read["CUSTOMER_ID"].cast(pa.string()), "partner_id": read["TERMINAL_ID"].cast(pa.string())}
    columns = {"event_time": times, "as_of": times, "kind": kinds, "amount_micros": micros}
    return Windows(FEATURES).vectors(pa.table(columns | names))
