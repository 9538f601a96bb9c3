"""The device graph: an edge online, ten million in a batch beside bare scipy, a crowd on one device, look-alikes."""

from pathlib import Path

from pipelines.bench import graph_batch, graph_lookalikes, graph_stream
from pipelines.console import BenchRow, UserError, out, progress, report


def run(data: Path | None, seed: int) -> None:
    """On simulated platforms of the seeds from `seed` on, and on generated ties; not on a folder of one's own."""
    if data is not None:
        raise UserError("assay bench graph needs the simulator's truth: run it without --data")
    seeds = range(seed, seed + graph_lookalikes.WORLDS)
    out.print("a simulated platform, five more, then ten million ties; about three minutes")
    with progress("device graph", 3) as advance:
        rows = graph_stream.rows(seed)
        advance(1)
        found, figures = graph_lookalikes.rows(graph_lookalikes.measured(seeds))
        advance(1)
        batch = graph_batch.measured(seed)
        advance(1)
    rows += found + batch_rows(batch)
    report("device graph", rows, {row.name: row.measured for row in rows} | figures | {"seeds": list(seeds)})


def batch_rows(batch: dict[str, float]) -> list[BenchRow]:
    """The table's lines of what `graph_batch.measured` answers."""
    seconds, gigabytes = batch["seconds"], batch["gigabytes"]
    ratio = batch["bare"] / batch["scipy_seconds"]
    return [
        BenchRow(
            f"{graph_batch.TIES:,} ties in a batch: who joins whom, and components",
            f"<= {graph_batch.SECONDS_MAX:g} s",
            f"{seconds:.1f} s",
            seconds <= graph_batch.SECONDS_MAX,
        ),
        BenchRow(
            "peak memory of that interpreter, arrays of ties included",
            f"< {graph_batch.GIGABYTES_MAX:g} GB",
            f"{gigabytes:.2f} GB",
            gigabytes < graph_batch.GIGABYTES_MAX,
        ),
        BenchRow(
            "components alone, against scipy's on the same arrays",
            "<= 1 x",
            f"{batch['bare']:.1f} s and {batch['scipy_seconds']:.1f} s: {ratio:.2f} x",
            ratio <= 1,
        ),
        BenchRow("as many components as scipy finds", "yes", "yes" if batch["same"] else "no", bool(batch["same"])),
    ]
