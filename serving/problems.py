"""Refusals that a client can act on (RFC 9457): what went wrong, in which field, and whether a retry can help."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

from pydantic import BaseModel, Field, ValidationError

MEDIA_TYPE: Final = "application/problem+json"
ERRORS_MAX: Final = 20

_REMEDIES: Final = {
    "missing": "is required",
    "extra_forbidden": "is no field here: leave it out, or correct its name",
    "json_invalid": "is no JSON: {error}",
    "string_type": "must be a text",
    "bool_type": "must be true or false",
    "int_type": "must be a whole number, without quotes",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number, without quotes",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "dict_type": "must be an object",
    "enum": "must be {expected}",
    "literal_error": "must be {expected}",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be {ge} or more",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be {le} or less",
    "string_too_short": "must have {min_length} characters or more",
    "string_too_long": "must have {max_length} characters or fewer",
    "too_short": "must have {min_length} items or more",
    "too_long": "must have {max_length} items or fewer",
}
_FORMS: Final = {
    r"^[^\x00-\x1f\x7f]+$": "must have no characters that do not print",
    r"^[^\x00-\x08\x0b-\x1f\x7f]+$": "must have no characters that do not print, but for ends of lines and tabs",
    r"^[0-9a-f]{32,128}$": "must be a digest: 32 to 128 hexadecimal digits in lower case",
    r"^[A-Z]{2}$": "must be the two capital letters of a country, e.g. CN",
}
"""What patterns of ours ask for, in words."""


class FieldError(BaseModel):
    field: str = Field(
        description="path of the field, e.g. `devices.0.kind` or `[3].currency`; empty for the whole body"
    )
    message: str


class ProblemBody(BaseModel):
    """The body of every error."""

    type: str = Field(description="a stable word for this kind of problem")
    title: str
    status: int
    detail: str
    retry: bool = Field(description="whether the same request may succeed later")
    errors: list[FieldError] = []


class Problem(Exception):  # noqa: N818  # the word of RFC 9457
    """A refusal with its facts; the edges turn it into an answer."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        retry: bool = False,
        retry_after_seconds: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.retry_after_seconds = status, retry_after_seconds
        self.body = ProblemBody(
            type=kind, title=status.phrase, status=status, detail=detail, retry=retry, errors=list(errors)
        )

    def content(self) -> bytes:
        return self.body.model_dump_json().encode()

    def headers(self) -> dict[str, str]:
        return {"retry-after": str(self.retry_after_seconds)} if self.retry_after_seconds else {}


def bad_body(error: ValidationError, prefix: str = "") -> Problem:
    """The 422 for a body that does not fit its schema; it repeats no value, for values may be personal."""
    details = error.errors(include_input=False, include_url=False)
    return bad_fields([_field_error(item, prefix) for item in details[:ERRORS_MAX]])


def said(item: Any) -> str:
    """What is wrong with a field and what would be right, of one of pydantic's errors. It repeats no value."""
    told, facts = str(item["msg"]).removeprefix("Value error, "), item.get("ctx", {})
    if item["type"] == "string_pattern_mismatch":
        return _FORMS.get(facts["pattern"], f"must have the form {facts['pattern']}")
    if facts.get("min_length") == 1:
        return "must not be empty"
    remedy = _REMEDIES.get(item["type"])
    return told if remedy is None else remedy.format(**facts)


def bad_fields(errors: Sequence[FieldError]) -> Problem:
    names = ", ".join(dict.fromkeys(item.field or "body" for item in errors))
    return Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad-body", f"Correct {names} and send again.", errors=errors)


def bad_field(field: str, message: str) -> Problem:
    return bad_fields([FieldError(field=field, message=message)])


def placed(problem: Problem, place: str) -> Problem:
    """The same refusal, of one among many: `[1].offer_id` for `offer_id`, where `place` is `[1]`."""
    body = problem.body
    errors = [one.model_copy(update={"field": f"{place}.{one.field}" if one.field else place}) for one in body.errors]
    if body.status == HTTPStatus.UNPROCESSABLE_ENTITY:
        return bad_fields(errors)
    status, wait = HTTPStatus(body.status), problem.retry_after_seconds
    return Problem(status, body.type, body.detail, errors=errors, retry=body.retry, retry_after_seconds=wait)


def conflict(event_id: str, field: str = "event_id") -> Problem:
    message = f"{event_id} was sent before with another body; an id names one event for ever"
    return Problem(HTTPStatus.CONFLICT, "id-conflict", message, errors=[FieldError(field=field, message=message)])


def already_done(what: str, field: str) -> Problem:
    message = f"{what} was redeemed by another event; it is paid once"
    return Problem(HTTPStatus.CONFLICT, "already-done", message, errors=[FieldError(field=field, message=message)])


def spent(why: str) -> Problem:
    """The 409 for an offer that was made and can no longer be taken up. Nothing was recorded."""
    return Problem(HTTPStatus.CONFLICT, "spent", why, errors=[FieldError(field="offer_id", message=why)])


def cannot_follow(why: str, *, retry: bool) -> Problem:
    """The 409 for a reviewer's answer that cannot be carried out (`retry`: it may be later). Nothing was recorded."""
    return Problem(HTTPStatus.CONFLICT, "cannot-follow", why, retry=retry)


def not_found(what: str) -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "not-found", f"There is no {what}.")


def busy() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "busy",
        "Too many requests wait already. Nothing was done; send the same request again.",
        retry=True,
        retry_after_seconds=1,
    )


def unavailable() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "not-recorded",
        "The database does not take a write now. Nothing was done; send the same request again.",
        retry=True,
        retry_after_seconds=5,
    )


def migrated(found: str | None, known: str) -> Problem:
    """The 503 of a service whose database another release has changed meanwhile."""
    told = f"The database is of revision {found}, and this service knows {known}: restart it on the release of both."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "other-release", told, retry=True)


def silent(who: str) -> Problem:
    """The 503 for somebody outside who is silent. What was begun stays begun: the same request goes on with it."""
    told = f"The {who} does not answer now. Send the same request again: what was begun is taken up, and nothing twice."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "no-answer", told, retry=True, retry_after_seconds=5)


def unproven() -> Problem:
    """The 503 for a notice whose signature cannot be checked now, because its provider's certificate cannot be had."""
    told = "The notice cannot be verified now, so nothing of it was read. Send the same notice again."
    return Problem(HTTPStatus.SERVICE_UNAVAILABLE, "not-verified", told, retry=True, retry_after_seconds=5)


def internal() -> Problem:
    """The 500, whoever failed: many may have asked at once, or in steps, so some of it may be recorded."""
    return Problem(
        HTTPStatus.INTERNAL_SERVER_ERROR,
        "internal",
        "A defect on our side; it is in the log. Send the same request again: nothing is recorded twice.",
        retry=True,
    )


def _field_error(item: Any, prefix: str) -> FieldError:
    message = said(item)
    first, *rest = item["loc"] or [""]
    path = ".".join([f"[{first}]" if isinstance(first, int) else first, *map(str, rest)])
    if not path and item["type"] == "value_error":
        # Rules about several fields begin with the name of the one to mend.
        path = message.split()[0]
    return FieldError(field=f"{prefix}.{path}" if prefix and path else prefix or path, message=message)
