"""From the log to what models and serving read: the point-in-time frame, and Feast's views with their values."""

from dataclasses import dataclass

from features.backfill import backfill as compute
from features.backfill import rows_to_do
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log
from features.store.engines import assert_reachable
from features.store.materialise import load_rings, materialise
from features.store.online import OnlineStore
from features.store.registry import Registry
from features.store.settings import Settings
from features.vector import FEATURES
from pipelines.console import UserError, progress
from pipelines.export import append_recorded
from pipelines.values import Known, learn_daily


@dataclass(frozen=True)
class Backfilled:
    """How many rows of the log were new to the frame, and what is online now."""

    rows: int
    features: int
    keys: dict[str, int]


def backfill(home: Home) -> Backfilled:
    """Take in what the service recorded, compute every event's vector, and load each key's values into Feast.

    Raises Unreachable, before anything is computed, when a store that the environment names does not answer.
    """
    settings = Settings.from_environment(home.features)
    assert_reachable(settings)
    append_recorded(home)
    log, lists = Log(home.log), Lists.of_home(home)
    if not log.files():
        raise UserError(f"{home.log} holds no events: run `assay simulate` or `assay ingest` first")
    with progress("backfill", rows_to_do(log, home.features)) as advance:
        done = compute(log, home.features, lists, advance)
    return Backfilled(done, len(FEATURES), _load(settings, log))


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
