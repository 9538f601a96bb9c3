"""Payouts, one and many, what one would cost, and the door for what providers tell of them."""

from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Row, select, tuple_

from features.events import Currency, Digest, Id, Micros
from serving.contract import PayoutAnswer
from serving.database import reading
from serving.openapi import READS, refusals
from serving.parts import Parts
from serving.payouts import requests
from serving.payouts.limits import Wanted
from serving.payouts.provider import Provider
from serving.payouts.providers import inbox
from serving.payouts.providers.notices import Notice, Notifier
from serving.payouts.saga import PAYOUT, State
from serving.pricing.settling import accounts_paid
from serving.problems import not_found, unproven
from serving.records import Unit
from serving.routes.asking import IdInPath, after_cursor, cursor_of, parts_of

router = APIRouter(tags=["payouts"])
LISTED_MAX: Final = 500


class PayoutsAnswer(BaseModel):
    payouts: list[PayoutAnswer] = Field(description="newest first")
    next: str | None = Field(description="send it as `after` for the next page; null on the last")


class NoticeAnswer(BaseModel):
    effect: str = Field(description="applied | repeated | waiting | contradicted | ignored")


@router.get("/v1/payouts", responses=refusals(401, 422, 500))
def payouts(
    request: Request,
    user: Annotated[Id | None, Query(description="of this person alone")] = None,
    state: Annotated[State | None, Query(description="in this state alone")] = None,
    after: Annotated[str | None, Query(max_length=512, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 100,
) -> PayoutsAnswer:
    """Payouts, newest first. A page that was begun shows no payout twice, however many begin meanwhile."""
    query = select(PAYOUT).order_by(PAYOUT.c.created_at.desc(), PAYOUT.c.id.desc()).limit(limit + 1)
    if user is not None:
        query = query.where(PAYOUT.c.user_id == user)
    if state is not None:
        query = query.where(PAYOUT.c.state == state)
    if (place := after_cursor(after)) is not None:
        query = query.where(tuple_(PAYOUT.c.created_at, PAYOUT.c.id) < place)
    with reading(parts_of(request).engine) as connection:
        rows = connection.execute(query).all()
    page = rows[:limit]
    return PayoutsAnswer(
        payouts=[_answer(row) for row in page],
        next=cursor_of(page[-1].created_at, page[-1].id) if len(rows) > limit else None,
    )


class QuoteRequest(BaseModel):
    """A withdrawal that may be asked for."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    user_id: Id
    amount_micros: Annotated[Micros, Field(gt=0)]
    currency: Currency
    payout_destination: Digest


class QuoteAnswer(BaseModel):
    amount_micros: int = Field(description="leaves the wallet: what was asked for, down to what can be paid")
    fee_micros: int = Field(description="at most: less, where it goes out with others")
    fee_paid_by: str = Field(description="person | platform")
    arriving_micros: int
    provider: str = Field(description="who would pay it; empty while the destination is not kept, which decides it")
    waits_seconds: int = Field(description="for others to the same destination, once it is approved")
    objection: str | None = Field(
        description="why it would be refused now, and what would help; null: it would be taken"
    )
    notice: str | None = Field(description="what the person must show before it is paid, or soon will have to")
    tax_micros: int | None = Field(
        None, description="withheld, as of now; left out where no tax is counted", exclude_if=lambda tax: tax is None
    )


@router.post("/v1/payouts/quotes", responses=refusals(401, 413, 422, 500, 503))
async def payout_quote(body: QuoteRequest, request: Request) -> QuoteAnswer:
    """What a withdrawal would cost, who would pay it and whether it may be; it asks for nothing and holds nothing."""
    parts = parts_of(request)
    least = parts.policy.daily.settled_person_min

    def accounts(_: Unit) -> frozenset[str]:
        """Asked of the one thread that changes what is known."""
        graph = parts.knowledge.engine.graph
        return frozenset(accounts_paid(graph, body.user_id, body.payout_destination, least))

    wanted = Wanted("", body.user_id, body.amount_micros, body.currency, await parts.writer.do(accounts))
    return await run_in_threadpool(_quoted, parts, wanted, body.payout_destination)


@router.post("/v1/payouts/webhooks/{provider}", responses=refusals(401, 404, 413, 422, 500, 503))
async def notice(provider: str, request: Request) -> NoticeAnswer:
    """What a payout provider tells. It needs no key: its signature is the proof, and without it nothing is read."""
    parts, body = parts_of(request), await request.body()
    notifier = _notifier(parts.providers.get(provider))
    headers = {name.lower(): value for name, value in request.headers.items()}
    # A provider may ask for a certificate: not in the writer's thread, which everybody waits for.
    instant = parts.clock()
    said = await run_in_threadpool(_read, notifier, headers, body, instant)

    def accept(unit: Unit) -> inbox.Effect:
        return inbox.accept(unit.connection, notifier.name, said, unit.now)

    return NoticeAnswer(effect=await parts.writer.do(accept))


@router.get("/v1/payouts/{payout_id:path}", responses=READS)
def payout(payout_id: IdInPath, request: Request) -> PayoutAnswer:
    """Where a withdrawal's money is. The payout has the id of the withdrawal's event."""
    with reading(parts_of(request).engine) as connection:
        found = connection.execute(select(PAYOUT).where(PAYOUT.c.id == payout_id)).one_or_none()
    if found is None:
        raise not_found(f"payout {payout_id}")
    return _answer(found)


def _quoted(parts: Parts, wanted: Wanted, destination: str) -> QuoteAnswer:
    with reading(parts.engine) as connection:
        said = asdict(requests.quote(connection, wanted, destination, parts.clock(), parts.policy))
    return QuoteAnswer(waits_seconds=said.pop("waits_micros") // 1_000_000, **said)


def _notifier(provider: Provider | None) -> Notifier:
    if not isinstance(provider, Notifier):
        raise not_found("payout provider of this name that sends webhooks")
    return provider


def _read(notifier: Notifier, headers: dict[str, str], body: bytes, now: int) -> Notice:
    try:
        return notifier.read_notice(headers, body, now)
    except OSError:
        raise unproven() from None


def _answer(row: Row[Any]) -> PayoutAnswer:
    return PayoutAnswer(
        payout_id=row.id,
        user_id=row.user_id,
        amount_micros=row.amount_micros,
        currency=row.currency,
        state=row.state,
        attempts=row.attempt_count,
        fee_micros=row.fee_micros,
        waits_for=row.waits_for,
        tax_micros=row.tax_micros,
    )
