"""`assay frame`: a training frame for any other tool. One row an event, exactly as it was known, with its labels.

What arrived after the asked instant is not read, so the same question has the same answer for ever.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import feather

from features.events import instant_of
from features.frame import AMOUNTS, KEYS, READ, frame_of, outcomes_of
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log
from features.secrets import secret_of
from features.vector import ALL, DESCRIPTIONS, FEATURES, VERSION, FeatureEngine
from pipelines.console import UserError
from pipelines.filled import filled_log
from pipelines.instants import instant_shown
from training.labels import TARGETS, Target, default_maturity, settling_times
from training.splits import Labelling

DIGESTED: Final = ("event_id", "user_id")
LABELS: Final[dict[Target, str]] = {target: f"label__{target}" for target in TARGETS}
_TOLD: Final = {
    "sequence": "order of arrival",
    "event_id": "the event; a digest unless keys were asked for",
    "kind": "kind of event",
    "user_id": "the person; a digest unless keys were asked for",
    "event_time": "when it occurred, microseconds since 1970",
    "as_of": "the instant as of which the features are, microseconds since 1970",
    "reward_micros": "what the person earns, 10^-6 of the currency's unit",
    "revenue_micros": "what the partner pays, 10^-6 of the currency's unit",
    **{name: f"{target}, as known at the asked instant; null: nobody can know yet" for target, name in LABELS.items()},
}


class Format(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"
    ARROW = "arrow"


@dataclass(frozen=True)
class Exported:
    """How many rows, and of each target how many have a label, and how many of those are positive."""

    rows: int
    columns: int
    labelled: Mapping[str, int]
    positive: Mapping[str, int]


def export_frame(
    home: Home, out: Path, as_of: int, since: int = 0, kind: Format = Format.PARQUET, *, with_keys: bool = False
) -> Exported:
    """Write the events with `since <= as_of column <= as_of` to `out`, whole or not at all. Times are microseconds.

    Columns: KEYS, AMOUNTS, FEATURES (NaN where missing), one label a target (null where unknown).
    Raises UserError when there is no such event.
    """
    frame = labelled(home, as_of).filter(pl.col("as_of") >= since)
    if frame.is_empty():
        raise UserError(f"{home.log} holds no events {_between(since, as_of)}")
    if not with_keys:
        frame = digested(frame, secret_of(home.root / "export.key"))
    half = out.with_name(out.name + ".part")
    _write(frame, half, kind, {"features": VERSION, "as_of": instant_of(as_of).isoformat()})
    half.rename(out)
    known: dict[str, pl.Series] = {target: frame[name].drop_nulls() for target, name in LABELS.items()}
    counted = {target: len(labels) for target, labels in known.items()}
    return Exported(frame.height, frame.width, counted, {target: int(labels.sum()) for target, labels in known.items()})


def _between(since: int, as_of: int) -> str:
    if since:
        return f"from {instant_shown(since)} to {instant_shown(as_of)}: choose an earlier --from or a later --as-of"
    return f"that had arrived by {instant_shown(as_of)}: choose a later --as-of"


def format_of(file: Path, asked: str = "") -> Format:
    """What `file` is to hold: the format of its ending. Raises ValueError where that and `asked` do not give one."""
    if asked and asked not in list(Format):
        raise ValueError(f"--format takes {', '.join(Format)}, not {asked!r}")
    ending = file.suffix.lower().removeprefix(".")
    if not asked and ending not in list(Format):
        raise ValueError(f"--out {file}: its ending names no format: end it in .{', .'.join(Format)}, or add --format")
    if asked and ending in list(Format) and ending != asked:
        raise ValueError(f"--out {file} ends in .{ending}, but --format says {asked}: leave out --format, or rename it")
    return Format(asked or ending)


def labelled(home: Home, as_of: int) -> pl.DataFrame:
    """Every event that had arrived by `as_of`, its vector as of its arrival, and its labels as known at `as_of`."""
    log = filled_log(home.log)
    frame = frame_of(_arrived(log, as_of), FeatureEngine(Lists.of_home(home)))
    outcomes = outcomes_of(log).filter(pl.col("recorded_at") <= as_of)
    settling = settling_times(frame, outcomes)
    labels = [
        Labelling(target, maturity_of(home), settling).read(frame, outcomes, as_of).alias(name)
        for target, name in LABELS.items()
    ]
    return frame.with_columns(labels)


def maturity_of(home: Home) -> dict[str, int]:
    """A historical file's outcomes are final; live ones may still be corrected for a while."""
    waits = default_maturity()
    return dict.fromkeys(waits, 0) if home.manifest.get("clock") == "events" else waits


def _arrived(log: Log, as_of: int) -> pa.Table:
    """The rows before the first of the log that arrived, or made the clock pass, after `as_of`."""
    table = log.read([*READ, "recorded_at"])
    late = (table["recorded_at"].to_numpy() > as_of) | (table["as_of"].to_numpy() > as_of)
    return table.slice(0, int(np.argmax(late)) if late.any() else len(late))


def digested(frame: pl.DataFrame, key: bytes) -> pl.DataFrame:
    """The same person has the same digest in each frame of one home; without the home's key nobody can go back."""

    def digest(value: str) -> str:
        return hashlib.blake2b(value.encode("utf-8", "surrogatepass"), key=key, digest_size=16).hexdigest()

    return frame.with_columns(pl.col(name).map_elements(digest, pl.String) for name in DIGESTED)


def _write(frame: pl.DataFrame, file: Path, kind: Format, about: Mapping[str, str]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    if kind is Format.CSV:
        frame.write_csv(file)
        return
    table = frame.to_arrow()
    table = table.cast(pa.schema([_described(column) for column in table.schema], metadata=dict(about)))
    if kind is Format.PARQUET:
        pq.write_table(table, file, compression="zstd")
    else:
        feather.write_feather(table, file, compression="zstd")


def _described(column: Any) -> Any:
    """The column with its description, and its unit and reason where it has them, as metadata."""
    told = {"description": _TOLD.get(column.name) or DESCRIPTIONS[column.name]}
    feature = _BY_NAME.get(column.name)
    if feature is not None:
        told |= {"unit": feature.unit, "reason": feature.reason}
    # Text of 32-bit offsets: older readers know no other.
    kind = pa.string() if pa.types.is_large_string(column.type) else column.type
    return pa.field(column.name, kind, metadata={name: text for name, text in told.items() if text})


_BY_NAME: Final = {feature.name: feature for feature in ALL}

assert set(_TOLD) == {*KEYS, *AMOUNTS, *LABELS.values()}, "each column says what it is"
assert not set(_TOLD) & set(FEATURES)
