"""Payouts that no machine can end, for a person to look and to say: see serving/payouts/reviews.py."""

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


class WaitingPayout(_Body):
    """Found in the provider's books by its key: PayPal's sender_item_id, Stripe's transfer_group, Alipay's out_biz_no,
    a voucher's external_id. What nobody has begun has no key, and is in nobody's books.
    """

    payout_id: str
    user_id: str
    amount_micros: int
    currency: str
    state: str = Field(description="unknown: nobody can say what became of it. submitted: see waits_for")
    waits_for: str | None = Field(
        description="provider_needed: who has begun to pay it, or could pay it, is configured no more. confirmed_hit: "
        "a reviewer has found the person on a list; the money stays held until somebody rules, or clears the hit"
    )
    provider: str
    provider_key: str | None
    provider_reference: str | None
    requested_at: AwareDatetime
    attempted_at: AwareDatetime | None
    unpaid_from: AwareDatetime = Field(
        description="from then on it can be ruled that it never was paid: what was sent a moment ago may be on its way"
    )


class WaitingAnswer(_Body):
    payouts: list[WaitingPayout] = Field(description="the oldest first")


class PayoutRuling(_Body):
    """A ruling is for ever: a payout that was ruled upon is over."""

    payout_id: Id
    is_paid: bool = Field(
        description="true: the provider's books show that it was paid. false: they show that it never was, and it "
        "never will be, or nobody has begun to pay it and nobody shall; the money is in the person's wallet again"
    )
    ruled_by: Name = Field(description="the name of the person who has looked, and answers for it")
    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=reviews.REASON_CHARACTERS_MAX, pattern=LINES, strip_whitespace=True),
    ] = Field(description="what was seen, and where")


class PayoutRulingAnswer(_Body):
    payout_id: str
    state: str = Field(description="settled | refused | returned: it had been accepted, and came back")


@router.get("/v1/payout-rulings", responses=refusals(401, 403, 422, 500))
def waiting_payouts(
    request: Request,
    before: Annotated[Instant | None, Query(description="asked for before this; now if left out")] = None,
    limit: Annotated[int, Query(ge=1, le=reviews.LISTED_MAX)] = 100,
) -> WaitingAnswer:
    """Payouts that wait for a ruling: unknown ones, those of a provider that is configured no more, and those of people
    whom a reviewer has found on a list. Needs the operator's key. Those of the last hours may still be answered for.
    """
    parts = parts_of(request)
    instant = micros_of(before) if before else parts.clock()
    with reading(parts.engine) as connection:
        payouts = reviews.waiting(connection, instant, limit)
        tried = {row.payout_id: row for row in attempts.of_payouts(connection, [one.id for one in payouts])}
    return WaitingAnswer(payouts=[_waiting(one, tried.get(one.id)) for one in payouts])


@router.post("/v1/payout-rulings", response_model=PayoutRulingAnswer, responses=RULINGS)
async def rule_payout(body: PayoutRuling, request: Request, key: Key) -> Response:
    """End a payout that no machine can end, and all that went out with it. Needs the operator's key.

    **Unknown**, or begun by a provider that is configured no more: look in the provider's books. `is_paid: true`
    settles it; `is_paid: false` gives the money back, and is refused with 409 `still-sending` for a quarter of an hour
    after it was last sent. **Not begun and parked**, whatever it waits for: `is_paid: false` refuses it.

    So ends a payout after a **confirmed hit** in a list of sanctioned names. Until a person rules, the money stays
    held; ruled upon, it is back in the wallet, where it stays: while the hit is confirmed each
    further payout of the person is held in the same way. To pay after all, clear the hit with
    `POST /v1/screening/hits/{hit_id}/rulings`.
    """

    def work(unit: Unit) -> PayoutRulingAnswer:
        ruled = reviews.rule(
            unit.connection, body.payout_id, body.ruled_by, body.reason, unit.now, is_paid=body.is_paid
        )
        return PayoutRulingAnswer(payout_id=ruled.id, state=ruled.state)

    return await once(request, key, body, work)


def _waiting(payout: Payout, tried: Row[Any] | None) -> WaitingPayout:
    return WaitingPayout(
        payout_id=payout.id,
        user_id=payout.user_id,
        amount_micros=payout.amount_micros,
        currency=payout.currency,
        state=payout.state,
        waits_for=payout.waits_for,
        provider=tried.provider if tried else payout.provider or "",
        provider_key=(tried.bundle or tried.provider_key) if tried else None,
        provider_reference=tried.provider_reference if tried else None,
        requested_at=instant_of(payout.created_at),
        attempted_at=instant_of(tried.created_at) if tried else None,
        unpaid_from=instant_of(reviews.quiet_at(tried) if tried else payout.created_at),
    )
