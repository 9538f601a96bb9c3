"""The whole book verified from its rows: every hash made again, every balance rebuilt, every signed head held beside.

A window of rows is taken as whole numbers and bytes in compiled loops. Only what does not fit there is read again row
by row, so that a finding can be told in words; speed decides nothing about what is found.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Connection

from serving.ledger import chain
from serving.ledger.proof import heads, lanes
from serving.ledger.proof.balances import Balances
from serving.ledger.proof.closely import look
from serving.ledger.proof.findings import FINDINGS_MAX, Finding
from serving.ledger.proof.heads import Head
from serving.ledger.proof.parsed import Parsed, hashed, parse
from serving.ledger.proof.rows import EVENTS, TRANSFERS, WINDOW, Rows
from serving.ledger.proof.tree import Tree, joined

Keys = Mapping[str, Ed25519PublicKey]
Placed = tuple[str, Head | ValueError]
"""A line of a file of heads: where it is, and what it says."""


@dataclass(slots=True)
class Report:
    """`events` were read; `covered` of them lie under a head that fits; the rest is as new, or as old, as it says."""

    events: int = 0
    covered: int = 0
    heads: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def is_sound(self) -> bool:
        return not self.findings

    def add(self, findings: Iterable[Finding]) -> None:
        for finding in findings:
            if len(self.findings) < FINDINGS_MAX:
                self.findings.append(finding)


def verify(
    connection: Connection,
    lines: Sequence[Placed],
    keys: Keys,
    advance: Callable[[int], object] = lambda _: None,
    start: int = 1,
) -> Report:
    """All findings of the book that `connection`, one reading transaction, sees.

    Before event `start` hashes are taken as they are stored, for the heads to judge, and balances are not rebuilt.
    """
    walk = _Walk(Rows(connection), lines, keys)
    walk.take_stored(start - 1)
    walk.go(advance)
    if start == 1:
        walk.report.add(walk.balances.findings)
        walk.report.add(walk.balances.compare(connection))
    walk.end(connection)
    return walk.report


class _Walk:
    """The chain from its beginning, window by window, with the tree over it and the heads that wait for it."""

    def __init__(self, rows: Rows, lines: Sequence[Placed], keys: Keys) -> None:
        self.report, self.balances = Report(), Balances()
        self._rows, self._tree, self._last = rows, Tree(), chain.GENESIS
        self._first, self._end = rows.ends()
        self._is_broken = False
        self._fits, self._fails = 0, _FAR
        self._waiting = self._believed(lines, keys)

    def take_stored(self, until: int) -> None:
        while self._tree.size < until:
            hashes = self._rows.hashes(self._tree.size, min(WINDOW, until - self._tree.size))
            if not hashes:
                return
            self._grow(joined(hashes))

    def go(self, advance: Callable[[int], object]) -> None:
        if self._first < 1:
            self.report.add([Finding(self._first, f"there is an event {self._first}, and the first is event 1")])
        after = self._tree.size
        while after < self._end:
            # A number far out must not make the empty space before it endless.
            until = min(max(after + WINDOW, self._rows.next_after(after) - 1), self._end)
            self._take(after, until)
            advance(min(until - after, WINDOW))
            after = until
        self.report.events = self._tree.size

    def end(self, connection: Connection) -> None:
        """What can be told only when all is read."""
        sequence, hash_ = chain.head(connection)
        if sequence != self._end or hash_ != self._last:
            told = f"the book says that its chain ends with event {sequence}, and it ends with event {self._end}"
            self.report.add([Finding(sequence, f"{told}, or with another hash")])
        for where, head in self._waiting:
            message = f"the head {_named(where, head)}, and the book has {self._end}: what was signed is gone"
            self.report.add([Finding(head.size, message)])
            self._fails = min(self._fails, head.size)
        self.report.covered = self._fits
        if self._fails != _FAR and not self._is_broken:
            message = f"the book was rewritten: what changed begins between events {self._fits + 1} and {self._fails}"
            self.report.add([Finding(self._fails, message)])

    def _take(self, after: int, until: int) -> None:
        transfers = parse(self._rows.lines(TRANSFERS, after, until), TRANSFERS)
        events = parse(self._rows.lines(EVENTS, after, until), EVENTS)
        hashes = None
        if transfers is not None and events is not None:
            hashes = self._linked(transfers, events, after, until)
        if hashes is None:
            transfers, events, hashes = self._look_closely(after, until)
        assert transfers is not None and events is not None  # noqa: PT018  # both or neither
        self.balances.take(transfers, events)
        self._grow(hashes)

    def _linked(self, transfers: Parsed, events: Parsed, after: int, until: int) -> lanes.Bytes | None:
        """The hashes of a window in order, if each of its rows is there once and is what its hash says; else None."""
        sequences = np.concatenate((transfers.numbers[:, 0], events.numbers[:, 0]))
        if len(sequences) != until - after:
            return None
        order = np.argsort(sequences, kind="stable")
        if (sequences[order] != np.arange(after + 1, until + 1)).any():
            return None
        hashes: lanes.Bytes = np.concatenate((transfers.hashes, events.hashes))
        previous = np.empty_like(hashes)
        previous[order[1:]] = hashes[order[:-1]]
        previous[order[0]] = np.frombuffer(self._last, np.uint8)
        expected = np.concatenate(hashed(transfers, events, previous))
        return hashes[order] if (expected == hashes).all() else None

    def _look_closely(self, after: int, until: int) -> tuple[Parsed, Parsed, lanes.Bytes]:
        seen = look(self._rows, after, until, self._last)
        self.report.add(seen.findings)
        self._is_broken = self._is_broken or bool(seen.findings)
        return seen.transfers, seen.events, joined(seen.hashes)

    def _grow(self, hashes: lanes.Bytes) -> None:
        """Take the hashes of the next events into the tree, and stop at every head on the way."""
        taken = 0
        while taken < len(hashes):
            upto = len(hashes)
            if self._waiting:
                upto = min(upto, taken + self._waiting[-1][1].size - self._tree.size)
            self._tree.extend(hashes[taken:upto])
            self._last, taken = hashes[upto - 1].tobytes(), upto
            while self._waiting and self._waiting[-1][1].size == self._tree.size:
                self._judge(*self._waiting.pop())

    def _judge(self, where: str, head: Head) -> None:
        if (self._tree.root, self._last) == (head.root, head.chain):
            self._fits = max(self._fits, head.size) if self._fails == _FAR else self._fits
            return
        self._fails = min(self._fails, head.size)
        message = f"the events under the head {_named(where, head)} do not fit: they are not what was signed"
        self.report.add([Finding(head.size, message)])

    def _believed(self, lines: Sequence[Placed], keys: Keys) -> list[tuple[str, Head]]:
        """The heads that are signed by a known key, the one over the fewest events last."""
        believed: dict[Head, str] = {}
        for where, head in lines:
            if isinstance(head, ValueError):
                self.report.add([Finding(None, f"{where} is no head: {head}")])
            elif head.key not in keys or not heads.is_signed(head, keys[head.key]):
                known = "its signature does not fit" if head.key in keys else f"its key {head.key} was not given"
                self.report.add([Finding(head.size, f"the head {_named(where, head)} is not believed: {known}")])
            else:
                believed.setdefault(head, where)
        self.report.heads = len(believed)
        return sorted(((where, head) for head, where in believed.items()), key=lambda one: -one[1].size)


_FAR: Final = 2**63


def _named(where: str, head: Head) -> str:
    at = datetime.fromtimestamp(head.at / 1e6, UTC).isoformat(timespec="seconds")
    return f"of {at} over {head.size} events ({where})"
