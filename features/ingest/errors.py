"""What can go wrong with somebody's own data, each in one sentence that says what to do."""

from collections.abc import Iterable
from difflib import get_close_matches


class IngestError(ValueError):
    """The files cannot be taken in as they are; the message says what to change."""


class MappingError(IngestError):
    """The mapping itself is wrong; the message names each bad key and its remedy."""


class Refused(ValueError):  # noqa: N818 - a row is refused by a rule; nothing is broken
    """One row cannot become events: `field` is the mapping's name for the place, `value` what the file said."""

    def __init__(self, field: str, value: str | None, message: str) -> None:
        super().__init__(message)
        self.field, self.value, self.message = field, value, message


def nearest(name: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for a name that looks like a known one, else nothing."""
    close = get_close_matches(name, list(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""
