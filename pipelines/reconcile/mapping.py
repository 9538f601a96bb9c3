"""The short YAML file that says how the columns of somebody's statement are to be read."""

from importlib import resources
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from features.ingest.conversions import EPOCH_UNITS
from features.ingest.errors import nearest
from features.ingest.mapping import Duration, Part, Read, Values, When
from features.money import exponent_of
from features.written import NotYaml, read_yaml
from serving.payouts.reconciliation.causes import Side
from serving.payouts.reconciliation.rows import LineState

MAPPING_BYTES_MAX: Final = 64 * 1024
_SHIPPED = resources.files("pipelines.reconcile").joinpath("mappings")


class StatementError(ValueError):
    """A statement, or its mapping, cannot be used as it is; the message says what to change. Nothing was taken in."""


def _named(value: object) -> object:
    return {"column": value} if isinstance(value, str) else value


def _many(value: object) -> object:
    return [value] if isinstance(value, dict) else value


class Amount(Part):
    """`paid` is the sign of money that went out. `unit`: `major` (12.50), or `minor` (1250 cents)."""

    column: str
    paid: Literal["positive", "negative"] = "positive"
    unit: Literal["major", "minor"] = "major"
    decimal: Literal[".", ","] = "."


class Currency(Part):
    column: str | None = None
    value: str | None = None

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.column is None) == (self.value is None):
            raise ValueError("give either a column or a constant `value`, not both")
        if self.value is not None:
            exponent_of(self.value)
        return self


class States(Part):
    """What each word of the column means. Without a column every row is a payment that was made."""

    column: str | None = None
    paid: Values = ()
    pending: Values = ()
    returned: Values = ()
    refused: Values = ()

    @model_validator(mode="after")
    def _told_apart(self) -> Self:
        words = [word for one in LineState for word in getattr(self, one)]
        if twice := [word for word in words if words.count(word) > 1]:
            raise ValueError(f"{twice[0]} is listed twice; a word means one thing")
        if self.column is not None and not self.paid:
            raise ValueError("list the words of `paid`, at least")
        return self

    @property
    def meanings(self) -> dict[str, str]:
        return {word: one.value for one in LineState for word in getattr(self, one)}


class StatementMapping(Part):
    """`party` is the provider's name in the book, or the partner's id; `--party` may say it instead.

    `key` is ours (the provider key, the transaction id), `reference` their own id, `original` the reference of what a
    line undoes. `patience`: how far apart the two dates of one movement may lie.
    """

    name: Annotated[str, Field(pattern=r"^[a-z0-9_-]+$")]
    description: str = ""
    side: Side
    party: str = ""
    read: Read = Read()
    when: Annotated[tuple[When, ...], BeforeValidator(_many)] = ()
    key: str | None = None
    reference: str | None = None
    original: str | None = None
    amount: Annotated[Amount, BeforeValidator(_named)]
    fee: str | None = None
    currency: Annotated[Currency, BeforeValidator(_named)]
    occurred_at: Values = Field(min_length=1)
    state: States = States()
    patience: Duration

    @model_validator(mode="after")
    def _can_be_read(self) -> Self:
        if self.side is Side.PARTNER and self.key is None:
            raise ValueError("a partner's statement is matched by transaction id: name its column as `key`")
        form = self.read.time_format
        if form != "iso" and form not in EPOCH_UNITS and "%" not in form:
            raise ValueError(f"read.time_format must be iso, {', '.join(EPOCH_UNITS)} or a format such as %Y-%m-%d")
        return self

    @property
    def columns(self) -> list[str]:
        """Every column that is read, each once."""
        used = [self.key, self.reference, self.original, self.amount.column, self.fee, self.currency.column]
        used += [*self.occurred_at, self.state.column, *(one.column for one in self.when)]
        return list(dict.fromkeys(name for name in used if name is not None))


def shipped() -> list[str]:
    """The names of the mappings that come with Assay."""
    return sorted(item.name.removesuffix(".yaml") for item in _SHIPPED.iterdir() if item.name.endswith(".yaml"))


def load_mapping(name_or_path: str) -> StatementMapping:
    """A shipped mapping by its name, or any by its path. Raises StatementError."""
    if name_or_path in shipped():
        return parse_mapping(_SHIPPED.joinpath(f"{name_or_path}.yaml").read_text("utf-8"), name_or_path)
    path = Path(name_or_path)
    if not path.is_file():
        hint = nearest(name_or_path, shipped()) or ";"
        raise StatementError(
            f"{name_or_path} is neither a file nor a shipped mapping{hint} shipped are {', '.join(shipped())}"
        )
    if path.stat().st_size > MAPPING_BYTES_MAX:
        raise StatementError(f"{path} is larger than {MAPPING_BYTES_MAX} bytes: is it the statement itself?")
    return parse_mapping(path.read_text("utf-8", errors="replace"), str(path))


def parse_mapping(text: str, origin: str) -> StatementMapping:
    """`origin` names the mapping in errors. Raises StatementError."""
    try:
        body = read_yaml(text, is_all_text=True)
    except NotYaml as error:
        raise StatementError(f"{origin} {error}") from None
    if not isinstance(body, dict):
        raise StatementError(f"{origin} must hold keys such as name, side, amount and occurred_at")
    try:
        return StatementMapping.model_validate(body)
    except ValidationError as error:
        fault = error.errors()[0]
        place = ".".join(str(step) for step in fault["loc"])
        message = "is required" if fault["type"] == "missing" else fault["msg"].removeprefix("Value error, ")
        raise StatementError(f"{origin}: {place + ': ' if place else ''}{message}") from None
