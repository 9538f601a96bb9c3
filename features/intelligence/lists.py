"""The lists of a home: found, checked, kept, reloaded without a restart, and known as of any sequence of the log.

Whoever stamps the events calls `look` (reads files; it may run beside, in a thread) and hands what it found to `adopt`
with the sequence of the next event. A list that is refused changes nothing: the one before it stays.
"""

import os
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from features.home import Home
from features.intelligence.history import NONE, Entry, Epoch, History, digest_of
from features.intelligence.reading import (
    FILE_BYTES_MAX,
    SMALLER,
    BadLine,
    Content,
    ListKind,
    Refused,
    is_dropped,
    judge,
    read_list,
)

FILES_MAX: Final = 64
# Versions of lists that are held ready; older ones are read again when a history needs them.
READY_MAX: Final = 24
ENDINGS: Final = frozenset({".txt", ".conf", ".list", ".netset", ".tsv"})
# As the well-known publishers name their files; the longest beginning decides.
_BEGINNINGS: Final = {str(kind): kind for kind in ListKind} | {
    "datacenter": ListKind.DATA_CENTRE,
    "datacenter_asn": ListKind.DATA_CENTRE_ASN,
    "data_center": ListKind.DATA_CENTRE,
    "data_center_asn": ListKind.DATA_CENTRE_ASN,
    "blocklist": ListKind.DISPOSABLE_EMAIL,
    "ip2asn": ListKind.ASN_RANGES,
}

Stamp = tuple[tuple[str, int, int, int], ...]
Known = Mapping[ListKind, Any]
"""What applied together: kinds without a list are absent."""


@dataclass(frozen=True)
class Found:
    """A list that was looked at. `reason` says why it is refused; "" when it is good. `told` is the reason for a log,
    where no line of a list may stand.
    """

    kind: ListKind
    files: tuple[str, ...]
    reason: str = ""
    raw: bytes = b""
    content: Content | None = None
    dropped: bool = False
    told: str = ""

    @property
    def entries(self) -> int:
        return self.content.entries if self.content else 0

    @property
    def bad(self) -> int:
        return self.content.bad if self.content else 0

    @property
    def shown(self) -> tuple[BadLine, ...]:
        return self.content.shown if self.content else ()


def kind_of(file: Path) -> ListKind | None:
    """Which list a file holds, by its name; None for other files."""
    if file.suffix.lower() not in ENDINGS:
        return None
    name = file.stem.lower().replace("-", "_")
    fitting = [beginning for beginning in _BEGINNINGS if name.startswith(beginning)]
    return _BEGINNINGS[max(fitting, key=len)] if fitting else None


def files_in(folder: Path) -> dict[ListKind, list[Path]]:
    """The files of each kind, by name; several of one kind are one list. Raises ValueError for more than 64 files."""
    found: dict[ListKind, list[Path]] = {}
    for file in sorted(folder.glob("*")) if folder.is_dir() else []:
        kind = kind_of(file)
        if kind and file.is_file():
            found.setdefault(kind, []).append(file)
    if sum(map(len, found.values())) > FILES_MAX:
        raise ValueError(f"{folder} holds more than {FILES_MAX} lists")
    return found


def _stamp(files: list[Path]) -> Stamp:
    stats = [(file.name, file.stat()) for file in files]
    return tuple((name, stat.st_size, stat.st_mtime_ns, stat.st_ino) for name, stat in stats)


def _bytes_of(files: list[Path], stamp: Stamp) -> bytes:
    if sum(size for _, size, _, _ in stamp) > FILE_BYTES_MAX:
        raise Refused(f"holds over {FILE_BYTES_MAX:,} bytes")
    parts = [file.read_bytes() for file in files]
    if _stamp(files) != stamp:
        raise Refused("was changed while it was read")
    # A last line that was cut must not run into the next file.
    cut = [file.name for file, part in zip(files, parts, strict=True) if part and not part.endswith(b"\n")]
    if cut:
        raise Refused(f"{cut[0]} does not end with a line's end: it is taken for half-written")
    return b"".join(parts)


def examine(kind: ListKind, files: list[Path], entries_before: int = 0, *, may_shrink: bool = False) -> Found:
    """Read and judge the files of one kind. Never raises for what they hold, nor when they cannot be read."""
    names = tuple(file.name for file in files)
    content, raw = None, b""
    try:
        raw = _bytes_of(files, _stamp(files))
        if is_dropped(raw):
            return Found(kind, names, dropped=True)
        if may_shrink and not raw.startswith(SMALLER.encode()):
            raw = f"{SMALLER}\n".encode() + raw
        content = read_list(kind, raw)
        judge(content, raw, entries_before)
    except Refused as refused:
        return Found(kind, names, str(refused), raw, content, told=refused.told)
    except OSError as failure:
        return Found(kind, names, f"cannot be read: {failure.strerror}")
    return Found(kind, names, "", raw, content)


class Lists:
    """What is known of addresses, domains and models, as of any sequence. `source`: the folder of the user's files."""

    def __init__(self, folder: Path, source: Path | None = None) -> None:
        self.source = source or folder
        self.history = History(folder)
        self._seen: dict[ListKind, Stamp] = {}
        self._ready: OrderedDict[tuple[ListKind, str], Content] = OrderedDict()
        self._known: OrderedDict[Epoch, dict[ListKind, Any]] = OrderedDict()

    @classmethod
    def of_home(cls, home: Home) -> "Lists":
        """`<home>/lists` keeps the history; the user's files lie there, or in the folder that ASSAY_LISTS names."""
        named = os.environ.get("ASSAY_LISTS", "")
        return cls(home.root / "lists", Path(named) if named else None)

    def look(self) -> list[Found]:
        """What changed in the user's folder since it was last looked at: read and judged, not yet applied."""
        files = files_in(self.source)
        return [found for kind in ListKind if (found := self._look_at(kind, files.get(kind, [])))]

    def _look_at(self, kind: ListKind, files: list[Path]) -> Found | None:
        try:
            stamp = _stamp(files)
        except OSError:
            return None  # replaced this very moment: the next look sees it
        if self._seen.get(kind, ()) == stamp:
            return None
        current = self.history.current(kind)
        if not files:
            self._seen[kind] = stamp
            return Found(kind, (), "its file is gone; the list stays until it is dropped") if current.digest else None
        found = examine(kind, files, current.entries)
        # One that is younger than our look, or that could not be read now, is looked at again.
        if not found.reason.startswith(("was changed", "cannot be read")):
            self._seen[kind] = stamp
        # An unchanged list is no news.
        same = NONE if found.dropped else digest_of(found.raw)
        return None if not found.reason and same == current.digest else found

    def look_again_at(self, kind: ListKind) -> None:
        """The next look finds this list once more: what was found could not be adopted, and was not refused."""
        self._seen.pop(kind, None)

    def adopt(self, found: Found, since: int, recorded_at: int = 0) -> Entry:
        """Let a good list apply from the event with sequence `since` on; a dropped one ends there.

        Raises Refused if it was refused, ValueError if `since` lies before the newest list, OSError if the disk fails.
        """
        if found.reason:
            raise Refused(f"{found.kind}: {found.reason}", found.told or found.reason)
        digest = NONE if found.content is None else self.history.keep(found.raw)
        entry = Entry(found.kind, digest, since, found.entries, recorded_at)
        self.history.append(entry)
        if found.content is not None:
            self._make_ready(found.kind, digest, found.content)
        return entry

    def reload(self, since: int, recorded_at: int = 0) -> list[Found]:
        """Look, and adopt what is good. Returns all that was found, refused ones with their reason."""
        return [self._adopted(found, since, recorded_at) for found in self.look()]

    def _adopted(self, found: Found, since: int, recorded_at: int) -> Found:
        try:
            self.adopt(found, since, recorded_at)
        except Refused as refused:
            return found if found.reason else replace(found, reason=str(refused), told=refused.told)
        except OSError as failure:
            self.look_again_at(found.kind)
            return replace(found, reason=f"cannot be kept: {failure.strerror}")
        return found

    def as_of(self, sequence: int) -> Known:
        """What the event of this sequence is judged by. Raises ValueError or OSError if a kept list is lost."""
        return self.of_epoch(self.history.epoch_at(sequence))

    def of_epoch(self, epoch: Epoch) -> Known:
        known = self._known.get(epoch)
        if known is None:
            digests = zip(ListKind, epoch, strict=True)
            known = {kind: self._content(kind, digest).known for kind, digest in digests if digest}
            self._known[epoch] = known
            if len(self._known) > READY_MAX:
                self._known.popitem(last=False)
        return known

    def versions(self, sequence: int) -> dict[str, str]:
        """The digest of each list that applied: what a decision records."""
        digests = zip(ListKind, self.history.epoch_at(sequence), strict=True)
        return {str(kind): digest for kind, digest in digests if digest}

    def _content(self, kind: ListKind, digest: str) -> Content:
        if (kind, digest) not in self._ready:
            self._make_ready(kind, digest, read_list(kind, self.history.kept(digest)))
        self._ready.move_to_end((kind, digest))
        return self._ready[kind, digest]

    def _make_ready(self, kind: ListKind, digest: str, content: Content) -> None:
        self._ready[kind, digest] = content
        if len(self._ready) > READY_MAX:
            self._ready.popitem(last=False)
