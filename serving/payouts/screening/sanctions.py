"""The folder of list files that a home's people are searched in: read when they come and again when they change.

A file counts once two looks have found it the same, so that none is taken half-written; better still, move it there
whole. What cannot be read leaves the lists before it, and so does an empty folder.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import structlog

from features.home import Home
from serving.payouts.screening.lists import BadList
from serving.payouts.screening.screen import ListScreen
from serving.policy import ScreeningPolicy

FOLDER: Final = "sanctions"
"""In the home, where ASSAY_SANCTIONS names no other."""

Stamp = tuple[tuple[str, int, int, int], ...]

log = structlog.get_logger()


class Sanctions:
    """One thread looks; a list of many names takes seconds to read, and is searched by that thread alone."""

    def __init__(self, folder: Path, policy: ScreeningPolicy) -> None:
        self.folder, self._policy = folder, policy
        self._screen: ListScreen | None = None
        self._seen: Stamp | None = None
        self._judged: Stamp = ()

    @classmethod
    def of_home(cls, home: Home, policy: ScreeningPolicy, environment: Mapping[str, str] = os.environ) -> Self:
        """Raises ValueError where ASSAY_SANCTIONS names no folder."""
        named = environment.get("ASSAY_SANCTIONS", "")
        if named and not Path(named).is_dir():
            raise ValueError(f"ASSAY_SANCTIONS names {named}, which is no folder: make it, or unset it for the home's")
        return cls(Path(named) if named else home.root / FOLDER, policy)

    def files(self) -> list[Path]:
        """Every `*.csv` of the folder, by name."""
        return sorted(self.folder.glob("*.csv"))

    def tell(self) -> None:
        """Say at the start what it means for people that there is no list."""
        if self.files():
            return
        if self._policy.is_required:
            remedy = f"put files in the columns of targets.simple.csv into {self.folder}"
            effect = "nobody whose identity is proven is paid before a search"
            log.warning("no_sanction_lists", effect=effect, remedy=f"{remedy}, or let screening.is_required be false")
        else:
            log.warning("no_sanction_lists", effect="people whose identity is proven are paid unsearched")

    def look(self) -> ListScreen | None:
        """The screen over the newest files that could be read; None before any could."""
        stamp = _stamp(self.files())
        is_settled, self._seen = stamp == self._seen, stamp
        if is_settled and stamp != self._judged:
            self._judge(stamp)
        return self._screen

    def _judge(self, stamp: Stamp) -> None:
        if not stamp:
            self._judged = stamp
            log.warning("sanction_lists_gone", remedy="the lists that were read go on being searched: put files back")
            return
        try:
            screen = ListScreen.of_files(self.files(), self._policy)
        except BadList as bad:
            self._judged = stamp  # until it is changed, to read it again would say the same
            log.warning("sanction_lists_refused", reason=str(bad))
        except OSError as failure:
            log.warning("sanction_lists_wait", reason=failure.strerror)
        else:
            if _stamp(self.files()) == stamp:  # else it was changed while it was read: the next look begins anew
                self._screen, self._judged = screen, stamp
                log.info("sanction_lists_read", files=len(stamp), names=screen.names)


def _stamp(files: list[Path]) -> Stamp:
    found = []
    for file in files:
        try:
            stat = file.stat()
        except FileNotFoundError:  # it was moved away just now
            continue
        found.append((file.name, stat.st_size, stat.st_mtime_ns, stat.st_ino))
    return tuple(found)
