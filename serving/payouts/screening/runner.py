"""Searches everybody who is due in the current lists. Run it after a list was read, and often; run two."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import Connection

from serving.payouts.identity import persons
from serving.payouts.identity.persons import Known, Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.runner import Begin
from serving.payouts.screening import hits
from serving.payouts.screening.index import Match
from serving.payouts.screening.names import Unreadable
from serving.payouts.screening.screen import Screen

SEARCHED_MAX: Final = 500
"""People in one run; the rest waits for the next, and is not paid meanwhile."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Searched:
    """`failed`: searches without an answer; those people stay due."""

    people: int
    open_hits: int
    failed: int


def screen_due(
    begin: Begin,
    screen: Screen,
    seal: Seal,
    now: int,
    limit: int = SEARCHED_MAX,
    advance: Callable[[int], object] = lambda _: None,
) -> Searched:
    """Read who is due, search with no transaction open, record what was found. Raises `Unsealable`."""
    with begin() as connection:
        hits.announce(connection, screen.version, now)
        waiting = [_read(connection, user_id, seal) for user_id in hits.due(connection, min(limit, SEARCHED_MAX))]
    opened = failed = 0
    for person, known in waiting:
        try:
            matches = _searched(screen, person)
        except OSError as lost:
            log.warning("screening_failed", kind=type(lost).__name__)
            failed += 1
        else:
            with begin() as connection:
                opened += hits.record(connection, known, screen.version, matches, seal, now)
        advance(1)
    return Searched(len(waiting), opened, failed)


def _searched(screen: Screen, person: Person) -> list[Match] | None:
    try:
        return list(screen.search(person))
    except Unreadable:
        return None


def _read(connection: Connection, user_id: str, seal: Seal) -> tuple[Person, Known]:
    read = persons.read(connection, user_id, seal)
    assert read is not None, "who is due is on record"
    return read
