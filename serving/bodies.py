"""Bodies as BentoML's endpoints take them: read here, so that a bad one becomes our problem and is never logged."""

from http import HTTPStatus
from typing import Annotated, Any, ClassVar, Final

from pydantic import BaseModel, ConfigDict, FailFast, Field, TypeAdapter, ValidationError

from features.events import EVENT_BYTES_MAX, Event
from serving.contract import OfferRequest
from serving.problems import FieldError, Problem, bad_body, bad_fields

BATCH_MAX: Final = 1000
BATCH_BYTES_MAX: Final = 8 * 1024 * 1024
BODY_BYTES_MAX: Final = 256 * 1024


class _Body(BaseModel):
    """Holds what was read, or the problem with it. BentoML validates a root input with `model_validate_json`."""

    model_config = ConfigDict(arbitrary_types_allowed=True)
    adapter: ClassVar[TypeAdapter[Any]]
    bytes_max: ClassVar[int] = EVENT_BYTES_MAX
    content: Any = None
    problem: Any = None

    @classmethod
    def model_validate_json(cls, json_data: str | bytes | bytearray, **_: Any) -> "_Body":
        if len(json_data) > cls.bytes_max:
            return cls.model_construct(problem=too_large(cls.bytes_max))
        try:
            return cls.model_construct(content=cls.adapter.validate_json(json_data))
        except ValidationError as error:
            return cls.model_construct(problem=bad_body(error))

    @classmethod
    def model_json_schema(cls, *_: Any, **__: Any) -> dict[str, Any]:
        return cls.adapter.json_schema()

    def read(self) -> Any:
        """What the body says. Raises the Problem with it."""
        if self.problem is not None:
            raise self.problem
        return self.content


class EventBody(_Body):
    adapter: ClassVar[TypeAdapter[Any]] = TypeAdapter(Event)


class EventsBody(_Body):
    # The first bad item ends the reading: a hundred thousand of them cost no more than one.
    adapter: ClassVar[TypeAdapter[Any]] = TypeAdapter(Annotated[list[Event], Field(max_length=BATCH_MAX), FailFast()])
    bytes_max: ClassVar[int] = BATCH_BYTES_MAX

    def read(self) -> list[Event]:
        """The events. Raises Problem (422) for none or too many."""
        events: list[Event] = super().read()
        if not events:
            raise bad_fields([FieldError(field="", message=f"send 1 to {BATCH_MAX} events")])
        return events


class OffersBody(_Body):
    adapter: ClassVar[TypeAdapter[Any]] = TypeAdapter(OfferRequest)
    bytes_max: ClassVar[int] = BODY_BYTES_MAX


def too_large(limit: int) -> Problem:
    return Problem(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "body-too-large", f"The body may have at most {limit} bytes here."
    )
