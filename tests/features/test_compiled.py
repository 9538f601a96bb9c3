"""Compiled functions do not outlive the sources that they were compiled with."""

import os
from pathlib import Path

from features.compiled import drop_stale


def test_what_is_older_than_a_source_is_removed(tmp_path: Path) -> None:
    cache = tmp_path / "__pycache__"
    cache.mkdir()
    for name, age in (("a.nbi", 1), ("b.nbi", 3), ("other.pyc", 1)):
        (cache / name).touch()
        os.utime(cache / name, (age, age))
    for name, age in (("a.py", 1), ("constants.py", 2)):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (age, age))
    assert drop_stale(tmp_path) == 1
    assert sorted(path.name for path in cache.iterdir()) == ["b.nbi", "other.pyc"]
