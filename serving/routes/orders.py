"""Transfers and holds that the platform itself orders; `serving.ledger.orders` says which, and why no other."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from features.events import Asset, Id, Instant, Micros, instant_of, micros_of
from features.money import MICROS_MAX, POINTS
from serving.ledger import orders
from serving.ledger.holds import Hold
from serving.ledger.orders import CapturedTo, HoldOrder, Order, OrderKind
from serving.openapi import refusals
from serving.problems import bad_field
from serving.records import Unit
from serving.routes.asking import LINES, IdInPath
from serving.routes.keys import Key, once

router = APIRouter(tags=["ledger"])
ORDERS = refusals(401, 402, 403, 404, 409, 413, 422, 500, 503)
OrderId = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[^\x00-\x1f\x7f]+$")]
Amount = Annotated[Micros, Field(gt=0, le=MICROS_MAX)]
# Stripped first: the book refuses a name of blanks, and that must be told as a bad field.
Name = Annotated[
    str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$", strip_whitespace=True)
]
Reason = Annotated[str, StringConstraints(min_length=1, max_length=500, pattern=LINES, strip_whitespace=True)]


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class TransferOrder(_Body):
    """Money that a named person moves. Nothing else may be moved over HTTP, and none of it makes money."""

    transfer_id: OrderId
    kind: OrderKind = Field(
        description="bonus: from a campaign's reward budget; deduction: to the platform's reserve; forgiven: of what "
        "the person owes; restored: of what was put aside of the person"
    )
    user_id: Id
    amount_micros: Amount
    currency: Asset
    decided_by: Name = Field(description="who decided it: the name of a person at the platform")
    reason: Reason
    campaign_id: Id | None = Field(None, description="whose reward budget pays a bonus")

    @model_validator(mode="after")
    def _has_its_source(self) -> "TransferOrder":
        if (self.kind is OrderKind.BONUS) is (self.campaign_id is None):
            raise ValueError("campaign_id is required of a bonus, and of nothing else")
        if self.kind is OrderKind.BONUS and self.currency == POINTS:
            raise ValueError("currency must be money for a bonus: no campaign has a budget of points")
        return self


class LinkedOrders(_Body):
    """Transfers that are carried out in their order, all or none."""

    transfers: Annotated[list[TransferOrder], Field(min_length=1, max_length=orders.LINKED_MAX)]

    @model_validator(mode="after")
    def _each_has_its_own_id(self) -> "LinkedOrders":
        if len({one.transfer_id for one in self.transfers}) < len(self.transfers):
            raise ValueError("transfers must each have a transfer_id of its own")
        return self


class TransferAnswer(_Body):
    transfer_id: str
    kind: str
    user_id: str
    amount_micros: int
    currency: str
    entry_id: str = Field(description="the transfer's id in statements")


class LinkedAnswer(_Body):
    transfers: list[TransferAnswer] = Field(description="in the order in which they were sent")


class HoldRequest(_Body):
    """A part of a person's wallet that is set aside: for a purchase, or until a dispute is decided."""

    hold_id: OrderId
    user_id: Id
    amount_micros: Amount
    currency: Asset
    expires_at: Instant | None = Field(
        None, description=f"{orders.HOLD_DAYS} days from now if left out; at most {orders.HOLD_DAYS_MAX}"
    )


class Capture(_Body):
    to: CapturedTo = Field(description="fees: the person bought something; suspense: put aside until it is decided")
    amount_micros: Amount | None = Field(None, description="the whole if left out; the rest is free again")


class HoldAnswer(_Body):
    hold_id: str
    user_id: str
    amount_micros: int
    captured_micros: int
    currency: str
    state: str = Field(description="open | captured | released")
    expires_at: Instant | None


@router.post("/v1/ledger/transfers", response_model=TransferAnswer, responses=ORDERS)
async def transfer(body: TransferOrder, request: Request, key: Key) -> Response:
    """Order a bonus or a correction, by a named person. Needs the operator's key; no order makes money."""
    return await once(
        request, key, body, lambda unit: _moved(body, orders.carry_out(unit.connection, _order(body), unit.now))
    )


@router.post("/v1/ledger/transfers/linked", response_model=LinkedAnswer, responses=ORDERS)
async def linked_transfers(body: LinkedOrders, request: Request, key: Key) -> Response:
    """Order several transfers, all or none: what is refused of one is refused of all. Needs the operator's key."""

    def work(unit: Unit) -> LinkedAnswer:
        wanted = [_order(one) for one in body.transfers]
        entries = orders.carry_out_linked(unit.connection, wanted, unit.now)
        return LinkedAnswer(transfers=[_moved(*one) for one in zip(body.transfers, entries, strict=True)])

    return await once(request, key, body, work)


@router.post("/v1/ledger/holds", response_model=HoldAnswer, responses=ORDERS)
async def hold(body: HoldRequest, request: Request, key: Key) -> Response:
    """Set a part of a person's wallet aside. Needs the operator's key."""

    def work(unit: Unit) -> HoldAnswer:
        try:
            asked = micros_of(body.expires_at) if body.expires_at else None
            until = orders.expiry(unit.connection, body.hold_id, unit.now, asked)
        except ValueError as wrong:
            raise bad_field("expires_at", str(wrong)) from None
        order = HoldOrder(body.hold_id, body.user_id, body.amount_micros, body.currency, until)
        return _answer(body.hold_id, orders.open_hold(unit.connection, order, unit.now))

    return await once(request, key, body, work)


@router.post("/v1/ledger/holds/{hold_id:path}/capture", response_model=HoldAnswer, responses=ORDERS)
async def capture(hold_id: IdInPath, body: Capture, request: Request, key: Key) -> Response:
    """Spend a hold, whole or in part, once. What a payout holds cannot be captured here."""

    def work(unit: Unit) -> HoldAnswer:
        try:
            held = orders.capture_hold(unit.connection, hold_id, body.to, body.amount_micros, unit.now)
        except ValueError:
            raise bad_field("amount_micros", "must not be more than is held") from None
        return _answer(hold_id, held)

    return await once(request, key, body, work)


@router.post("/v1/ledger/holds/{hold_id:path}/release", response_model=HoldAnswer, responses=ORDERS)
async def release(hold_id: IdInPath, request: Request, key: Key) -> Response:
    """Free a hold. What a payout holds cannot be released here."""
    return await once(
        request, key, None, lambda unit: _answer(hold_id, orders.release_hold(unit.connection, hold_id, unit.now))
    )


def _order(body: TransferOrder) -> Order:
    return Order(
        id=body.transfer_id,
        kind=body.kind,
        user_id=body.user_id,
        amount_micros=body.amount_micros,
        currency=body.currency,
        decided_by=body.decided_by,
        reason=body.reason,
        campaign_id=body.campaign_id,
    )


def _moved(body: TransferOrder, entry_id: str) -> TransferAnswer:
    said = body.model_dump(include={"transfer_id", "kind", "user_id", "amount_micros", "currency"})
    return TransferAnswer(**said, entry_id=entry_id)


def _answer(hold_id: str, held: Hold) -> HoldAnswer:
    return HoldAnswer(
        hold_id=hold_id,
        user_id=held.account.owner,
        amount_micros=held.amount_micros,
        captured_micros=held.captured_micros,
        currency=held.account.asset,
        state=held.state,
        expires_at=None if held.expires_at is None else instant_of(held.expires_at),
    )
