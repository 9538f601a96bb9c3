"""From one row of cells to the events and the outcome that it tells of."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, Final

from pydantic import ValidationError

from features.events import Event, Outcome, OutcomeKind
from features.ingest.conversions import Convert, time_reader
from features.ingest.errors import Refused
from features.ingest.mapping import ROW, EventMapping, Mapping, OutcomeMapping, Time, Value, converter, pieces_of

Cells = Sequence[str | None]
Body = dict[str, Any]
_COPIED: Final = ("user_id", "partner_id", "partner_transaction_id")


@dataclass(frozen=True)
class Cell:
    """One place of a record: the column that fills it and how its text is read."""

    field: str
    column: int | None
    constant: object
    convert: Convert

    def read(self, cells: Cells) -> Any:
        """The value, or None when the cell is absent. Raises Refused."""
        if self.column is None:
            return self.constant
        text = cells[self.column]
        if text is None:
            return None
        try:
            return self.convert(text)
        except ValueError as error:
            raise Refused(self.field, text, str(error)) from None


@dataclass(frozen=True)
class Emitter:
    """Turns rows, as cells in the order of `mapping.columns()`, into records."""

    mapping: Mapping

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.mapping.columns())}

    @cached_property
    def _steps(self) -> list["EventStep"]:
        return [self._step(event) for event in self.mapping.events]

    @cached_property
    def _outcome(self) -> "OutcomeStep | None":
        outcome = self.mapping.outcome
        if outcome is None:
            return None
        at = self._time(outcome.at, "outcome.at") if outcome.at else None
        return OutcomeStep(outcome, self._places[outcome.column], at)

    def records(self, position: int, cells: Cells) -> list[Event | Outcome]:
        """Everything that one row tells of, or Refused: a row goes in whole or not at all."""
        records: list[Event | Outcome] = []
        for step in self._steps:
            if not step.happens(cells):
                continue
            event = step.event(position, cells)
            records.append(event)
            if self._outcome and self._outcome.mapping.of == step.key:
                records += self._outcome.outcomes(event, cells)
        return records

    def _step(self, event: EventMapping) -> "EventStep":
        prefix = event.key if len(self.mapping.events) > 1 else ""
        pieces = pieces_of(self.mapping.id_template(event))
        return EventStep(
            key=event.key,
            prefix=f"{prefix}." if prefix else "",
            base={"kind": event.kind},
            id_pieces=[(text, name, self._places.get(name or "")) for text, name in pieces],
            time=self._time(event.occurred_at, "occurred_at"),
            cells=[self._cell(field, value) for field, value in event.fields.items()],
            happens=self._condition(event),
        )

    def _condition(self, event: EventMapping) -> Callable[[Cells], bool]:
        when = event.when
        if when is None:
            return lambda _: True
        place = self._places[when.column]
        return lambda cells: when.holds(cells[place])

    def _cell(self, field: str, value: Value) -> Cell:
        convert = converter(field, value, space=self.mapping.name)
        constant = None if value.value is None else convert(value.value)
        return Cell(field, None if value.column is None else self._places[value.column], constant, convert)

    def _time(self, time: Time, field: str) -> Cell:
        read = self.mapping.read
        convert = time_reader(time.format or read.time_format, read.time_zone)
        return Cell(field, self._places[time.column], None, convert)


@dataclass(frozen=True)
class EventStep:
    """One event of the mapping, with its columns already looked up."""

    key: str
    prefix: str
    base: Body
    id_pieces: list[tuple[str, str | None, int | None]]
    time: Cell
    cells: list[Cell]
    happens: Callable[[Cells], bool]

    def event(self, position: int, cells: Cells) -> Event:
        try:
            return Event.model_validate(self._body(position, cells))
        except ValidationError as error:
            raise _refusal(error, self.prefix) from None
        except Refused as refused:
            raise Refused(self.prefix + refused.field, refused.value, refused.message) from None

    def _body(self, position: int, cells: Cells) -> Body:
        body = {**self.base, "event_id": self._id(position, cells), "occurred_at": _present(self.time, cells)}
        for cell in self.cells:
            value = cell.read(cells)
            if value is not None:
                _put(body, cell.field, value)
        if "ip" in body and "address" not in body["ip"]:
            del body["ip"]
        return body

    def _id(self, position: int, cells: Cells) -> str:
        parts: list[str] = []
        for text, name, place in self.id_pieces:
            value = str(position) if name == ROW else "" if place is None else cells[place]
            if value is None:
                raise Refused("id", None, f"{name} must not be empty, because the event's id is made of it")
            parts += [text, value]
        return "".join(parts)


def _put(body: Body, field: str, value: object) -> None:
    part, _, name = field.partition(".")
    if part == "ip":
        body.setdefault("ip", {})[name or "address"] = value
    elif part == "device":
        body.setdefault("devices", []).append({"id": value, "kind": name})
    elif name:
        body.setdefault(part, {})[name] = value
    else:
        body[part] = value


def _present(time: Cell, cells: Cells) -> datetime:
    value = time.read(cells)
    if value is None:
        raise Refused(time.field, None, "must not be empty; if the event did not happen in such rows, say so by `when`")
    return value  # type: ignore[no-any-return] # a time cell converts to nothing but a datetime


@dataclass(frozen=True)
class OutcomeStep:
    """The mapping's outcome, with its columns already looked up."""

    mapping: OutcomeMapping
    column: int
    at: Cell | None

    def outcomes(self, event: Event, cells: Cells) -> list[Outcome]:
        """One outcome, or none where nothing is known. Raises Refused."""
        text = cells[self.column]
        if text is None or text in self.mapping.unknown:
            return []
        body: Body = {"event_id": f"{event.event_id}-outcome", "subject_event_id": event.event_id}
        body |= {name: getattr(event, name) for name in _COPIED}
        body |= {"occurred_at": self._known_at(event, cells)} | self._meaning(text)
        try:
            return [Outcome.model_validate(body)]
        except ValidationError as error:
            raise _refusal(error, "outcome.") from None

    def _meaning(self, text: str) -> Body:
        if text in self.mapping.bad:
            return self.mapping.meaning.model_dump()
        if text in self.mapping.clean:
            return {"kind": OutcomeKind.CLEAN}
        known = ", ".join((*self.mapping.bad, *self.mapping.clean, *self.mapping.unknown))
        raise Refused("outcome.column", text, f"must be one of {known}, or empty; list others as `unknown`")

    def _known_at(self, event: Event, cells: Cells) -> datetime:
        written: datetime | None = self.at.read(cells) if self.at else None
        if written is not None:
            return written
        delay: timedelta | None = self.mapping.delay
        if delay is None:
            raise Refused("outcome.at", None, "must not be empty where the outcome is known; a `delay` can stand in")
        return event.occurred_at + delay


def _refusal(error: ValidationError, prefix: str) -> Refused:
    fault = error.errors(include_url=False)[0]
    place = ".".join(str(step) for step in fault["loc"]) or "(row)"
    value = None if isinstance(fault["input"], dict) else str(fault["input"])
    return Refused(prefix + place, value, fault["msg"].removeprefix("Value error, "))
