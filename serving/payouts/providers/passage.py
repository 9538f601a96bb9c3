"""How far one request got: the proof that no byte of it left this machine, or no proof."""

from collections.abc import Mapping
from typing import Any, Final

_CONNECTING: Final = ("connection.connect_tcp.", "connection.start_tls.")
_OPENED: Final = frozenset(f"{step}complete" for step in _CONNECTING)


class Passage:
    """Told of every step of one request by httpcore, whose extension `trace` it is."""

    def __init__(self) -> None:
        self._is_connecting = self._has_more = False
        self._opened: Any = None

    async def __call__(self, step: str, facts: Mapping[str, Any]) -> None:
        if not step.startswith(_CONNECTING):
            self._has_more = True
        elif step in _OPENED:
            self._opened = facts["return_value"]
        else:
            self._is_connecting = True

    @property
    def is_unsent(self) -> bool:
        """Only for a connection of its own that was being opened, and of which no request is known to have begun. A
        kept one that broke proves nothing.
        """
        return self._is_connecting and not self._has_more

    async def close_unused(self) -> None:
        """A socket whose handshake was cut off by a deadline: httpcore forgets it, and leaves it open."""
        if self.is_unsent and self._opened is not None:
            await self._opened.aclose()
