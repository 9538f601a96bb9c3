"""`assay bench reconcile`: a large statement against as many payouts, with breaks planted and counted."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Final

import numpy as np
import polars as pl

from pipelines.console import BenchRow, progress, report
from pipelines.reconcile.mapping import load_mapping
from pipelines.reconcile.statement import lines_of
from serving.payouts.reconciliation.causes import Cause, Side
from serving.payouts.reconciliation.comparing import DAY, Terms, compare
from serving.payouts.reconciliation.rows import OURS, Standing

START: Final = 20_000 * DAY
DAYS: Final = 30
PATIENCE: Final = 2 * DAY
CPU_SECONDS_MAX: Final = 15
PLANTED_EACH: Final = 7
CAUSES: Final = (Cause.UNKNOWN_TO_THEM, Cause.UNKNOWN_TO_US, Cause.AMOUNT, Cause.PAID_TWICE, Cause.DUPLICATED_ROW)


@dataclass(frozen=True)
class Story:
    """`shown` is the statement as text, `ours` the book's side; PLANTED_EACH breaks of each of CAUSES lie in them."""

    shown: pl.DataFrame
    ours: pl.DataFrame


def run(rows: int, seed: int) -> None:
    """Read, compare, count. The time is the processor's; every planted break must be found, and no other."""
    story = _story(rows, seed)
    with TemporaryDirectory() as folder, progress("reconcile", rows) as advance:
        place = Path(folder) / "statement.csv"
        story.shown.write_csv(place)
        begun = process_time()
        lines = lines_of(place, load_mapping("fake"), advance)
        read = process_time()
        found = compare(lines, story.ours, Terms(Side.PROVIDER, PATIENCE, [(START, START + DAYS * DAY)]))
        done = process_time()
    counted: dict[str, int] = dict(found.breaks.group_by("cause").len().rows())
    wanted = {cause.value: PLANTED_EACH for cause in CAUSES}
    _report(rows, seed, {"read_seconds": read - begun, "compare_seconds": done - read}, counted, counted == wanted)


def _story(rows: int, seed: int) -> Story:
    rng = np.random.default_rng(seed)
    number = pl.Series("number", np.arange(rows))
    ours = pl.DataFrame(number).select(
        ("p" + pl.col("number").cast(pl.String)).alias("id"),
        pl.col("number").cast(pl.String).str.pad_start(32, "0").alias("key"),
        pl.lit(None, pl.String).alias("reference"),
        pl.lit(Standing.DUE.value).alias("standing"),
        (pl.Series(rng.integers(100, 100_000, rows)) * 10_000).alias("amount_micros"),
        pl.Series(rng.choice(["USD", "CNY"], rows)).alias("currency"),
        pl.Series(START + PATIENCE + rng.integers(0, (DAYS - 4) * DAY, rows)).alias("at"),
    )
    cents = pl.col("amount_micros") // 10_000
    fraction = (cents % 100).cast(pl.String).str.pad_start(2, "0")
    shown = ours.select(
        "key",
        ("r" + pl.col("id")).alias("reference"),
        pl.concat_str((cents // 100).cast(pl.String), pl.lit("."), fraction).alias("amount"),
        "currency",
        pl.lit("settled").alias("state"),
        pl.from_epoch("at", time_unit="us").dt.to_string("%Y-%m-%dT%H:%M:%S%.6fZ").alias("at"),
    )
    order = rng.permutation(rows - len(CAUSES) * PLANTED_EACH)
    planted = [shown[at * PLANTED_EACH : (at + 1) * PLANTED_EACH] for at in range(len(CAUSES))]
    rest = shown[len(CAUSES) * PLANTED_EACH :][order]
    return Story(pl.concat([rest, *_planted(*planted)]), ours.select(list(OURS)))


def _planted(lost: pl.DataFrame, *shown: pl.DataFrame) -> list[pl.DataFrame]:
    """In the order of CAUSES: the first are not shown at all."""
    del lost
    known, other, twice, row = shown
    strange = known.with_columns(("x" + pl.col("key")).alias("key"), ("x" + pl.col("reference")).alias("reference"))
    again = twice.with_columns(("x" + pl.col("reference")).alias("reference"))
    return [known, strange, other.with_columns(pl.lit("0.01").alias("amount")), twice, again, row, row]


def _report(rows: int, seed: int, seconds: dict[str, float], counted: dict[str, int], is_exact: bool) -> None:
    total = sum(seconds.values())
    shares = ", ".join(f"{name.removesuffix('_seconds')} {value:.1f} s" for name, value in seconds.items())
    told = ", ".join(f"{count} {cause}" for cause, count in sorted(counted.items()))
    table = [
        BenchRow(
            f"{rows:,} lines against {rows:,} payouts",
            f"<= {CPU_SECONDS_MAX} s of CPU",
            f"{total:.1f} s ({shares})",
            total <= CPU_SECONDS_MAX,
        ),
        BenchRow("breaks found", f"{PLANTED_EACH} of each cause, no other", told, is_exact),
    ]
    figures: dict[str, Any] = {"lines": rows, "seed": seed, "seconds": total, "breaks": counted, "exact": is_exact}
    report("reconcile", table, figures | seconds)
