"""From the log to what models and serving read: the point-in-time frame, and Feast's views with their values."""

from dataclasses import dataclass

from features.frame import event_rows, frame_file, frame_of
from features.home import Home
from features.log import Log
from features.store import OnlineStore
from pipelines.console import UserError, progress
from pipelines.export import append_recorded


@dataclass(frozen=True)
class Backfilled:
    events: int
    features: int
    keys: dict[str, int]


def backfill(home: Home) -> Backfilled:
    """Take in what the service recorded, compute every event's vector, and load each key's values into Feast."""
    append_recorded(home)
    events = event_rows(Log(home.log))
    if events.num_rows == 0:
        raise UserError(f"{home.log} holds no events: run `assay simulate` or `assay ingest` first")
    with progress("backfill", 3) as advance:
        frame = frame_of(events)
        home.features.mkdir(parents=True, exist_ok=True)
        half = frame_file(home.features).with_suffix(".part")
        frame.write_parquet(half)
        half.rename(frame_file(home.features))
        advance(1)
        store = OnlineStore(home.features)
        store.apply()
        advance(1)
        keys = store.materialise(events)
        advance(1)
    return Backfilled(frame.height, frame.width, keys)
