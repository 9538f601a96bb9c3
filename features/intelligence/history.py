"""Which list applied since when: `lists/history.jsonl`, and each list under its digest in `lists/kept/`.

A list applies from a *sequence* of the log on. Sequences, not instants: they are unique and settle ties, so what an
event was judged by follows from the event's own row and this history alone, online and years later.
"""

import gzip
import hashlib
import json
import os
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from features.intelligence.reading import FILE_BYTES_MAX, ListKind, Refused

ENTRIES_MAX: Final = 20_000
NONE: Final = ""
"""The digest of no list: since this entry, the kind is unknown again."""

Epoch = tuple[str, ...]
"""The digest of each kind's list, in the order of ListKind."""


@dataclass(frozen=True)
class Entry:
    """From sequence `since` on, the list with this digest applies. `entries` and `recorded_at` are for people."""

    kind: ListKind
    digest: str
    since: int
    entries: int
    recorded_at: int = 0


def digest_of(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()


def write_whole(file: Path, content: bytes) -> None:
    """Write a file so that a reader, or a crash, meets the old or the new one and never half of one."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f"{file.name}.{os.getpid()}.part")
    with half.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())
    half.replace(file)


class History:
    """The history in `folder`; it only ever grows at its end. One process appends: the one that stamps the events."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file = folder / "history.jsonl"
        lines = self._file.read_text(encoding="utf-8").splitlines() if self._file.exists() else []
        self._entries = [_entry_of(line) for line in lines]
        self._cut()

    def _cut(self) -> None:
        """Epochs: from which sequence on, which lists together."""
        self._current = {kind: Entry(kind, NONE, 0, 0) for kind in ListKind}
        starts: dict[int, Epoch] = {0: self._epoch()}
        for entry in self._entries:
            self._current[entry.kind] = entry
            starts[entry.since] = self._epoch()
        self._starts, self._epochs = list(starts), list(starts.values())

    def _epoch(self) -> Epoch:
        return tuple(self._current[kind].digest for kind in ListKind)

    @property
    def entries(self) -> Sequence[Entry]:
        return tuple(self._entries)

    @property
    def starts(self) -> Sequence[int]:
        """The first sequence of each epoch, ascending; the first is 0."""
        return self._starts

    def current(self, kind: ListKind) -> Entry:
        return self._current[kind]

    def epoch_at(self, sequence: int) -> Epoch:
        """Which lists the event of this sequence is judged by."""
        return self._epochs[bisect_right(self._starts, sequence) - 1]

    def append(self, entry: Entry) -> None:
        """Durable when it returns. Raises ValueError for an entry that would change what applied before the newest."""
        newest = self._entries[-1].since if self._entries else 1
        if entry.since < newest:
            raise ValueError(f"the lists since sequence {newest} are history: {entry.since} is too early")
        if len(self._entries) >= ENTRIES_MAX:
            raise Refused(f"the history holds {ENTRIES_MAX:,} lists already")
        lines = "".join(json.dumps(asdict(one)) + "\n" for one in [*self._entries, entry])
        write_whole(self._file, lines.encode())
        self._entries.append(entry)
        self._cut()

    def keep(self, raw: bytes) -> str:
        """Keep a list under its digest."""
        digest = digest_of(raw)
        file = self._kept(digest)
        if not file.exists():
            write_whole(file, gzip.compress(raw, mtime=0))
        return digest

    def kept(self, digest: str) -> bytes:
        """A list by its digest. Raises FileNotFoundError, and ValueError when the file is not what it was."""
        with gzip.open(self._kept(digest)) as stream:
            raw = stream.read(FILE_BYTES_MAX + 1)
        if digest_of(raw) != digest:
            raise ValueError(f"{self._kept(digest)} is damaged: its content has another digest")
        return raw

    def _kept(self, digest: str) -> Path:
        return self._folder / "kept" / f"{digest}.gz"


def _entry_of(line: str) -> Entry:
    body = json.loads(line)
    return Entry(**body | {"kind": ListKind(body["kind"])})
