"""What a backfill leaves beside its parts so that the next one goes on: the state, and the parts that it stands on."""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.log import Log

_STATE: Final = "state.bin"

Part = list[Any]
"""The size of a part in bytes, and its SHA-256."""


class DamagedFrameError(ValueError):
    """A part of the frame is not as the backfill wrote it."""


@dataclass(frozen=True)
class State:
    """What was known after the file `last` of the log: snapshots of the windows and of the graph."""

    last: str
    windows: bytes
    graph: bytes


def put_down(parts: Path, state: State) -> None:
    """Write the state, whole, with name, size and digest of each part that it stands on."""
    before = _known_parts(parts)
    files = sorted(file for file in parts.glob("*.parquet") if file.name <= state.last)
    known = {file.name: before.get(file.name) or _part(file) for file in files}
    sizes = {"windows": len(state.windows), "graph": len(state.graph)}
    body = state.windows + state.graph
    head = json.dumps({"last": state.last, "parts": known, "body": _digest(body)} | sizes).encode()
    half = parts / f"{_STATE}.{os.getpid()}.half"
    half.write_bytes(head + b"\n" + body)
    half.rename(parts / _STATE)


def taken_up(parts: Path, log: Log) -> State:
    """The state as it was put down. Raises OSError, ValueError or KeyError if there is none, or the log is another.

    A part that is not as it was written is as good as none: the backfill begins anew.
    """
    head, _, body = (parts / _STATE).read_bytes().partition(b"\n")
    known = json.loads(head)
    files = [file.name for file in log.files() if file.name <= known["last"]]
    if not isinstance(known["parts"], dict) or files != list(known["parts"]) or _digest(body) != known["body"]:
        raise ValueError("the log or its parts are not those that the state has seen")
    for name, part in known["parts"].items():
        if _part(parts / name) != part:
            raise DamagedFrameError(_sentence(parts / name))
    return State(known["last"], body[: known["windows"]], body[known["windows"] :])


def begin_anew(parts: Path) -> None:
    """Remove what a backfill of another log left."""
    for part in parts.glob("*.parquet"):
        part.unlink()
    (parts / _STATE).unlink(missing_ok=True)


def assert_sizes(parts: Path) -> None:
    """Raises DamagedFrameError, naming the part, if one is missing or cut. Digests are compared by the backfill."""
    for name, (size, _) in _known_parts(parts).items():
        file = parts / name
        if not file.exists() or file.stat().st_size != size:
            raise DamagedFrameError(_sentence(file))


def _known_parts(parts: Path) -> Mapping[str, Part]:
    """The parts that the state stands on; none without a state, or with one that cannot be read."""
    try:
        with (parts / _STATE).open("rb") as state:
            known = json.loads(state.readline())["parts"]
    except (OSError, ValueError, KeyError):
        return {}
    return known if isinstance(known, dict) else {}


def _part(file: Path) -> Part:
    with file.open("rb") as stream:
        return [file.stat().st_size, hashlib.file_digest(stream, "sha256").hexdigest()]


def _digest(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _sentence(file: Path) -> str:
    return f"{file} is not as the backfill wrote it: run `assay backfill`, which computes the frame anew"
