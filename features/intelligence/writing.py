"""Puts a list into the folder of a home, whole: the service that looks meanwhile sees the old one or the new one."""

from pathlib import Path

from features.intelligence.history import write_whole
from features.intelligence.lists import files_in
from features.intelligence.reading import ListKind


def put(folder: Path, kind: ListKind, raw: bytes) -> Path:
    """Make `raw` the list of this kind: `<kind>.txt`, instead of all files that were this kind's."""
    target = folder / f"{kind}.txt"
    write_whole(target, raw)
    for file in files_in(folder).get(kind, []):
        if file != target:
            file.unlink()
    return target
