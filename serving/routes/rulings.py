"""Payouts of which nobody can say what became of them, for a person to look at the provider's own books, and to say."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import Row

from features.events import Id, Instant, instant_of, micros_of
from serving.database import reading
from serving.openapi import refusals
from serving.payouts import attempts, reviews
from serving.payouts.saga import Payout
from serving.records import Unit
from serving.routes.asking import LINES, parts_of
from serving.routes.keys import Key, once
from serving.routes.orders import Name

router = APIRouter(tags=["payouts"])
RULINGS = refusals(401, 403, 404, 409, 413, 422, 500, 503)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class UnknownPayout(_Body):
    """Found in the provider's books by its key: PayPal's sender_item_id, Stripe's transfer_group, Alipay's out_biz_no,
    a voucher's external_id.
    """

    payout_id: str
    user_id: str
    amount_micros: int
    currency: str
    provider: str
    provider_key: str
    provider_reference: str | None
    requested_at: AwareDatetime
    attempted_at: AwareDatetime


class UnknownAnswer(_Body):
    payouts: list[UnknownPayout] = Field(description="the oldest first")


class Ruling(_Body):
    """A ruling is for ever: a payout that was ruled upon is over."""

    payout_id: Id
    is_paid: bool = Field(
        description="true: the provider's books show that it was paid. false: they show that it never was, and it "
        "never will be; the money is the person's again, who may withdraw anew"
    )
    ruled_by: Name = Field(description="the name of the person who has looked")
    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=reviews.REASON_CHARACTERS_MAX, pattern=LINES, strip_whitespace=True),
    ] = Field(description="what was seen there")


class RulingAnswer(_Body):
    payout_id: str
    state: str = Field(description="settled | refused")


@router.get("/v1/payout-rulings", responses=refusals(401, 403, 422, 500))
def unknown_payouts(
    request: Request,
    before: Annotated[Instant | None, Query(description="asked for before this; now if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=reviews.LISTED_MAX)] = 100,
) -> UnknownAnswer:
    """Payouts that wait for a ruling. Needs the operator's key. Those of the last hours may still be answered for."""
    parts = parts_of(request)
    instant = micros_of(before) if before else parts.clock()
    with reading(parts.engine) as connection:
        payouts = reviews.unknown(connection, instant, limit)
        tried = {row.payout_id: row for row in attempts.of_payouts(connection, [one.id for one in payouts])}
    return UnknownAnswer(payouts=[_unknown(one, tried[one.id]) for one in payouts])


@router.post("/v1/payout-rulings", response_model=RulingAnswer, responses=RULINGS)
async def rule_payout(body: Ruling, request: Request, key: Key) -> Response:
    """Say what became of an unknown payout, and of all that went out with it. Needs the operator's key."""

    def work(unit: Unit) -> RulingAnswer:
        ruled = reviews.rule(
            unit.connection, body.payout_id, body.ruled_by, body.reason, unit.now, is_paid=body.is_paid
        )
        return RulingAnswer(payout_id=ruled.id, state=ruled.state)

    return await once(request, key, body, work)


def _unknown(payout: Payout, tried: Row[Any]) -> UnknownPayout:
    return UnknownPayout(
        payout_id=payout.id,
        user_id=payout.user_id,
        amount_micros=payout.amount_micros,
        currency=payout.currency,
        provider=tried.provider,
        provider_key=tried.bundle or tried.provider_key,
        provider_reference=tried.provider_reference,
        requested_at=instant_of(payout.created_at),
        attempted_at=instant_of(tried.created_at),
    )
