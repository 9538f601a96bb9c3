"""Compiled loops are kept under a name that changes with any of the source."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

FEATURES = Path(__file__).parents[2] / "features"


def folder_of(root: Path) -> str:
    code = "from features.compiling import config; print(config.CACHE_DIR)"
    environment = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return answer.stdout.strip()


def test_a_change_in_any_file_compiles_anew(tmp_path: Path) -> None:
    shutil.copytree(FEATURES, tmp_path / "features", ignore=shutil.ignore_patterns("__pycache__"))
    before = folder_of(tmp_path)
    assert before == folder_of(tmp_path)
    assert Path(before).is_relative_to(tmp_path)
    with (tmp_path / "features" / "state" / "queue.py").open("a") as source:
        source.write("# another thought\n")
    assert folder_of(tmp_path) != before


def test_a_folder_that_nobody_may_write_to_moves_the_loops_elsewhere(tmp_path: Path) -> None:
    shutil.copytree(FEATURES, tmp_path / "features", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "features").chmod(0o555)
    if os.access(tmp_path / "features", os.W_OK):
        return  # root may write anywhere: there is nothing to move for
    assert not Path(folder_of(tmp_path)).is_relative_to(tmp_path)
