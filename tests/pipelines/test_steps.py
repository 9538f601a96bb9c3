"""Steps: made once for equal inputs, never half, traced back by their digest."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.steps import DamagedError, Made, Steps, digest_of

KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.steps import Steps

def make(folder):
    (folder / "half").write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)

Steps(Path(sys.argv[1])).run("train", {"seed": 1}, make)
"""


def write(folder: Path) -> None:
    (folder / "deep").mkdir()
    (folder / "deep" / "model.txt").write_text("model")


def never(_: Path) -> None:
    pytest.fail("it was made already")


@pytest.fixture
def steps(tmp_path: Path) -> Steps:
    return Steps(tmp_path)


def made(steps: Steps, **inputs: object) -> Made:
    return steps.run("train", inputs, write)


def test_equal_inputs_are_made_once(steps: Steps) -> None:
    first = made(steps, seed=1, rows=[1, 2])
    again = steps.run("train", {"rows": [1, 2], "seed": 1}, never)
    assert (first.was_kept, again.was_kept) == (False, True)
    assert again.folder == first.folder
    assert (again.folder / "deep" / "model.txt").read_text() == "model"


def test_other_inputs_and_other_names_are_other_results(steps: Steps) -> None:
    digests = {made(steps, seed=1).digest, made(steps, seed=2).digest, steps.run("judge", {"seed": 1}, write).digest}
    assert len(digests) == 3


def test_a_failure_leaves_nothing_that_looks_finished(steps: Steps) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        steps.run("train", {"seed": 1}, fail)
    assert sorted(file.name for file in made(steps, seed=1).folder.iterdir()) == ["deep", "manifest.json"]


def test_what_was_killed_half_way_is_made_anew(steps: Steps) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, steps.folder], env=os.environ, check=False)
    assert ended.returncode == -signal.SIGKILL
    result = made(steps, seed=1)
    assert not result.was_kept
    assert not (result.folder / "half").exists()


def test_a_result_that_was_changed_is_refused_with_the_remedy(steps: Steps) -> None:
    place = made(steps, seed=1).folder
    (place / "deep" / "model.txt").write_text("another model")
    with pytest.raises(DamagedError, match=r"deep/model\.txt.*remove it and run again"):
        made(steps, seed=1)


def test_a_step_is_found_by_its_digest_with_what_it_was_made_from(steps: Steps) -> None:
    before = made(steps, seed=1)
    after = steps.run("judge", {"model": before.digest}, write)
    manifest = steps.find(after.digest)
    assert steps.find(manifest["inputs"]["model"])["inputs"] == {"seed": 1}
    with pytest.raises(LookupError, match="no step"):
        steps.find(digest_of("nothing"))


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"step": "train", "inputs": {}, "files": 1}', "{"])
def test_a_broken_manifest_is_named_with_the_remedy(steps: Steps, body: str) -> None:
    done = made(steps, seed=1)
    (done.folder / "manifest.json").write_text(body)
    for ask in (lambda: made(steps, seed=1), lambda: steps.find(done.digest)):
        with pytest.raises(
            DamagedError, match=rf"{done.digest}/manifest\.json is no manifest .*remove .* and run again"
        ):
            ask()


def test_a_file_in_the_place_of_a_step_is_named_with_the_remedy(steps: Steps) -> None:
    place = steps.folder / "train" / made(steps, seed=1).digest
    shutil.rmtree(place)
    place.write_text("no folder")
    with pytest.raises(DamagedError, match=rf"{place.name} is a file .* remove it and run again"):
        made(steps, seed=1)


def test_what_killed_runs_left_is_cleared_away_and_what_is_finished_stays(steps: Steps) -> None:
    done = made(steps, seed=1)
    half = done.folder.with_name("0" * 64 + ".part")
    half.mkdir()
    (half / "half").write_text("half")
    steps.clear_away()
    assert not half.exists()
    assert made(steps, seed=1).was_kept
