"""A mapping: the short YAML file that says how somebody's own columns become events and outcomes."""

import re
from datetime import timedelta
from string import Formatter
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from features.events import Disposition, Kind, OutcomeKind, Reason, ReversalKind, Word
from features.ingest.conversions import ConversionName, Convert, conversion
from features.ingest.errors import nearest
from features.ingest.fields import checked_field, usual_conversion

EVENTS_MAX = 16
JOINS_MAX = 8
ROW = "row"
"""In an id, `{row}` is the number of the row: the first row of the first file is 1."""


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, body: Any) -> Any:
        """Before pydantic's own check, which names neither the allowed keys nor the nearest one."""
        known = [field.alias or name for name, field in cls.model_fields.items()]
        for key in body if isinstance(body, dict) else ():
            if key not in known and key not in cls.model_fields:
                raise ValueError(f"unknown key {key}{nearest(str(key), known)}; allowed here: {', '.join(known)}")
        return body


def _one_or_many(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _column_or_more(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _duration(value: object) -> object:
    match = re.fullmatch(r"(\d{1,6})\s*([mhd])", value) if isinstance(value, str) else None
    if not match:
        raise ValueError("must be a number of minutes, hours or days, e.g. 90m, 12h or 7d")
    unit = {"m": "minutes", "h": "hours", "d": "days"}[match[2]]
    return timedelta(**{unit: int(match[1])})


def pieces_of(template: str) -> list[tuple[str, str | None]]:
    """Text, and the name in braces that follows it, if any: `a-{row}` -> `[("a-", "row")]`."""
    return [(text, name) for text, name, _, _ in Formatter().parse(template)]


def _template(value: str) -> str:
    try:
        pieces_of(value)
    except ValueError as error:
        raise ValueError(f"must be text with column names in braces, e.g. order-{{order_id}} ({error})") from None
    return value


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (OSError, ValueError, LookupError):
        raise ValueError("must be a time zone such as UTC or Asia/Shanghai") from None
    return value


Values = Annotated[tuple[str, ...], BeforeValidator(_one_or_many)]
Zone = Annotated[str, AfterValidator(_zone)]
Duration = Annotated[timedelta, BeforeValidator(_duration)]


class Read(Part):
    """How the files are written. Parquet files need none of it but `time_zone` and `nulls`."""

    delimiter: Annotated[str, Field(min_length=1, max_length=1)] = ","
    encoding: str = "utf-8"
    time_format: str = "iso"
    time_zone: Zone = "UTC"
    nulls: Values = ("", "NULL", "null", "NaN", "nan", "\\N")


class Join(Part):
    """Another file with at most one row a key; its columns are then called `name.column`."""

    file: Annotated[str, Field(min_length=1, description="the file's name; * stands for any letters")]
    name: Annotated[str, Field(pattern=r"^\w+$")]
    on: str | dict[str, str]

    @property
    def keys(self) -> dict[str, str]:
        """Column of the main file -> column of this one."""
        return {self.on: self.on} if isinstance(self.on, str) else self.on


class _Source(Part):
    """Where a value comes from: a column of the files or a constant."""

    column: str | None = None
    value: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either a column or a constant `value`, not both")
        return self


class _Value(_Source):
    as_: ConversionName | None = Field(None, alias="as")
    true: Values = ()
    false: Values = ()


class _Time(Part):
    column: str
    format: str | None = None


def converter(field: str, value: _Value, *, space: str) -> Convert:
    """How the text of `value` is read for `field`; `space` is the mapping's name."""
    name = value.as_ or usual_conversion(field)
    return conversion(name, space=space, true=value.true, false=value.false)


class When(Part):
    """An event happens only in rows whose column says so; an absent cell never does."""

    column: str
    is_: Values | None = Field(None, alias="is")
    is_not: Values | None = None

    def holds(self, cell: str | None) -> bool:
        if cell is None or (self.is_ is not None and cell not in self.is_):
            return False
        return self.is_not is None or cell not in self.is_not


Value = Annotated[_Value, BeforeValidator(_column_or_more)]
Time = Annotated[_Time, BeforeValidator(_column_or_more)]


class EventMapping(Part):
    """One event that a row tells of."""

    name: str = ""
    kind: Kind
    occurred_at: Time
    id: Annotated[str, AfterValidator(_template)] = ""
    when: Annotated[When | None, BeforeValidator(_column_or_more)] = None
    fields: dict[Annotated[str, AfterValidator(checked_field)], Value]

    @model_validator(mode="after")
    def _money_has_a_currency(self) -> Self:
        money = [name for name in self.fields if name.endswith("_micros")]
        if money and "currency" not in self.fields:
            raise ValueError(f"{money[0]} needs a currency, e.g. `currency: {{value: USD}}`")
        return self

    @model_validator(mode="after")
    def _readable_constants(self) -> Self:
        for field, value in self.fields.items():
            try:
                if value.value is not None:
                    converter(field, value, space="")(value.value)
            except ValueError as error:
                raise ValueError(f"{field}: the value {value.value} {error}") from None
        return self

    @property
    def key(self) -> str:
        return self.name or str(self.kind)


class Meaning(Part):
    """What a bad value says of the event."""

    kind: Literal[OutcomeKind.REVERSAL, OutcomeKind.BAN, OutcomeKind.DISPOSITION]
    reversal_kind: ReversalKind | None = None
    reason: Reason | None = None
    disposition: Disposition | None = None
    caused_by: Literal["partner", "person", "model"] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        needed = {"reversal": ("reversal_kind", "reason"), "ban": ("caused_by",), "disposition": ("disposition",)}
        for name in needed[str(self.kind)]:
            if getattr(self, name) is None:
                raise ValueError(f"a {self.kind} needs {name}")
        return self


class OutcomeMapping(Part):
    """The column that says how an event turned out, what its values mean, and when that was known."""

    of: str
    column: str
    bad: Values
    clean: Values = ()
    unknown: Values = ()
    meaning: Meaning
    delay: Duration | None = None
    at: Annotated[_Time | None, BeforeValidator(_column_or_more)] = None

    @model_validator(mode="after")
    def _known_some_time(self) -> Self:
        if self.delay is None and self.at is None:
            raise ValueError("say when the outcome was known: `delay: 7d` after the event, or `at: COLUMN`")
        every = (*self.bad, *self.clean, *self.unknown)
        if twice := [text for text in every if every.count(text) > 1]:
            raise ValueError(f"{twice[0]} is listed twice among bad, clean and unknown")
        return self


class Mapping(Part):
    name: Annotated[Word, Field(pattern=r"^[a-z0-9_-]+$")]
    description: str = ""
    target: Literal["fraud", "reversal"]
    clock: Literal["events"] = "events"
    read: Read = Read()
    join: tuple[Join, ...] = Field((), max_length=JOINS_MAX)
    events: tuple[EventMapping, ...] = Field(min_length=1, max_length=EVENTS_MAX)
    outcome: OutcomeMapping | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        names = [event.key for event in self.events]
        if len({join.name for join in self.join}) < len(self.join):
            raise ValueError("two joins share a name; give each its own")
        if len(set(names)) < len(names):
            raise ValueError("two events share a name; give each its own `name`")
        if self.outcome and self.outcome.of not in names:
            raise ValueError(f"outcome.of names no event: {self.outcome.of}; events are {', '.join(names)}")
        return self

    def id_template(self, event: EventMapping) -> str:
        return event.id or f"{self.name}-{event.key}-{{{ROW}}}"

    def columns(self) -> list[str]:
        """Every column that the mapping reads, each once; a joined file's as `name.column`."""
        used: list[str | None] = [key for join in self.join for key in join.keys]
        for event in self.events:
            used += [event.occurred_at.column, event.when.column if event.when else None]
            used += [value.column for value in event.fields.values()]
            used += [name for _, name in pieces_of(self.id_template(event)) if name != ROW]
        if self.outcome:
            used += [self.outcome.column, self.outcome.at.column if self.outcome.at else None]
        return list(dict.fromkeys(name for name in used if name is not None))
