"""What is held for somebody to leave the wallet and has not begun to: a ban or a finding of fraud still reaches it."""

from typing import Final, Protocol


class Stoppable(Protocol):
    def held_micros(self, user_id: str, currency: str) -> int:
        """How much could be had back."""
        ...

    def give_back(self, user_id: str, currency: str, micros: int) -> None:
        """Stop what holds so much, and no more of it than that takes: its money is available again."""
        ...


class _Nothing:
    def held_micros(self, user_id: str, currency: str) -> int:
        return 0

    def give_back(self, user_id: str, currency: str, micros: int) -> None:
        """There is nothing to stop."""


NOTHING: Final[Stoppable] = _Nothing()
