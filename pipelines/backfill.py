"""From the log to what models and serving read: the point-in-time frame, and Feast's views with their values."""

from dataclasses import dataclass

from features.frame import event_rows, frame_file, frame_of
from features.home import Home
from features.log import Log
from features.store.engines import assert_reachable
from features.store.materialise import load_rings, materialise
from features.store.online import OnlineStore
from features.store.registry import Registry
from features.store.settings import Settings
from pipelines.console import UserError, progress
from pipelines.export import append_recorded
from pipelines.values import Known, learn_daily


@dataclass(frozen=True)
class Backfilled:
    events: int
    features: int
    keys: dict[str, int]


def backfill(home: Home) -> Backfilled:
    """Take in what the service recorded, compute every event's vector, and load each key's values into Feast.

    Raises Unreachable, before anything is computed, when a store that the environment names does not answer.
    """
    settings = Settings.from_environment(home.features)
    assert_reachable(settings)
    append_recorded(home)
    log = Log(home.log)
    events = event_rows(log)
    if events.num_rows == 0:
        raise UserError(f"{home.log} holds no events: run `assay simulate` or `assay ingest` first")
    with progress("backfill", 1) as advance:
        frame = frame_of(events)
        home.features.mkdir(parents=True, exist_ok=True)
        half = frame_file(home.features).with_suffix(".part")
        frame.write_parquet(half)
        half.rename(frame_file(home.features))
        advance(1)
    return Backfilled(frame.height, frame.width, _load(settings, log))


def _load(settings: Settings, log: Log) -> dict[str, int]:
    registry, store, known = Registry(settings), OnlineStore(settings), Known()
    registry.apply()
    with progress("history", log.last()[0]) as advance:
        stamp = learn_daily(known, log, registry.history, advance)
    with progress("keys") as advance:
        pieces = known.pieces(stamp.as_of, since=0)
        loaded = materialise(store, registry.history, pieces, stamp, advance)
        if registry.rings is not None:
            loaded[registry.rings.name] = load_rings(store, registry.rings, registry.nights()[-1])
    store.close()
    return loaded
