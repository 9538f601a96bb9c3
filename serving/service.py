"""The BentoML service: scoring and pricing as its endpoints, the thin service mounted beside them.

One worker: the process stamps every event and holds what is known in memory (one sequencer, one writer).
"""

import asyncio
import gc
import os
from collections.abc import Awaitable, Collection, Sequence
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
from serving.background import Background, Duty, knowing_duties
from serving.bodies import EventBody, EventsBody, OffersBody
from serving.contract import Answer, OfferRequest
from serving.doorman import Doorman
from serving.flows import score_event, score_withdrawal
from serving.following import LOOK_SECONDS, Following
from serving.ledger.proof.signing import Places, Signer, key_of_home
from serving.ledger.refusals import Refusal
from serving.parts import Parts, assemble, registry_of, settle_memory
from serving.pricing.locks import reward_of
from serving.pricing.offers import told_offers
from serving.problems import Problem, bad_field, conflict, internal, placed
from serving.records import Unit
from serving.shadow import SHADOW_SECONDS, Shadow
from serving.telling import Telling

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
        duties: dict[str, Duty] = {
            "following": (following.look, LOOK_SECONDS),
            "shadow": (shadow.catch_up, SHADOW_SECONDS),
            **knowing_duties(self.parts),
        }
        self.telling = Telling(self.parts)
        places, key = Places.of_home(home), key_of_home(home)
        self.parts.places, self.parts.proof_key = places, key.public_key()
        signer = Signer(self.parts.engine, places, key)
        self.background = Background(self.parts, home.features, duties | self.telling.duties, signer)
        app.state.parts = self.parts

    @bentoml.on_startup
    def begin(self) -> None:
        """Score once, so that nothing is slow the first time."""
        self.parts.fraud.warm_up()
        self.parts.writer.start()
        self.parts.tell_who_pays()
        if self.parts.sanctions:
            self.parts.sanctions.tell()
        self.background.start()
        settle_memory()

    @bentoml.on_shutdown
    def end(self) -> None:
        """Finish what waits, then close."""
        self.background.stop()
        self.telling.close()
        self.parts.writer.stop()
        self.background.sign_last()
        self.parts.doors.close()
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
        answers = await asyncio.gather(*(self._scored_at(f"[{at}]", event) for at, event in enumerate(events)))
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

        def offer(unit: Unit) -> str:
            parts.knowledge.assert_instant(micros_of(request.occurred_at), unit.now)
            return told_offers(unit, request, parts.terms)

        return (await parts.writer.do(offer)).encode()

    async def _scored(self, event: Event) -> Answer:
        answer = await self.parts.writer.do(lambda unit: score_event(event, self.parts, unit))
        _decisions.labels("event", answer.decision).inc()
        return answer

    async def _scored_at(self, place: str, event: Event) -> Answer:
        """One of many: what changed since they were all looked at is refused by its place."""
        try:
            return await self._scored(event)
        except Problem as problem:
            raise placed(problem, place) from problem


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
    with different bodies, or its offer cannot be taken up; 422 when an event is too old or from the future, or does not
    fit its offer.
    """
    hashes: dict[str, bytes] = {}
    offered: dict[str, tuple[str, Event]] = {}
    for at, event in enumerate(events):
        if hashes.setdefault(event.event_id, records.body_hash(event)) != records.body_hash(event):
            raise conflict(event.event_id, f"[{at}].event_id")
        if not records.is_known(unit, event, f"[{at}].event_id"):
            parts.knowledge.assert_timely(event, unit.now, f"[{at}].occurred_at")
            if event.offer_id is not None:
                offered.setdefault(event.event_id, (f"[{at}]", event))
    _assert_owed(unit, parts, offered.values())


def _assert_owed(unit: Unit, parts: Parts, offered: Collection[tuple[str, Event]]) -> None:
    """Keep each offer as its event (with its place) will, one after the other, and then undo it all.

    Only so is a completion judged by its start in the same batch. Raises Problem (409, 422), naming the place.
    """
    if not offered:
        return
    savepoint = unit.connection.begin_nested()
    try:
        for place, event in offered:
            try:
                reward_of(unit, event, parts.terms)
            except Problem as problem:
                raise placed(problem, place) from problem
    finally:
        savepoint.rollback()


class Ready:
    """ASGI middleware: /readyz is answered by the mounted service, which can say more than BentoML's own probe."""

    def __init__(self, framework: Any, mounted: Any) -> None:
        self._framework, self._mounted = framework, mounted

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        is_asked = scope["type"] == "http" and scope["path"] == "/readyz"
        await (self._mounted if is_asked else self._framework)(scope, receive, send)


Assay.add_asgi_middleware(  # type: ignore[attr-defined]  # the decorator made a Service of the class
    Doorman, key=os.environ.get("ASSAY_API_KEY"), operator_key=os.environ.get("ASSAY_OPERATOR_KEY")
)
Assay.add_asgi_middleware(Ready, mounted=app)  # type: ignore[attr-defined]  # as above
