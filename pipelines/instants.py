"""Instants as people write them, the same for every command."""

from datetime import UTC, datetime

from features.events import instant_of, micros_of


def instant_said(text: str, option: str = "--as-of") -> int:
    """Microseconds of `2026-03-01` (its beginning, UTC) or of an RFC 3339 time.

    Raises ValueError, naming the option, for another text: a time without a zone could mean two instants.
    """
    try:
        said = datetime.fromisoformat(text)
    except ValueError:
        said = None
    if said is not None and said.tzinfo is None:
        said = said.replace(tzinfo=UTC) if len(text) == len("2026-03-01") else None
    if said is None:
        raise ValueError(f"{option}: {text!r} is no instant: write 2026-03-01, or 2026-03-01T09:30:00Z")
    return micros_of(said)


def instant_shown(micros: int) -> str:
    """As `instant_said` reads it: `2026-03-01T00:00:00Z`."""
    return instant_of(micros).isoformat().replace("+00:00", "Z")
