"""What screening needs done unasked: whoever is known is searched in the lists, at once and again when they change."""

import time
from collections.abc import Callable
from typing import Final, Protocol

from serving.payouts.duties import Books, Duty
from serving.payouts.identity.sealing import Seal
from serving.payouts.screening import hits
from serving.payouts.screening.runner import SEARCHED_MAX, screen_due
from serving.payouts.screening.screen import Screen

LOOK_SECONDS: Final = 3.0
_AT_ONCE_SECONDS: Final = 2.0
"""So long one time of the duty goes on while people are due; a service that stops waits no longer than this."""


class Source(Protocol):
    def look(self) -> Screen | None:
        """What people are searched in now; None: nothing yet."""
        ...


def screening_duties(books: Books, source: Source, seal: Seal, clock: Callable[[], int]) -> dict[str, Duty]:
    """By name."""

    def search() -> None:
        screen = source.look()
        if screen is None:
            return
        with books.look() as connection:
            is_due = hits.is_due(connection, screen.version)
        until = time.monotonic() + _AT_ONCE_SECONDS
        while is_due and time.monotonic() < until:
            is_due = screen_due(books.begin, screen, seal, clock()).people == SEARCHED_MAX

    return {"screening": (search, LOOK_SECONDS)}
