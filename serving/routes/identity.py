"""Who somebody is: how far that is known, the check that proves it, and what a named person may decide about it.

A check takes three steps (see serving/payouts/identity/checks.py): its key is committed, the provider is asked with
nothing locked, and what it says is committed together with the answer.
"""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from features.events import Currency, Id, instant_of
from serving.database import reading
from serving.openapi import refusals
from serving.parts import Parts
from serving.payouts.identity import checks, states
from serving.payouts.identity.checks import Check, Desk
from serving.payouts.identity.provider import CheckAnswer, IdentityNotifier, IdentityProvider, Unknown, Waiting
from serving.payouts.identity.seen import Seen, seen
from serving.payouts.identity.states import Identity, State
from serving.payouts.moves import IllegalMove
from serving.problems import not_found, silent
from serving.records import Unit
from serving.routes.asking import parts_of
from serving.routes.keys import Key, OptionalKey, answered_before, once
from serving.routes.orders import Name

router = APIRouter(tags=["identity"])
UserId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
CodeWord = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z_]{0,62}$")]
RULINGS: Final = refusals(401, 403, 404, 409, 413, 422, 500, 503)
PROVIDER: Final = "identity provider"


class Announcement(BaseModel):
    kind: str = Field(description="near | needed | pending | failed | expired | expires")
    sentence: str
    left_micros: int = Field(description="what more can be earned, and paid, without a proof")


class IdentityAnswer(BaseModel):
    user_id: str
    currency: str
    state: State
    waits_for: str | None = Field(description="what a payout would wait for, in the word that it would say; null: none")
    turn: str | None = Field(description="whose turn it is: person | reviewer | machine; null: nobody's")
    left_micros: int | None = Field(description="can be paid before a proof is needed; null: the person is known")
    demanded: bool = Field(description="whether a reviewer wants a proof, whatever is paid")
    checks_left: int = Field(description="that may be begun before a reviewer must grant more")
    verified_until: AwareDatetime | None = Field(description="valid before this instant")
    notice: Announcement | None = Field(
        description="what to tell the person before more work begins; null: nothing yet"
    )


class Begun(BaseModel):
    user_id: str
    state: State
    address: str | None = Field(
        description="where the person shows a document, for nobody else's eyes; null: nothing is to be shown now"
    )
    verified_until: AwareDatetime | None = Field(description="valid before this instant")


class NewsAnswer(BaseModel):
    effect: str = Field(description="applied | waiting | contradicted | ignored")


class IdentityRuling(BaseModel):
    """What a named person decides about somebody's proof."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    user_id: Id
    decided_by: Name = Field(description="who decided it: the name of a person at the platform")
    reason: CodeWord = Field(description="a word of code such as odd_payouts: what is personal has no place there")


class IdentityRulingAnswer(BaseModel):
    user_id: str
    state: State
    demanded: bool
    checks_left: int


@router.get("/v1/people/{user_id:path}/identity", responses=refusals(401, 422, 500, 503))
def identity(user_id: UserId, request: Request, currency: Annotated[Currency, Query()] = "CNY") -> IdentityAnswer:
    """How far a person's identity is known, what can be paid before it must be, and what to say before work begins."""
    parts = parts_of(request)
    others, now = _others(parts, user_id), parts.clock()
    with reading(parts.engine) as connection:
        found = seen(connection, user_id, others, currency, now, parts.policy)
    return _told(found, currency, parts)


@router.post(
    "/v1/people/{user_id:path}/identity", response_model=Begun, responses=refusals(401, 404, 409, 413, 422, 500, 503)
)
async def begin(user_id: UserId, request: Request, key: OptionalKey = None) -> Response:
    """Begin a check of a person's identity, or take up the one that is pending: there is never more than one.

    Whoever is known is answered without one. When as many have failed as the policy allows, a reviewer must grant more.
    """
    parts = parts_of(request)
    provider = _provider(parts)
    known = await run_in_threadpool(answered_before, request, key, None, parts.seal)
    if known is not None:
        return known

    def claim(unit: Unit) -> Check | None:
        return checks.claim(unit.connection, user_id, provider.name, parts.policy.identity, unit.now)

    check = await parts.writer.do(claim)
    answer = await run_in_threadpool(_asked, provider, check)
    if isinstance(answer, Unknown):
        await parts.writer.do(lambda unit: _learned(unit, parts, check, answer))
        raise silent(PROVIDER)

    def work(unit: Unit) -> Begun:
        after = _learned(unit, parts, check, answer) or states.get(unit.connection, user_id)
        return _begun(after, answer)

    return await once(request, key, None, work, parts.seal)


@router.post("/v1/identity/webhooks/{provider}", responses=refusals(401, 404, 413, 422, 500, 503))
async def notice(provider: str, request: Request) -> NewsAnswer:
    """That there is news of a check, from its provider. It needs no key: its signature is the proof. What the news is
    is asked of the provider, so that a notice that comes twice, late or out of order does no harm.
    """
    parts, body = parts_of(request), await request.body()
    notifier = parts.identity
    if not isinstance(notifier, IdentityNotifier) or notifier.name != provider:
        raise not_found("identity provider of this name that sends webhooks")
    headers = {name.lower(): value for name, value in request.headers.items()}
    instant = parts.clock()
    check, answer = await run_in_threadpool(_news, parts, notifier, headers, body, instant)
    if check is None:
        return NewsAnswer(effect="ignored")
    effect = await parts.writer.do(lambda unit: _followed(unit, parts, check, answer))
    return NewsAnswer(effect=effect)


@router.post("/v1/identity/grants", response_model=IdentityRulingAnswer, responses=RULINGS)
async def grant(body: IdentityRuling, request: Request, key: Key) -> Response:
    """Grant a person as many checks as at first. Needs the operator's key."""

    def work(unit: Unit) -> IdentityRulingAnswer:
        if states.get(unit.connection, body.user_id).version == 0:
            raise not_found(f"check of {body.user_id}")
        after = states.grant(unit.connection, body.user_id, body.reason, body.decided_by, unit.now)
        return _ruled(after, parts_of(request))

    return await once(request, key, body, work)


@router.post("/v1/identity/demands", response_model=IdentityRulingAnswer, responses=RULINGS)
async def demand(body: IdentityRuling, request: Request, key: Key) -> Response:
    """Want a proof of a person, whatever was paid: it is told as `kyc.required`. Needs the operator's key."""

    def work(unit: Unit) -> IdentityRulingAnswer:
        after = states.demand(unit.connection, body.user_id, body.reason, body.decided_by, unit.now)
        return _ruled(after, parts_of(request))

    return await once(request, key, body, work)


def _provider(parts: Parts) -> IdentityProvider:
    if parts.identity is None:
        raise not_found(PROVIDER)
    return parts.identity


def _others(parts: Parts, user_id: str) -> frozenset[str]:
    """Other accounts of the same person, asked of the one thread that changes what is known."""
    graph, sure = parts.knowledge.engine.graph, parts.policy.daily.settled_person_min
    return parts.writer.do_now(lambda _: frozenset(graph.accounts_of(user_id, sure)) - {user_id})


def _asked(provider: IdentityProvider, check: Check | None) -> CheckAnswer | None:
    """None: there is nothing to ask, or it is another provider's check."""
    return checks.ask(provider, check) if check and check.provider == provider.name else None


def _news(
    parts: Parts, notifier: IdentityNotifier, headers: dict[str, str], body: bytes, now: int
) -> tuple[Check | None, CheckAnswer]:
    """Not in the writer's thread, which everybody waits for: a provider may ask for a certificate."""
    provider = _provider(parts)
    try:
        key = notifier.read_notice(headers, body, now)
    except OSError:
        raise silent(PROVIDER) from None
    with reading(parts.engine) as connection:
        check = checks.find(connection, key) if key else None
    if check is None or check.provider != provider.name:
        return None, Unknown()
    return check, checks.look_up(provider, check)


def _followed(unit: Unit, parts: Parts, check: Check, answer: CheckAnswer) -> str:
    try:
        with unit.connection.begin_nested():
            _learned(unit, parts, check, answer)
    except IllegalMove:  # proof after a failure: the failure stands until a person has looked
        return "contradicted"
    return "waiting" if isinstance(answer, Unknown) else "applied"


def _learned(unit: Unit, parts: Parts, check: Check | None, answer: CheckAnswer | None) -> Identity | None:
    if check is None or answer is None:
        return None
    return checks.learn(unit.connection, check.key, answer, Desk(parts.seal, parts.policy.identity), unit.now)


def _begun(after: Identity, answer: CheckAnswer | None) -> Begun:
    is_open = after.state is State.PENDING and isinstance(answer, Waiting)
    return Begun(
        user_id=after.user_id,
        state=after.state,
        address=answer.address if is_open and isinstance(answer, Waiting) else None,
        verified_until=_until(after),
    )


def _told(found: Seen, currency: str, parts: Parts) -> IdentityAnswer:
    said = found.notice
    return IdentityAnswer(
        user_id=found.identity.user_id,
        currency=currency,
        state=found.identity.state,
        waits_for=found.waits_for,
        turn=found.turn,
        left_micros=found.left_micros,
        demanded=found.identity.is_demanded,
        checks_left=_checks_left(found.identity, parts),
        verified_until=_until(found.identity),
        notice=Announcement(kind=said.kind, sentence=said.sentence, left_micros=said.left_micros) if said else None,
    )


def _ruled(after: Identity, parts: Parts) -> IdentityRulingAnswer:
    return IdentityRulingAnswer(
        user_id=after.user_id,
        state=after.state,
        demanded=after.is_demanded,
        checks_left=_checks_left(after, parts),
    )


def _checks_left(identity: Identity, parts: Parts) -> int:
    return max(parts.policy.identity.checks_max - identity.check_count, 0)


def _until(identity: Identity) -> AwareDatetime | None:
    """Of a proof that is over, nothing: the day that it ended is no promise any more."""
    is_good = identity.state is State.VERIFIED and identity.verified_until is not None
    return instant_of(identity.verified_until or 0) if is_good else None
