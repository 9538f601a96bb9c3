"""A loss of power: what was not synced may be missing, in whole, in part, or cut; what was answered may not."""

import os
import pickle
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

import pytest

from pipelines.chaos.disk import Disk, NoLayer, all_after, left_after, recorded
from pipelines.chaos.killed import live, live_recorded, told_in

CRASHES = 2_000 if "ASSAY_SOAK" in os.environ else 40
ROWS = 60
Run = Callable[..., int | None]


@pytest.fixture
def disk() -> Iterator[Disk]:
    try:
        with recorded() as disk:
            yield disk
    except NoLayer as absent:
        if "CI" in os.environ:
            raise
        pytest.skip(f"no layer under SQLite: {absent}")


def write(folder: Path, mode: str, disk: Disk) -> list[int]:
    """Rows 0, 1, ... each in a commit of its own; how far the disk was when each was acknowledged."""
    connection = sqlite3.connect(folder / "rows.db", isolation_level=None)
    for pragma in ("journal_mode=WAL", f"synchronous={mode}", "wal_autocheckpoint=20"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("CREATE TABLE kept (number INTEGER PRIMARY KEY, body BLOB)")
    acknowledged = []
    for number in range(ROWS):
        connection.execute("INSERT INTO kept VALUES (?, ?)", (number, bytes(300)))
        acknowledged.append(disk.now)
    connection.close()
    return acknowledged


def lost(folder: Path, mode: str, disk: Disk) -> int:
    """In how many crashes something that was acknowledged is gone."""
    acknowledged, dice, count = write(folder, mode, disk), Random(7), 0  # noqa: S311  (a sample, no secret)
    for moment in range(acknowledged[0], disk.now + 1):
        files = left_after(disk.deeds, moment, dice if moment % 2 else None)
        count += not {n for n, at in enumerate(acknowledged) if at <= moment} <= rows_of(files, folder / str(moment))
    return count


def rows_of(files: dict[str, bytes], folder: Path) -> set[int]:
    folder.mkdir()
    for path, content in files.items():
        (folder / Path(path).name).write_bytes(content)
    connection = sqlite3.connect(folder / "rows.db")
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {number for (number,) in connection.execute("SELECT number FROM kept")}
    except sqlite3.OperationalError:  # not even the table is there
        return set()
    finally:
        connection.close()


def test_what_sqlite_synced_is_never_lost(disk: Disk, tmp_path: Path) -> None:
    assert lost(tmp_path, "FULL", disk) == 0


def test_the_layer_loses_what_was_not_synced(disk: Disk, tmp_path: Path) -> None:
    """Without syncs an acknowledged row can be lost: a layer that lost nothing here would prove nothing above."""
    assert lost(tmp_path, "NORMAL", disk) > ROWS // 2


@pytest.mark.timeout(86_400 if CRASHES > 1_000 else 900)
def test_a_loss_of_power_at_any_moment_loses_nothing_that_was_answered_and_doubles_nothing(
    running: Run, approving: Path, whole_day: list[list[Any]], tmp_path: Path, disk: Disk
) -> None:
    del disk  # asks only whether there is a layer here
    first = tmp_path / "first"
    assert running(live_recorded, first / "home", str(first / "home" / "assay.db"), approving, tmp_path / "record") == 0
    deeds, answered = pickle.loads((tmp_path / "record").read_bytes())  # noqa: S301  (we wrote it)
    answers = {name: answer for name, answer in whole_day if name != "end"}
    dice = Random(7)  # noqa: S311  (a sample, no secret)
    assert {name: answer for _, name, answer in answered} == answers
    for number in range(CRASHES):
        moment, root = dice.randint(answered[0][0], len(deeds)), tmp_path / str(number)
        restore(first / "home", root / "home", all_after(deeds, moment), left_after(deeds, moment, dice))
        assert running(live, root / "home", str(root / "home" / "assay.db"), approving, None, root / "told") == 0
        *said, end = told_in(root / "told")
        assert dict(said) == answers, moment
        assert end[1][1] == whole_day[-1][1][1], moment
        shutil.rmtree(root)


def restore(before: Path, after: Path, whole: dict[str, bytes], left: dict[str, bytes]) -> None:
    """The home as a loss of power left it: its keys, its database; the provider is elsewhere and lost nothing."""
    shutil.copytree(before, after, ignore=shutil.ignore_patterns("*.db*", "heads"))
    for path, content in {**left, **{path: whole[path] for path in whole if "provider" in path}}.items():
        if Path(path).is_relative_to(before):
            (after / Path(path).relative_to(before)).write_bytes(content)
