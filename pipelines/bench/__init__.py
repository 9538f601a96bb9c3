"""Benchmarks: commands that print a table and, as their last line, one JSON object. Speed is a ratio in one run."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.bench import features, graph, model, serving
from pipelines.console import UserError, out


@dataclass(frozen=True)
class Bench:
    meaning: str
    run: Callable[[Path | None, int], None]


BENCHES = {
    "serving": Bench("one event over HTTP against an empty route of the same server", serving.run),
    "features": Bench("online fold against offline backfill: every cell, and the time of each", features.run),
    "graph": Bench("the device graph: an edge online, ten million in a batch, a crowd, look-alikes", graph.run),
    "model": Bench("fraud model out of time, with intervals, beside one honest rule", model.run),
}


def run(name: str, data: Path | None, seed: int) -> None:
    """Run one benchmark, or list them all."""
    if not name:
        for known, bench in BENCHES.items():
            out.print(f"[bold]{known}[/bold]  {bench.meaning}")
        return
    if name not in BENCHES:
        raise UserError(f"there is no benchmark {name!r}: choose one of {', '.join(BENCHES)}")
    BENCHES[name].run(data, seed)
