"""What the service knows: the feature state, and the stamps that the next event will get. Only the writer touches it.

The log and the records are the truth; this is rebuilt from them at the start, and whenever a commit failed.
"""

import json
from collections.abc import Iterable
from enum import StrEnum
from typing import Final

from sqlalchemy import Engine

from features.events import Event, Outcome, instant_of, parse
from features.fold import Changed, Vector
from features.intelligence.lists import Found, Lists
from features.log import Log, Row, is_outcome, row_of
from features.table import WINDOWS
from features.vector import COLUMNS, FeatureEngine
from features.windows import DAY, MINUTE, Entity
from serving import records
from serving.contract import may_be_late
from serving.database import reading
from serving.problems import bad_field

EARLY_MAX: Final = DAY
AHEAD_MAX: Final = 5 * MINUTE
# A replay may have gaps; but one event dated today must not carry a history of years ago past all its windows.
LEAP_MAX: Final = 31 * DAY
ENTITIES: Final = tuple(dict.fromkeys(feature.entity for feature in WINDOWS))


class Clock(StrEnum):
    """Live traffic is judged by the wall's clock; replayed and historical data by their own."""

    WALL = "wall"
    EVENTS = "events"


class Knowledge:
    """Stamps, vectors and learning, in the order of arrival."""

    def __init__(self, log: Log, clock: Clock, lists: Lists) -> None:
        self.clock, self.lists = clock, lists
        self._log = log
        self._forget()

    def _forget(self) -> None:
        self.engine = FeatureEngine(self.lists)
        self.sequence, self.as_of = 0, 0
        self._changed: dict[tuple[Entity, str], None] = {}

    def rebuild(self, engine: Engine) -> None:
        """Fold the log, then what was recorded since."""
        self._forget()
        with reading(engine) as connection:
            self.sequence, self.as_of = self._log.last()
            live = rows_of(records.recorded_after(connection, self.sequence))
        if live:
            self.sequence, self.as_of = live[-1]["sequence"], live[-1]["as_of"]
        for rows in self._log.tables(COLUMNS):
            self.engine.learn(rows)
        for row in live:
            self.engine.fold(row)

    def stamp(self, source: Event | Outcome, now: int) -> Row:
        """The row of `source` as the next one. Raises Problem (422) when it is too old or from the future."""
        self.assert_timely(source, now)
        as_of = max(self.as_of, source.event_time)
        received = now if self.clock is Clock.WALL else as_of
        return row_of(source) | {"sequence": self.sequence + 1, "as_of": as_of, "recorded_at": received}

    def assert_timely(self, source: Event | Outcome, now: int, field: str = "occurred_at") -> None:
        """Raises Problem (422), naming `field`, for what is too old or lies in the future. What an offer promises is
        never too old.
        """
        self.assert_instant(source.event_time, now, field, DAY * 36_500 if may_be_late(source) else EARLY_MAX)

    def assert_instant(self, event_time: int, now: int, field: str = "occurred_at", early_max: int = EARLY_MAX) -> None:
        """The same for an instant, which may lie `early_max` microseconds back."""
        begins = self.clock is Clock.EVENTS and not self.as_of
        here = event_time if begins else self.now(now)
        ahead = AHEAD_MAX if self.clock is Clock.WALL else LEAP_MAX
        if event_time < here - early_max:
            raise bad_field(field, f"is more than 24 hours old; it is {instant_of(here).isoformat()} here")
        if event_time > min(here + ahead, now + AHEAD_MAX):
            raise bad_field(field, f"lies in the future; it is {instant_of(here).isoformat()} here")

    def now(self, wall: int) -> int:
        """The instant on this service's clock, given the wall's."""
        return wall if self.clock is Clock.WALL or not self.as_of else self.as_of

    def vector(self, row: Row) -> Vector:
        return self.engine.vector(row)

    def learn(self, row: Row) -> None:
        """Fold a row, and make its stamps the newest."""
        self.engine.fold(row)
        self.sequence, self.as_of = row["sequence"], row["as_of"]
        if not is_outcome(row):
            for entity in ENTITIES:
                if row[entity.value] is not None:
                    self._changed[entity, row[entity.value]] = None

    def adopt(self, found: Found, now: int) -> None:
        """Let a list apply from the next event on. Raises Refused for a bad one: the old one stays."""
        self.lists.adopt(found, self.sequence + 1, now)

    def take_changes(self, limit: int) -> list[Changed]:
        """At most `limit` keys that changed since they were last taken, with their values now."""
        taken = list(self._changed)[:limit]
        for key in taken:
            del self._changed[key]
        return [Changed(entity, key, self.as_of, self._values(entity, key)) for entity, key in taken]

    def _values(self, entity: Entity, key: str) -> list[float]:
        values: list[float] = self.engine.windows.of_entity(entity, key, self.as_of).tolist()
        return values


def _row_of_record(recorded: records.Recorded) -> Row:
    names = ("sequence", "recorded_at", "as_of", "user_id")
    stamps = {name: getattr(recorded, name) for name in names}
    return row_of(parse(json.loads(recorded.body))) | stamps


def rows_of(recorded: Iterable[records.Recorded]) -> list[Row]:
    """Log rows of what the service recorded, to be appended to the log."""
    return [_row_of_record(item) for item in recorded]
