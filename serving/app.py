"""The thin service mounted beside scoring: outcomes, decisions, cases, campaigns, and the routes of the rooms."""

import re
from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError

from features.events import Outcome, instant_of
from features.vector import VERSION
from serving import cases, records
from serving.contract import Answer, Campaign, CampaignAnswer, CaseAnswer, OutcomeAnswer
from serving.database import REVISION, reading, revision_of
from serving.flows import record_outcome
from serving.ledger.refusals import Refusal
from serving.openapi import READS, WRITES, merged_document, refusals
from serving.pricing import campaigns
from serving.problems import (
    ERRORS_MAX,
    MEDIA_TYPE,
    FieldError,
    Problem,
    bad_fields,
    migrated,
    not_found,
    said,
    unavailable,
)
from serving.routes import (
    changes,
    destinations,
    identity,
    ledger,
    orders,
    payouts,
    people,
    points,
    proofs,
    rulings,
    screening,
)
from serving.routes.asking import IdInPath, only_known_parameters, parts_of
from serving.routes.ledger import CampaignId
from serving.steps import answer_of

api = APIRouter()
ROOMS = (changes, destinations, identity, ledger, orders, payouts, people, points, proofs, rulings, screening)
"""The rooms whose routes are served beside those of this module."""
_CAPITAL: Final = re.compile(r"(?<!^)(?=[A-Z])")
"""Where a word of a class's name begins, but for the first: `IllegalMove` is `illegal-move`."""


class Readiness(BaseModel):
    """Which model scores, and which does not although an alias names it."""

    model_version: str = Field(description="the version that scores; `none` before the first was promoted")
    features_version: str = Field(description="the version of the features that this service computes")
    refused_versions: dict[str, str] = Field(
        description="versions, by the alias that names them, that this service refuses; its log tells why. Mostly they "
        "were trained on other features: restart the service on their code, or run `assay retrain`"
    )


@api.post("/v1/outcomes", responses=WRITES, tags=["outcomes"])
async def outcomes(outcome: Outcome, request: Request) -> OutcomeAnswer:
    """Tell what became of an event: reversed, banned, answered by a reviewer, or clean. A retry changes nothing."""
    parts = parts_of(request)
    return await parts.writer.do(lambda unit: record_outcome(outcome, parts, unit))


@api.get("/v1/decisions/{decision_id:path}", responses=READS, tags=["decisions"])
def decision(decision_id: IdInPath, request: Request) -> Answer:
    """The latest revision of a decision."""
    with reading(parts_of(request).engine) as connection:
        found = records.find_decision(connection, decision_id)
    if found is None:
        raise not_found(f"decision {decision_id}")
    return answer_of(found._asdict())


@api.get("/v1/cases", responses=refusals(401, 422, 500), tags=["decisions"])
def open_cases(request: Request, limit: Annotated[int, Query(ge=1, le=cases.LISTED_MAX)] = 100) -> list[CaseAnswer]:
    """Flagged decisions that wait for a person, newest first."""
    with reading(parts_of(request).engine) as connection:
        found = cases.open_cases(connection, limit)
    return [CaseAnswer(**row._asdict() | {"opened_at": instant_of(row.opened_at)}) for row in found]


@api.put("/v1/campaigns/{campaign_id:path}", responses=WRITES, tags=["campaigns"])
async def order_campaign(campaign_id: CampaignId, body: Campaign, request: Request) -> CampaignAnswer:
    """Order a campaign, or change it: window, floor, quality, caps, reward budget. Offers that were made stand."""
    return await parts_of(request).writer.do(lambda unit: campaigns.order(unit, campaign_id, body))


@api.get("/v1/campaigns/{campaign_id:path}", responses=READS, tags=["campaigns"])
def campaign(campaign_id: CampaignId, request: Request) -> CampaignAnswer:
    """A campaign as it was ordered, and what is left of its budgets."""
    with reading(parts_of(request).engine) as connection:
        return campaigns.answer(connection, campaign_id)


@api.get("/readyz", responses=refusals(503), tags=["probes"])
def readyz(request: Request) -> Readiness:
    """It can score: 503 while the database does not answer, or takes no write and what is known may be wrong, and once
    another release has migrated it. A refused model is told of, and no failure: the one before it goes on scoring.
    """
    parts = parts_of(request)
    if not parts.writer.is_well:
        raise unavailable()
    try:
        with reading(parts.engine) as connection:
            found = revision_of(connection)
    except SQLAlchemyError:
        raise unavailable() from None
    if found != REVISION:
        raise migrated(found, REVISION)
    return Readiness(model_version=parts.fraud.version, features_version=VERSION, refused_versions=dict(parts.refused))


@api.get("/", include_in_schema=False)
def index() -> RedirectResponse:
    return RedirectResponse("/docs")


@api.get("/docs", include_in_schema=False)
def docs() -> HTMLResponse:
    """Swagger, from files that BentoML ships: nothing is loaded from elsewhere."""
    return get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Assay",
        swagger_js_url="/static_content/swagger-ui-bundle.js",
        swagger_css_url="/static_content/swagger-ui.css",
        swagger_favicon_url="/static_content/favicon-light-32x32.png",
    )


@api.get("/metrics", include_in_schema=False)
def metrics() -> Response:
    """What Prometheus collects: requests by route, decisions by action."""
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


@api.get("/openapi.json", include_in_schema=False)
def openapi(request: Request) -> dict[str, Any]:
    """One document for scoring, pricing, the book and the probes."""
    document: dict[str, Any] = request.app.openapi()
    return document


def make_app() -> FastAPI:
    """The mounted application. `app.state.parts` is set by the service before the first request."""
    app = FastAPI(title="Assay", docs_url=None, redoc_url=None, openapi_url=None)
    routes = [*api.routes, *(route for room in ROOMS for route in room.router.routes)]
    for router in (api, *(room.router for room in ROOMS)):
        app.include_router(router, dependencies=[Depends(only_known_parameters)])
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Refusal, _refused)
    document = merged_document(routes)
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI documents this way of replacing it
    return app


def problem_response(problem: Problem) -> Response:
    return Response(problem.content(), problem.status, problem.headers(), MEDIA_TYPE)


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(bad_fields([_named(item) for item in error.errors()[:ERRORS_MAX]]))


def _named(item: Any) -> FieldError:
    path = [str(part) for part in item["loc"] if part not in ("body", "query", "path", "header")]
    message = said(item)
    rule = not path and item["type"] == "value_error"
    return FieldError(field=message.split()[0] if rule else ".".join(path), message=message)


async def _problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return problem_response(error)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return problem_response(problem_of(error))


def problem_of(refusal: Refusal) -> Problem:
    """What the book refused, as the problem that a client sees."""
    status = HTTPStatus(refusal.status)
    return Problem(status, _CAPITAL.sub("-", type(refusal).__name__).lower(), str(refusal))
