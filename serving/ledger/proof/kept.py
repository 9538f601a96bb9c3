"""Where heads are kept: files of lines that only grow, in as many folders as somebody wants copies in."""

import fcntl
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from features.home import Home
from serving.ledger.proof.heads import Head, as_line

HEADS: Final = "heads"
_SUFFIX: Final = ".jsonl"
_LINE_CHARACTERS_MAX: Final = 4_096


def folders_of(home: Home) -> list[Path]:
    """The home's own folder, and that of ASSAY_HEADS: one on another machine or volume, which whoever has the database
    has not.
    """
    elsewhere = os.environ.get("ASSAY_HEADS")
    return [home.root / HEADS, *([Path(elsewhere).resolve()] if elsewhere else [])]


def keep(head: Head, folder: Path) -> None:
    """On the disk when this returns. What a power cut left of a line was never kept, and is removed first."""
    folder.mkdir(parents=True, exist_ok=True)
    month = datetime.fromtimestamp(head.at / 1e6, UTC).strftime("%Y-%m")
    file = folder / f"{month}{_SUFFIX}"
    is_new = not file.exists()
    with file.open("ab+") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        lines.seek(0)
        lines.truncate(lines.read().rfind(b"\n") + 1)
        lines.write(as_line(head).encode())
        lines.flush()
        os.fsync(lines.fileno())
    if is_new:
        _settle(folder)


def lines_of(folder: Path) -> Iterator[tuple[str, Head | ValueError]]:
    """Where each line is and what it says, file by file, in order; a folder that is not there has none.

    An unfinished last line is passed over: it was never told to anybody as kept.
    """
    for file in sorted(folder.glob(f"*{_SUFFIX}")):
        text = file.read_text("utf-8", errors="replace")
        whole = text[: text.rfind("\n") + 1]
        for number, line in enumerate(whole.splitlines(), 1):
            yield f"{file.name}:{number}", _read(line)


def last_of(folder: Path) -> Head | None:
    """The newest head that can be read."""
    last = None
    for _, head in lines_of(folder):
        if isinstance(head, Head):
            last = head
    return last


def _read(line: str) -> Head | ValueError:
    if len(line) > _LINE_CHARACTERS_MAX:
        return ValueError(f"it has {len(line):,} characters, a head has at most {_LINE_CHARACTERS_MAX:,}")
    try:
        return Head.from_json(json.loads(line))
    except ValueError as failure:
        return failure
    except RecursionError:
        return ValueError("it is nested too deeply")


def _settle(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
