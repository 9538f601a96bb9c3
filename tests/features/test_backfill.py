"""A backfill that was stopped goes on to the parts and the state of one that was not, however the log is cut."""

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from features import backfill as module
from features.backfill import backfill, rows_to_do
from features.frame import frames_folder, read_frame
from features.log import Log
from features.resumption import DamagedFrameError, taken_up
from training.simulator.simulate import Scenario, simulate

ROWS_PER_STATE = 900
"""A few files of the log."""


@pytest.fixture(autouse=True)
def states_are_put_down_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ROWS_PER_STATE", ROWS_PER_STATE)


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Log:
    """A file a day, with outcomes and late events among the rows."""
    folder = tmp_path_factory.mktemp("log")
    simulate(Scenario(users=100, days=10, seed=5, start=date(2026, 1, 1)), folder)
    return Log(folder)


@pytest.fixture(scope="module")
def whole(log: Log, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a backfill leaves that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    assert backfill(log, folder, None, lambda _: None) == log.read(["sequence"]).num_rows > 3 * ROWS_PER_STATE
    return folder


def written(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in frames_folder(folder).iterdir()}


def stop_after(log: Log, folder: Path, files: int) -> None:
    """End a backfill as a kill does, when so many parts have been written and the next state has not."""
    left = files

    def advance(_: int) -> None:
        nonlocal left
        left -= 1
        if left == 0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        backfill(log, folder, None, advance)


def cut(log: Log, folder: Path, rows_max: int) -> Log:
    """The same log in files of at most so many rows, each named after its first sequence."""
    for file in log.files():
        rows = pq.read_table(file, partitioning=None)
        (folder / file.parent.name).mkdir(parents=True)
        for begin in range(0, rows.num_rows, rows_max):
            piece = rows.slice(begin, rows_max)
            pq.write_table(piece, folder / file.parent.name / f"{piece['sequence'][0].as_py():015d}.parquet")
    return Log(folder)


@pytest.mark.parametrize("files", [1, 5, 9])
def test_it_goes_on_from_the_last_state_to_the_same_bytes(log: Log, whole: Path, tmp_path: Path, files: int) -> None:
    stop_after(log, tmp_path, files)
    rest = backfill(log, tmp_path, None, lambda _: None)
    assert written(tmp_path) == written(whole)
    # After one file no state has been put down, so all is computed again; later only what came after the last one.
    assert (rest == log.read(["sequence"]).num_rows) == (files == 1)
    assert rows_to_do(log, tmp_path) == 0


def test_it_may_be_stopped_again_and_again(log: Log, whole: Path, tmp_path: Path) -> None:
    for files in (2, 7, 3, 1):
        stop_after(log, tmp_path, files)
    (frames_folder(tmp_path) / "half-written.half").write_bytes(b"what a kill left")
    backfill(log, tmp_path, None, lambda _: None)
    left = written(tmp_path)
    assert left.pop("half-written.half")
    assert left == written(whole)


@pytest.mark.parametrize("rows_max", [70, 333])
def test_however_the_log_is_cut_values_and_state_are_the_same(
    log: Log, whole: Path, tmp_path: Path, rows_max: int
) -> None:
    pieces = cut(log, tmp_path / "log", rows_max)
    assert len(pieces.files()) > len(log.files())
    folder = tmp_path / "features"
    stop_after(pieces, folder, len(pieces.files()) // 2)
    backfill(pieces, folder, None, lambda _: None)
    frame, expected = read_frame(folder), read_frame(whole)
    assert frame.columns == expected.columns
    assert frame.equals(expected)
    state, known = taken_up(frames_folder(folder), pieces), taken_up(frames_folder(whole), log)
    assert (state.windows, state.graph) == (known.windows, known.graph)


def test_another_log_is_begun_anew(log: Log, whole: Path, tmp_path: Path) -> None:
    folder = tmp_path / "features"
    backfill(cut(log, tmp_path / "log", 500), folder, None, lambda _: None)
    assert backfill(log, folder, None, lambda _: None) == log.read(["sequence"]).num_rows
    assert written(folder) == written(whole)


def cut_off(part: Path) -> None:
    part.write_bytes(part.read_bytes()[:-100])


def change_one_byte(part: Path) -> None:
    body = part.read_bytes()
    part.write_bytes(body[:1000] + bytes([body[1000] ^ 1]) + body[1001:])


@pytest.mark.parametrize("damage", [cut_off, change_one_byte, Path.unlink])
def test_a_part_that_was_damaged_is_computed_anew(
    log: Log, whole: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    damage(sorted(frames_folder(tmp_path).glob("*.parquet"))[3])
    assert backfill(log, tmp_path, None, lambda _: None) == log.read(["sequence"]).num_rows
    assert written(tmp_path) == written(whole)


@pytest.mark.parametrize("damage", [cut_off, Path.unlink])
def test_a_frame_with_a_part_cut_or_missing_is_not_read(
    whole: Path, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    shutil.copytree(whole, tmp_path, dirs_exist_ok=True)
    part = sorted(frames_folder(tmp_path).glob("*.parquet"))[3]
    damage(part)
    with pytest.raises(DamagedFrameError, match=rf"{part.name} is not as .* run `assay backfill`"):
        read_frame(tmp_path)
