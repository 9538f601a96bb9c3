"""Where people are paid: told once, kept sealed, and from then on named by a digest alone; and what is issued there."""

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from features.events import Digest, Id
from serving.ledger.refusals import Refusal
from serving.openapi import refusals
from serving.payouts import attempts, saga
from serving.payouts.destinations import DESTINATION_CHARACTERS_MAX, Vault, assert_destination, forget
from serving.payouts.identity.sealing import Unsealable
from serving.payouts.providers.voucher import Vouchers
from serving.problems import Problem, bad_field, not_found
from serving.records import Unit
from serving.routes.asking import IdInPath, parts_of
from serving.routes.keys import Key, once

router = APIRouter(tags=["payouts"])
KEEPS = refusals(401, 409, 413, 422, 500, 503)


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Destination(_Body):
    """No answer, no log and no error repeats a destination."""

    user_id: Id = Field(description="whose payouts that wait are looked at at once")
    destination: SecretStr = Field(
        max_length=DESTINATION_CHARACTERS_MAX,
        examples=["ann@example.com"],
        description="an e-mail address, a telephone with its +, a wallet's 0x address, a Stripe account, an Alipay "
        "user of 16 digits, or an account's name at the provider",
    )
    payout_destination: Digest | None = Field(
        None, description="a keyed digest of your own; left out, the answer names ours, the same for one destination"
    )


class DestinationAnswer(_Body):
    payout_destination: str = Field(description="name it in withdrawals; it says nothing of the destination")
    kind: str = Field(description="email | telephone | wallet_address | stripe_account | alipay_user | account")
    woken: int = Field(description="payouts of the person that waited and are looked at now")


class ForgottenAnswer(_Body):
    payout_destination: str
    was_kept: bool


class VoucherAnswer(_Body):
    payout_id: str
    code: str = Field(description="it is money: show it to the person, and keep it nowhere")


class NotSettled(Refusal):
    """The voucher's code is worth money that the book may have given back."""


class _Asked(_Body):
    """What is compared when a key comes again: nothing that a guess could be tried on."""

    user_id: str
    payout_destination: str | None
    destination: str


@router.post("/v1/payouts/destinations", response_model=DestinationAnswer, responses=KEEPS)
async def keep_destination(body: Destination, request: Request, key: Key) -> Response:
    """Keep where a person is paid, sealed, and look at once at what waits for it. Another destination under a digest
    that is kept is refused: forget that one first.
    """
    vault = Vault(parts_of(request).seal)
    plain = body.destination.get_secret_value()
    try:
        assert_destination(plain)
    except ValueError as wrong:
        raise _misfit(wrong) from None
    own = vault.digest_of(plain)
    digest = body.payout_destination or own

    def work(unit: Unit) -> DestinationAnswer:
        kind = _kept(vault, unit, digest, plain)
        woken = saga.wake(unit.connection, body.user_id, unit.now)
        return DestinationAnswer(payout_destination=digest, kind=kind, woken=woken)

    asked = _Asked(user_id=body.user_id, payout_destination=body.payout_destination, destination=own)
    return await once(request, key, asked, work)


@router.delete("/v1/payouts/destinations/{payout_destination:path}", response_model=ForgottenAnswer, responses=KEEPS)
async def forget_destination(payout_destination: IdInPath, request: Request, key: Key) -> Response:
    """Erase where a person is paid. What is on its way goes on; what is not begun waits until it is kept again."""

    def work(unit: Unit) -> ForgottenAnswer:
        was_kept = forget(unit.connection, payout_destination)
        return ForgottenAnswer(payout_destination=payout_destination, was_kept=was_kept)

    return await once(request, key, None, work)


@router.post("/v1/vouchers/{payout_id:path}", responses=refusals(401, 404, 409, 422, 500, 503))
async def voucher(payout_id: IdInPath, request: Request, response: Response, key: Key) -> VoucherAnswer:
    """The code of a voucher that was issued, for the person alone. It is handed out under one Idempotency-Key: the same
    again for an answer that was lost, and to no other.
    """
    parts = parts_of(request)
    issuer = parts.providers.get(Vouchers.name)
    if not isinstance(issuer, Vouchers):
        raise not_found("payout provider that issues vouchers")

    def deliver(unit: Unit) -> str:
        tried = attempts.of_payouts(unit.connection, [payout_id])
        if not tried:
            raise not_found(f"voucher of payout {payout_id}")
        if saga.get(unit.connection, payout_id).state is not saga.State.SETTLED:
            raise NotSettled(
                f"payout {payout_id} is not settled, so that its voucher is nobody's yet: ask again once "
                f"GET /v1/payouts/{payout_id} says settled"
            )
        return issuer.deliver(unit.connection, tried[0].bundle or tried[0].provider_key, key, unit.now)

    response.headers["cache-control"] = "no-store"
    return VoucherAnswer(payout_id=payout_id, code=await parts.writer.do(deliver))


def _kept(vault: Vault, unit: Unit, digest: str, plain: str) -> str:
    try:
        return vault.keep(unit.connection, digest, plain, unit.now)
    except Unsealable:
        raise
    except ValueError as wrong:
        raise _misfit(wrong) from None


def _misfit(wrong: ValueError) -> Problem:
    """Of a message that begins with its field."""
    field, _, message = str(wrong).partition(": ")
    return bad_field(field, message)
