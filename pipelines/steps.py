"""Steps whose results are kept under a digest of what they were made from: run again, resume, trace back.

A step that was made from equal inputs is not made again. One that was killed leaves nothing that looks finished: it is
made beside its place and renamed into it whole.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

MANIFEST: Final = "manifest.json"
_PART: Final = ".part"
_BYTES_AT_ONCE: Final = 1 << 20

Inputs = Mapping[str, Any]
"""What a step is made from, as plain JSON: digests of earlier steps and of files, settings, versions."""


class DamagedError(ValueError):
    """A kept result is no longer what its manifest says."""


@dataclass(frozen=True)
class Made:
    """A finished step: its folder, its digest (name and inputs), and whether it lay there already."""

    name: str
    folder: Path
    digest: str
    was_kept: bool


class Steps:
    """The results of steps under `folder`, one folder a digest: `NAME/DIGEST/` with files and a manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def run(self, name: str, inputs: Inputs, make: Callable[[Path], object]) -> Made:
        """The result of `make(folder)` for these inputs; `make` writes files into the empty folder that it is given.

        Raises DamagedError, naming file and remedy, when a kept result was changed since.
        """
        digest = digest_of({"step": name, "inputs": inputs})
        place = self.folder / name / digest
        if (place / MANIFEST).exists():
            _verify(place)
            return Made(name, place, digest, was_kept=True)
        self._make(place, name, inputs, make)
        return Made(name, place, digest, was_kept=False)

    def find(self, digest: str) -> dict[str, Any]:
        """The manifest of a finished step. Raises LookupError for none, DamagedError for one that cannot be read."""
        for place in self.folder.glob(f"*/{digest}/{MANIFEST}"):
            return _manifest(place.parent)
        raise LookupError(f"{self.folder} holds no step {digest}")

    def clear_away(self) -> None:
        """Remove what killed runs left half made. Only for who knows that no other run is at work here."""
        for half in self.folder.glob(f"*/*{_PART}"):
            _remove(half)

    def _make(self, place: Path, name: str, inputs: Inputs, make: Callable[[Path], object]) -> None:
        for folder in (self.folder, place.parent, place):
            if folder.exists() and not folder.is_dir():
                raise DamagedError(f"{folder} is a file where a folder of steps belongs: remove it and run again")
        half = place.with_name(place.name + _PART)
        _remove(half)
        half.mkdir(parents=True)
        make(half)
        manifest = {"step": name, "inputs": dict(inputs), "files": digests_in(half)}
        (half / MANIFEST).write_text(json.dumps(manifest, indent=1, sort_keys=True) + "\n")
        # Not there, or a folder without a manifest that only a hand can have left.
        shutil.rmtree(place, ignore_errors=True)
        half.rename(place)


def digest_of(body: Any) -> str:
    """The SHA-256 of plain JSON, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(body, sort_keys=True, allow_nan=False).encode()).hexdigest()


def digest_of_file(file: Path) -> str:
    """The SHA-256 of a file's bytes."""
    digest = hashlib.sha256()
    with file.open("rb") as stream:
        while piece := stream.read(_BYTES_AT_ONCE):
            digest.update(piece)
    return digest.hexdigest()


def digests_in(folder: Path) -> dict[str, str]:
    """Path below `folder` -> digest, for every file but the manifest."""
    files = sorted(file for file in folder.rglob("*") if file.is_file() and file.name != MANIFEST)
    return {file.relative_to(folder).as_posix(): digest_of_file(file) for file in files}


def _remove(half: Path) -> None:
    if half.is_dir():
        shutil.rmtree(half)
    else:
        half.unlink(missing_ok=True)


def _manifest(place: Path) -> dict[str, Any]:
    file = place / MANIFEST
    try:
        manifest = json.loads(file.read_text())
    except ValueError:
        manifest = None
    if not isinstance(manifest, dict) or not all(isinstance(manifest.get(part), dict) for part in ("inputs", "files")):
        raise DamagedError(f"{file} is no manifest of a step: remove {place} and run again")
    return manifest


def _verify(place: Path) -> None:
    promised = _manifest(place)["files"]
    found = digests_in(place)
    if found != promised:
        changed = sorted(name for name in promised | found if promised.get(name) != found.get(name))
        raise DamagedError(f"{place} was changed after it was made ({', '.join(changed[:5])}): remove it and run again")
