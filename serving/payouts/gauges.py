"""What a monitor should see of payouts: how many are not over, in which state, and what they wait for."""

from typing import Final

from prometheus_client import Gauge
from sqlalchemy import Connection, func, select

from serving.payouts.saga import PAYOUT

_KINDS: Final = (PAYOUT.c.provider, PAYOUT.c.state, PAYOUT.c.waits_for)
_COUNT: Final = select(*_KINDS, func.count()).where(PAYOUT.c.due_at.is_not(None)).group_by(*_KINDS)
"""What is over is not read, however much it is."""
_unfinished = Gauge(
    "assay_payouts_unfinished",
    "Payments that are not over; the state unknown: nobody can say what became of them",
    ["provider", "state", "waits_for"],
)

_shown: Final[set[tuple[str, ...]]] = set()


def show(connection: Connection) -> None:
    """Count anew. What there is none of any more is 0."""
    counts = {tuple(word or "" for word in kind): count for *kind, count in connection.execute(_COUNT)}
    _shown.update(counts)
    for labels in _shown:
        _unfinished.labels(*labels).set(counts.get(labels, 0))
