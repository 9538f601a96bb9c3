"""What is told is numbered, posted to the receiver where one is named, and forgotten in time; unasked, as duties."""

import time
from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import Connection

from serving.database import reading
from serving.outbox.delivering import Delivery, forget_old, number_all
from serving.outbox.numbering import has_unnumbered
from serving.parts import Parts
from serving.routes.keys import FORGOTTEN_MAX, forget_keys

TELLING_SECONDS: Final = 0.5
FORGETTING_SECONDS: Final = 600.0
_AT_ONCE_SECONDS: Final = 2.0
"""So long one time of the duty goes on while there is something to post; a stop waits no longer than this."""


class Telling:
    """Of one service. `close` comes after the duties have ended, while the writer still runs."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._delivery = Delivery(parts.engine, self._write, parts.receiver) if parts.receiver else None

    @property
    def duties(self) -> dict[str, tuple[Callable[[], object], float]]:
        return {"changes": (self.tell, TELLING_SECONDS), "forgetting": (self.forget, FORGETTING_SECONDS)}

    def tell(self) -> None:
        """Post what is due; without a receiver, give numbers."""
        if self._delivery is None:
            with reading(self._parts.engine) as connection:
                is_new = has_unnumbered(connection)
            if is_new:
                number_all(self._write, self._parts.clock(), is_awaited=False)
            return
        until = time.monotonic() + _AT_ONCE_SECONDS
        while self._delivery.round(self._parts.clock()) and time.monotonic() < until:
            pass

    def forget(self) -> None:
        """Changes and idempotency keys that were kept for long enough."""
        now = self._parts.clock()
        forget_old(self._write, now)
        while self._write(lambda connection: forget_keys(connection, now)) == FORGOTTEN_MAX:
            pass

    def close(self) -> None:
        """End what is under way, and note what was taken."""
        if self._delivery is not None:
            self._delivery.close(self._parts.clock())

    def _write(self, work: Callable[[Connection], Any]) -> Any:
        return self._parts.writer.do_now(lambda unit: work(unit.connection))
