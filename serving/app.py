"""The thin service mounted beside scoring: outcomes, decisions, wallets, budgets, payouts and cases."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, RedirectResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, ConfigDict, Field

from features.events import Currency, Id, Micros, Outcome
from features.vector import VERSION
from serving import cases, records
from serving.contract import Answer, CaseAnswer, OutcomeAnswer, PayoutAnswer, WalletAnswer
from serving.database import reading
from serving.flows import record_outcome
from serving.ledger import rewards, statement, wallets
from serving.ledger.refusals import Refusal
from serving.openapi import READS, WRITES, merged_document, refusals
from serving.parts import Parts
from serving.payouts import saga
from serving.problems import ERRORS_MAX, MEDIA_TYPE, FieldError, Problem, bad_fields, not_found, unavailable
from serving.records import Unit
from serving.steps import answer_of

api = APIRouter()
IdInPath = Annotated[str, Path(max_length=128)]


class Deposit(BaseModel):
    """Money that an advertiser has paid in. The same `deposit_id` is booked once."""

    model_config = ConfigDict(extra="forbid")
    deposit_id: Id
    amount_micros: Annotated[Micros, Field(gt=0)]
    currency: Currency


class TrialLine(BaseModel):
    account_kind: str
    currency: str
    debit_micros: int
    credit_micros: int


class Readiness(BaseModel):
    """Which model scores, and which does not although an alias names it."""

    model_version: str = Field(description="the version that scores; `none` before the first was promoted")
    features_version: str = Field(description="the version of the features that this service computes")
    refused_versions: dict[str, str] = Field(
        description="versions, by the alias that names them, that this service refuses; its log tells why. Mostly they "
        "were trained on other features: restart the service on their code, or run `assay retrain`"
    )


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


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
        return [CaseAnswer(**row._asdict()) for row in cases.open_cases(connection, limit)]


@api.get("/v1/ledger/wallets/{user_id:path}", responses=READS, tags=["ledger"])
def wallet(user_id: IdInPath, request: Request, currency: Annotated[Currency, Query()] = "CNY") -> WalletAnswer:
    """A person's money: pending, available, held, and what of it could be withdrawn now."""
    with reading(parts_of(request).engine) as connection:
        found = wallets.wallet(connection, user_id, currency)
    return WalletAnswer(
        user_id=user_id,
        currency=currency,
        pending_micros=found.pending_micros,
        available_micros=found.available_micros,
        held_micros=found.held_micros,
        withdrawable_micros=found.withdrawable_micros,
    )


@api.post("/v1/ledger/campaigns/{campaign_id:path}/deposits", responses=WRITES, tags=["ledger"])
async def deposit(campaign_id: IdInPath, body: Deposit, request: Request) -> Deposit:
    """Fill a campaign's prepaid budget. From then on its rewards are paid out of it, and stop when it is empty."""
    booked = rewards.Deposit(f"{body.deposit_id}/deposit", campaign_id, body.amount_micros, body.currency)

    def book(unit: Unit) -> None:
        rewards.fund_campaign(unit.connection, booked, unit.now)

    await parts_of(request).writer.do(book)
    return body


@api.get("/v1/ledger/trial-balance", responses=refusals(401, 500), tags=["ledger"])
def trial_balance(request: Request) -> list[TrialLine]:
    """Every kind of account; per currency, debits equal credits."""
    with reading(parts_of(request).engine) as connection:
        lines = statement.trial_balance(connection)
    return [
        TrialLine(
            account_kind=line.kind,
            currency=line.asset,
            debit_micros=line.debit_micros,
            credit_micros=line.credit_micros,
        )
        for line in lines
    ]


@api.get("/v1/payouts/{payout_id:path}", responses=READS, tags=["payouts"])
def payout(payout_id: IdInPath, request: Request) -> PayoutAnswer:
    """Where a withdrawal's money is. The payout has the id of the withdrawal's event."""
    with reading(parts_of(request).engine) as connection:
        found = saga.find(connection, payout_id)
    if found is None:
        raise not_found(f"payout {payout_id}")
    return PayoutAnswer(
        payout_id=found.id,
        user_id=found.user_id,
        amount_micros=found.amount_micros,
        currency=found.currency,
        state=found.state,
        attempts=found.attempt_count,
    )


@api.get("/readyz", responses=refusals(503), tags=["probes"])
def readyz(request: Request) -> Readiness:
    """It can score: 503 while the database takes no write and what is known may be wrong. A refused model is told of,
    and no failure: the one before it goes on scoring.
    """
    parts = parts_of(request)
    if not parts.writer.is_well:
        raise unavailable()
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
    app.include_router(api)
    app.add_exception_handler(RequestValidationError, _bad_request)
    app.add_exception_handler(Problem, _problem)
    app.add_exception_handler(Refusal, _refused)
    document = merged_document(api.routes)
    app.openapi = lambda: document  # type: ignore[method-assign]  # FastAPI documents this way of replacing it
    return app


def problem_response(problem: Problem) -> Response:
    return Response(problem.content(), problem.status, problem.headers(), MEDIA_TYPE)


async def _bad_request(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return problem_response(bad_fields([_named(item) for item in error.errors()[:ERRORS_MAX]]))


def _named(item: Any) -> FieldError:
    path = [str(part) for part in item["loc"] if part not in ("body", "query", "path")]
    message = item["msg"].removeprefix("Value error, ")
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
    return Problem(status, type(refusal).__name__.lower(), str(refusal))
