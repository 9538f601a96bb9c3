"""What a backfill leaves beside its parts so that the next one goes on: the state, and the parts that it stands on."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from features.log import Log

_STATE: Final = "state.bin"


@dataclass(frozen=True)
class State:
    """What was known after the file `last` of the log: snapshots of the windows and of the graph."""

    last: str
    windows: bytes
    graph: bytes


def put_down(parts: Path, state: State) -> None:
    """Write the state, whole, with the names of all parts that it stands on."""
    known = sorted(file.name for file in parts.glob("*.parquet") if file.name <= state.last)
    sizes = {"windows": len(state.windows), "graph": len(state.graph)}
    head = json.dumps({"last": state.last, "parts": known} | sizes).encode()
    half = parts / f"{_STATE}.half"
    half.write_bytes(head + b"\n" + state.windows + state.graph)
    half.rename(parts / _STATE)


def taken_up(parts: Path, log: Log) -> State:
    """The state as it was put down. Raises OSError, ValueError or KeyError if there is none, or the log is another."""
    head, _, body = (parts / _STATE).read_bytes().partition(b"\n")
    known = json.loads(head)
    _assert_unchanged(parts, log, known)
    return State(known["last"], body[: known["windows"]], body[known["windows"] :])


def begin_anew(parts: Path) -> None:
    """Remove what a backfill of another log left."""
    for part in parts.glob("*.parquet"):
        part.unlink()
    (parts / _STATE).unlink(missing_ok=True)


def _assert_unchanged(parts: Path, log: Log, known: Mapping[str, Any]) -> None:
    files = [file.name for file in log.files() if file.name <= known["last"]]
    if files != known["parts"] or not all((parts / name).exists() for name in files):
        raise ValueError("the log or its parts are not those that the state has seen")
