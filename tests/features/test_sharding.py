"""A backfill in pieces is the local one: the frame and the state are the same bytes, wherever the pieces ran."""

import shutil
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow.parquet as pq
import pytest

from features.backfill import backfill
from features.backfill_sharded import backfill_sharded
from features.digests import digest_of
from features.fold import Windows
from features.frame import frames_folder, read_frame
from features.intelligence.lists import Lists
from features.log import Log
from features.rings.engines import engine_of
from features.sharding import BATCH_ROWS, Plan, batches_of, join, observe
from features.state.parting import Shard, parted, shards_of, united
from features.table import TABLE
from features.vector import COLUMNS, FEATURES, events_of
from features.windows import DAY, HOUR, Aggregate, Entity, Windowed
from training.simulator.simulate import Scenario, simulate

Item = TypeVar("Item")
Made = TypeVar("Made")
DATA_CENTRES = "10.0.0.0/9\n203.0.113.0/24\n"


class Pieces:
    """An engine that runs all in this interpreter, the last piece first and each of them twice."""

    def __init__(self, workers: int) -> None:
        self.workers = workers

    def map_each(
        self, make: Callable[[Item], Made], items: Sequence[Item], advance: Callable[[int], object] = lambda _: None
    ) -> list[Made]:
        made = []
        for item in reversed(items):
            make(item)
            made.append(make(item))
            advance(1)
        return made[::-1]

    def map_reduce(
        self, make: Callable[[Item], Made], merge: Callable[[Sequence[Made]], Made], items: Sequence[Item]
    ) -> Made:
        return merge(self.map_each(make, items))


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """Twenty days of a small platform, with outcomes and missing keys among them; a file a day."""
    folder = tmp_path_factory.mktemp("log")
    simulate(Scenario(users=120, days=20, seed=3, start=date(2026, 1, 1)), folder)
    return Log(folder)


@pytest.fixture(scope="module")
def lists(tmp_path_factory: pytest.TempPathFactory) -> Lists:
    source = tmp_path_factory.mktemp("lists")
    (source / "datacenter.txt").write_text(DATA_CENTRES)
    found = Lists(tmp_path_factory.mktemp("history"), source)
    assert [one.reason for one in found.reload(since=500)] == [""]
    return found


@pytest.fixture(scope="module")
def local(log: Log, lists: Lists, tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("local")
    backfill(log, folder, lists, lambda _: None)
    return written(folder)


def written(folder: Path) -> dict[str, bytes]:
    """Every file of the frame and of the state."""
    parts = frames_folder(folder)
    return {str(file.relative_to(parts)): file.read_bytes() for file in parts.rglob("*") if file.is_file()}


def halved(log: Log, folder: Path) -> Log:
    """The first half of the log's files."""
    for file in log.files()[: len(log.files()) // 2]:
        target = folder / file.parent.name / file.name
        target.parent.mkdir(parents=True)
        shutil.copy(file, target)
    return Log(folder)


def ignored(_: int) -> None:
    pass


@pytest.mark.parametrize(("workers", "batch_rows"), [(1, BATCH_ROWS), (3, 700)])
def test_pieces_leave_the_same_bytes_in_any_order_and_when_run_twice(
    log: Log, lists: Lists, local: dict[str, bytes], tmp_path: Path, workers: int, batch_rows: int
) -> None:
    rows = backfill_sharded(log, tmp_path, lists, Pieces(workers), ignored, batch_rows=batch_rows)
    assert rows == log.read(["sequence"]).num_rows
    assert written(tmp_path) == local


def test_the_frame_knows_something_of_every_room(local: dict[str, bytes], log: Log, tmp_path: Path) -> None:
    """Else the other tests would compare nothing with nothing."""
    parts = frames_folder(tmp_path)
    parts.mkdir()
    for name, content in local.items():
        (parts / name).write_bytes(content)
    frame = read_frame(tmp_path)
    assert frame.height == events_of(log.read(["kind"])).num_rows > 5000
    values = frame.select(FEATURES).to_numpy()
    known = {FEATURES[at].partition("__")[0] for at in np.flatnonzero(np.nanmax(values, axis=0, initial=0) > 0)}
    assert {entity.label for entity in Entity} - known <= {"identity"}
    assert frame["ip__is_data_centre"].is_nan().sum() < frame.height


@pytest.mark.timeout(600)
def test_dask_leaves_the_same_bytes(log: Log, lists: Lists, local: dict[str, bytes], tmp_path: Path) -> None:
    done: list[int] = []
    with engine_of("dask", 2) as engine:
        backfill_sharded(log, tmp_path, lists, engine, done.append, batch_rows=2000)
    assert written(tmp_path) == local
    assert sum(done) > 2 * len(Entity)


def test_the_engines_go_on_where_the_other_stopped(
    log: Log, lists: Lists, local: dict[str, bytes], tmp_path: Path
) -> None:
    half = halved(log, tmp_path / "half")
    one, two = tmp_path / "one", tmp_path / "two"
    backfill(half, one, lists, ignored)
    before = written(one)
    assert backfill_sharded(log, one, lists, Pieces(3), ignored) < log.read(["sequence"]).num_rows
    backfill_sharded(half, two, lists, Pieces(2), ignored)
    assert written(two) == before
    backfill(log, two, lists, ignored)
    assert written(one) == written(two) == local


def test_nothing_new_changes_nothing(log: Log, lists: Lists, local: dict[str, bytes], tmp_path: Path) -> None:
    backfill_sharded(log, tmp_path, lists, Pieces(1), ignored)
    assert backfill_sharded(log, tmp_path, lists, Pieces(2), ignored) == 0
    assert written(tmp_path) == local


def test_a_run_that_was_stopped_leaves_what_was_there_and_starts_again(
    log: Log, lists: Lists, local: dict[str, bytes], tmp_path: Path
) -> None:
    half = halved(log, tmp_path / "half")
    backfill(half, tmp_path, lists, ignored)
    before = written(tmp_path)

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill_sharded(log, tmp_path, lists, Pieces(2), stop)
    assert written(tmp_path) == before
    left = frames_folder(tmp_path) / "pieces"
    left.mkdir()
    (left / "user-0.before").write_bytes(b"what a killed run left")
    backfill_sharded(log, tmp_path, lists, Pieces(2), ignored)
    assert written(tmp_path) == local


def test_a_state_that_is_damaged_is_computed_again(
    log: Log, lists: Lists, local: dict[str, bytes], tmp_path: Path
) -> None:
    backfill_sharded(log, tmp_path, lists, Pieces(1), ignored)
    state = frames_folder(tmp_path) / "state.bin"
    state.write_bytes(state.read_bytes()[:-100])
    assert backfill_sharded(log, tmp_path, lists, Pieces(1), ignored) == log.read(["sequence"]).num_rows
    assert written(tmp_path) == local


@pytest.mark.parametrize("lost", [0, 1])
def test_values_of_other_events_or_too_few_stop_the_join(log: Log, tmp_path: Path, lost: int) -> None:
    plan = Plan(tmp_path, batches_of(log.files()[:2], 1), tuple(shards_of(TABLE, 1)))
    for piece in plan.pieces:
        observe(plan, piece)
    first, second = plan.batches
    join(plan, None, first)
    piece = plan.pieces[lost]
    table = pq.read_table(plan.values(piece, first), partitioning=None)
    pq.write_table(table.slice(1), plan.values(piece, first))
    with pytest.raises(ValueError, match="changed while it was read"):
        join(plan, None, first)
    plan.values(piece, second).rename(plan.values(piece, first))
    with pytest.raises(ValueError, match="changed while it was read"):
        join(plan, None, first)


def test_a_file_belongs_to_one_batch_and_a_batch_is_filled(log: Log) -> None:
    files = log.files()
    batches = batches_of(files, 1500)
    assert [file for batch in batches for file in batch] == files
    assert 1 < len(batches) < len(files)
    assert batches_of([]) == ()


def test_each_key_belongs_to_one_shard_and_a_missing_one_to_none() -> None:
    digests = np.array([0, *(digest_of(f"u{number}") for number in range(1000))])
    held = np.array([Shard(Entity.USER, number, 3).holds(digests) for number in range(3)])
    assert held.sum(axis=0).tolist() == [0] + [1] * 1000
    assert held.sum(axis=1).min() > 250
    with pytest.raises(ValueError, match="shards"):
        Shard(Entity.USER, 3, 3)


@pytest.mark.parametrize("shards", [1, 4])
def test_a_state_in_parts_is_put_together_to_the_same_bytes(log: Log, shards: int) -> None:
    windows = Windows(TABLE)
    windows.learn(events_of(log.read(COLUMNS)))
    whole = windows.snapshot()
    parts = list(parted(whole, TABLE, shards_of(TABLE, shards)))
    assert len(parts) == shards * len(Entity)
    assert united(parts[::-1], TABLE) == whole


def test_parts_of_two_instants_are_not_put_together() -> None:
    table = [Windowed(entity, Aggregate.COUNT, "", DAY, HOUR) for entity in (Entity.USER, Entity.IP)]
    early, late = Windows(table[:1]), Windows(table[1:])
    late.as_of = DAY
    parts = [(Shard(Entity.USER, 0, 1), early.snapshot()), (Shard(Entity.IP, 0, 1), late.snapshot())]
    with pytest.raises(ValueError, match="one instant"):
        united(parts, table)
