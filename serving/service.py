"""The BentoML service: scoring and pricing as its endpoints, the thin service mounted beside them.

One worker: the process stamps every event and holds what is known in memory (one sequencer, one writer).
"""

import asyncio
import gc
import os
from collections.abc import Awaitable, Sequence
from typing import Any, Final

os.environ["BENTOML_DO_NOT_TRACK"] = "true"

import bentoml
import structlog
from prometheus_client import Counter
from pydantic import TypeAdapter
from starlette.responses import Response

from features.events import Event, Kind, micros_of
from features.home import Home
from serving import records
from serving.app import make_app, problem_of, problem_response
from serving.background import Background
from serving.bodies import EventBody, EventsBody, OffersBody
from serving.contract import Answer, OfferAnswer, OfferRequest
from serving.doorman import Doorman
from serving.flows import score_event, score_withdrawal
from serving.following import LOOK_SECONDS, Following
from serving.ledger.refusals import Refusal
from serving.parts import Parts, assemble, registry_of
from serving.pricing.offers import make_offers
from serving.problems import Problem, bad_field, conflict, internal
from serving.records import Unit
from serving.shadow import SHADOW_SECONDS, Shadow

TIMEOUT_SECONDS: Final = 10
WAITING_MAX: Final = 1024

# One JSON line an entry, and no local variables: they would carry people's events into the log.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.ExceptionRenderer(structlog.tracebacks.ExceptionDictTransformer(show_locals=False)),
        structlog.processors.JSONRenderer(),
    ]
)
log = structlog.get_logger()
app = make_app()
_ANSWERS: Final = TypeAdapter(list[Answer])
_decisions = Counter("assay_decisions_total", "Answers given, by flow and action", ["flow", "action"])


@bentoml.service(
    name="assay",
    workers=1,
    traffic={"timeout": TIMEOUT_SECONDS, "max_concurrency": WAITING_MAX},
    logging={"access": {"enabled": False}},
    # Its own figures are labelled by path, and paths hold people's ids.
    metrics={"enabled": False},
)
@bentoml.asgi_app(app)
class Assay:
    """Fraud scoring and reward pricing for apps that pay people for small tasks."""

    def __init__(self) -> None:
        home = Home.from_environment()
        self.parts = assemble(home)
        shadow = Shadow(self.parts.engine, self.parts.writer, self.parts.policy)
        following = Following(self.parts, registry_of(home), shadow)
        duties = {"following": (following.look, LOOK_SECONDS), "shadow": (shadow.catch_up, SHADOW_SECONDS)}
        self.background = Background(self.parts, home.features, duties)
        app.state.parts = self.parts

    @bentoml.on_startup
    def begin(self) -> None:
        """Score once, so that nothing is slow the first time, and keep the collector away from what lives for ever."""
        self.parts.fraud.warm_up()
        self.parts.writer.start()
        self.background.start()
        gc.collect()
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)

    @bentoml.on_shutdown
    def end(self) -> None:
        """Finish what waits, then close."""
        self.background.stop()
        self.parts.writer.stop()
        self.parts.engine.dispose()
        gc.unfreeze()

    @bentoml.api(route="/v1/score/event")
    async def score_event(self, body: EventBody, /) -> Any:
        return await answered(self._score_event(body))

    @bentoml.api(route="/v1/score/events")
    async def score_events(self, body: EventsBody, /) -> Any:
        return await answered(self._score_events(body))

    @bentoml.api(route="/v1/score/withdrawal")
    async def score_withdrawal(self, body: EventBody, /) -> Any:
        return await answered(self._score_withdrawal(body))

    @bentoml.api(route="/v1/price/offers")
    async def price_offers(self, body: OffersBody, /) -> Any:
        return await answered(self._price_offers(body))

    async def _score_event(self, body: EventBody) -> bytes:
        event: Event = body.read()
        _assert_earning(event, "kind")
        return (await self._scored(event)).model_dump_json().encode()

    async def _score_events(self, body: EventsBody) -> bytes:
        events = body.read()
        for at, event in enumerate(events):
            _assert_earning(event, f"[{at}].kind")
        await self.parts.writer.do(lambda unit: _assert_fit(unit, self.parts, events))
        answers = await asyncio.gather(*(self._scored(event) for event in events))
        return _ANSWERS.dump_json(answers)

    async def _score_withdrawal(self, body: EventBody) -> bytes:
        event: Event = body.read()
        if event.kind is not Kind.WITHDRAWAL_REQUESTED:
            raise bad_field("kind", "must be withdrawal_requested here; other kinds go to /v1/score/event")
        answer = await self.parts.writer.do(lambda unit: score_withdrawal(event, self.parts, unit))
        _decisions.labels("withdrawal", answer.decision).inc()
        return answer.model_dump_json().encode()

    async def _price_offers(self, body: OffersBody) -> bytes:
        request: OfferRequest = body.read()
        parts = self.parts

        def offer(unit: Unit) -> OfferAnswer:
            parts.knowledge.assert_timely(micros_of(request.occurred_at), unit.now)
            return make_offers(unit, request, parts.policy, parts.offer_key)

        return (await parts.writer.do(offer)).model_dump_json().encode()

    async def _scored(self, event: Event) -> Answer:
        answer = await self.parts.writer.do(lambda unit: score_event(event, self.parts, unit))
        _decisions.labels("event", answer.decision).inc()
        return answer


async def answered(work: Awaitable[bytes]) -> Response:
    """The answer to a request, or the problem with it."""
    try:
        return Response(await work, media_type="application/json")
    except Problem as problem:
        return problem_response(problem)
    except Refusal as refusal:
        return problem_response(problem_of(refusal))
    except Exception:  # the last resort: the client learns that nothing was recorded
        log.exception("request_failed")
        return problem_response(internal())


def _assert_earning(event: Event, field: str) -> None:
    if event.kind is Kind.WITHDRAWAL_REQUESTED:
        raise bad_field(field, "withdrawal_requested goes to /v1/score/withdrawal, where its money is held first")


def _assert_fit(unit: Unit, parts: Parts, events: Sequence[Event]) -> None:
    """Before any is scored. Raises Problem, naming the place: 409 when an id was used before, or is used twice here,
    with different bodies; 422 when an event is too old or from the future.
    """
    hashes: dict[str, bytes] = {}
    for at, event in enumerate(events):
        if hashes.setdefault(event.event_id, records.body_hash(event)) != records.body_hash(event):
            raise conflict(event.event_id, f"[{at}].event_id")
        if not records.is_known(unit, event, f"[{at}].event_id"):
            parts.knowledge.assert_timely(event.event_time, unit.now, f"[{at}].occurred_at")


class Ready:
    """ASGI middleware: /readyz is answered by the mounted service, which can say more than BentoML's own probe."""

    def __init__(self, framework: Any, mounted: Any) -> None:
        self._framework, self._mounted = framework, mounted

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_asked = scope["type"] == "http" and scope["path"] == "/readyz"
        await (self._mounted if is_asked else self._framework)(scope, receive, send)


Assay.add_asgi_middleware(  # type: ignore[attr-defined]  # the decorator made a Service of the class
    Doorman, key=os.environ.get("ASSAY_API_KEY")
)
Assay.add_asgi_middleware(Ready, mounted=app)  # type: ignore[attr-defined]  # as above
