"""From the log to what models and serving read: the point-in-time frame, and Feast's views with their values."""

from dataclasses import dataclass

from features.backfill import backfill as compute
from features.backfill import rows_to_do
from features.backfill_sharded import backfill_sharded
from features.frame import frames_folder
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log
from features.rings.engines import assert_available, engine_of
from features.store.engines import assert_reachable
from features.store.materialise import load_rings, materialise
from features.store.online import OnlineStore
from features.store.registry import Registry
from features.store.settings import Settings
from features.vector import FEATURES
from pipelines.console import progress
from pipelines.export import append_recorded
from pipelines.filled import filled_log
from pipelines.locks import alone
from pipelines.values import Known, learn_daily


@dataclass(frozen=True)
class Backfilled:
    """How many rows of the log were new to the frame, and what is online now."""

    rows: int
    features: int
    keys: dict[str, int]


def backfill(home: Home, engine: str = "local", workers: int = 1) -> Backfilled:
    """Take in what the service recorded, compute every event's vector, and load each key's values into Feast.

    Raises, before anything is computed, Unreachable when a store that the environment names does not answer,
    ValueError for an engine that is unknown or not installed, and UserError when another backfill is at work.
    """
    assert_available(engine, workers)
    settings = Settings.from_environment(home.features)
    assert_reachable(settings)
    Registry(settings).assert_reachable()
    with alone(home.features / "backfill.lock", "backfill"):
        append_recorded(home)
        log, lists = filled_log(home.log), Lists.of_home(home)
        _clear_away(home)
        done = _compute(home, log, lists, engine, workers)
        return Backfilled(done, len(FEATURES), _load(settings, log))


def _clear_away(home: Home) -> None:
    """What killed backfills left half written: the lock says that nobody writes it now."""
    for half in frames_folder(home.features).glob("*.half"):
        half.unlink()


def _compute(home: Home, log: Log, lists: Lists, engine: str, workers: int) -> int:
    if engine == "local":
        with progress("backfill", rows_to_do(log, home.features)) as advance:
            return compute(log, home.features, lists, advance)
    with engine_of(engine, workers) as running, progress("pieces of the backfill") as advance:
        return backfill_sharded(log, home.features, lists, running, advance)


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
