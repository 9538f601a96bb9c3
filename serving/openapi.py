"""The one document of the API: FastAPI describes its own routes, the table here describes BentoML's."""

from collections.abc import Sequence
from typing import Any, Final

from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from starlette.routing import BaseRoute

from features.events import Event
from serving.contract import Answer, OfferAnswer, OfferRequest
from serving.problems import MEDIA_TYPE, ProblemBody

_REFERENCE: Final = "#/components/schemas/{model}"
_MEANINGS: Final = {
    401: "The key is missing or wrong.",
    402: "The account has too little.",
    403: "It needs the operator's key.",
    404: "There is no such thing.",
    409: "The id was used before with another body, or the money is spoken for.",
    410: "It is not kept any more.",
    413: "The body is too large.",
    422: "The body does not fit its schema; `errors` names each field.",
    500: "A defect on our side. Send the same request again: nothing is recorded twice.",
    503: "Too many requests wait. Nothing was recorded; send the same request again.",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route can answer with."""
    content = {MEDIA_TYPE: {"schema": {"$ref": _REFERENCE.format(model="ProblemBody")}}}
    return {status: {"description": _MEANINGS[status], "content": content} for status in statuses}


WRITES: Final = refusals(401, 409, 413, 422, 500, 503)
READS: Final = refusals(401, 404, 422, 500)

SCORING: Final[dict[str, tuple[str, Any, Any]]] = {
    "/v1/score/event": (
        "Score one earning event, decide, and credit its reward. The same event again gets the same answer.",
        Event,
        Answer,
    ),
    "/v1/score/events": (
        "Score up to 1,000 events in their order. Nothing is scored if an id was used before with another body, or an"
        " event does not fit its offer.",
        list[Event],
        list[Answer],
    ),
    "/v1/score/withdrawal": ("Hold the money, score, decide, and pay if approved.", Event, Answer),
    "/v1/price/offers": ("Price candidate tasks for a person. An offer fixes its price.", OfferRequest, OfferAnswer),
}
PROBES: Final = {"/livez": "The process runs.", "/metrics": "Figures for Prometheus."}

_BEARER: Final = {"type": "http", "scheme": "bearer", "description": "ASSAY_API_KEY, or the operator's key"}
_OPEN: Final = ("/livez", "/readyz", "/v1/payouts/webhooks/", "/v1/identity/webhooks/")
"""How the paths begin that the doorman lets in without a key."""


def merged_document(routes: Sequence[BaseRoute]) -> dict[str, Any]:
    """OpenAPI 3.1 of FastAPI's `routes` and of everything that BentoML serves."""
    document = get_openapi(title="Assay", version="1", routes=routes, summary="Fraud scoring, pricing and the book.")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _schema(ProblemBody, schemas)
    described = {path: {"post": _operation(*row, schemas)} for path, row in SCORING.items()}
    probes = {path: {"get": _probe(meaning)} for path, meaning in PROBES.items()}
    for operation in (operation for path in document["paths"].values() for operation in path.values()):
        # The first sentence of the function's promise says more than its name in title case.
        operation["summary"] = operation.pop("description", operation["summary"])
    document["paths"] = described | document["paths"] | probes
    document["components"]["securitySchemes"] = {"key": _BEARER}
    for path, operations in document["paths"].items():
        for operation in operations.values():
            operation["security"] = [] if path.startswith(_OPEN) else [{"key": []}]
    return document


def _operation(meaning: str, body: Any, answer: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    def content(kind: Any) -> dict[str, Any]:
        return {"application/json": {"schema": _schema(kind, schemas)}}

    return {
        "summary": meaning,
        "tags": ["scoring"],
        "requestBody": {"required": True, "content": content(body)},
        "responses": {
            "200": {"description": "The answer.", "content": content(answer)},
            **{str(status): described for status, described in WRITES.items()},
        },
    }


def _schema(kind: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    """A reference to the schema of `kind`, whose parts are put among `schemas`."""
    schema = TypeAdapter(kind).json_schema(ref_template=_REFERENCE)
    schemas.update(schema.pop("$defs", {}))
    if isinstance(kind, type) and "title" in schema:
        schemas[schema["title"]] = schema
        return {"$ref": _REFERENCE.format(model=schema["title"])}
    return schema


def _probe(meaning: str) -> dict[str, Any]:
    return {"summary": meaning, "tags": ["probes"], "responses": {"200": {"description": "It does."}}}
