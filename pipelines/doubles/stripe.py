"""A double of Stripe Connect transfers: idempotency keys, transfer groups, signed webhooks."""

import json
from typing import Any, Final
from urllib.parse import parse_qsl

from pipelines.doubles.faulty import REFUSED_DESTINATION, NotifyingDouble, Request, Response
from serving.payouts.fake import Payment, PaymentState
from serving.payouts.providers.notices import hmac_sha256

SECRET: Final = "whsec_of_the_double"  # noqa: S105  # a double's, worth nothing


class StripeDouble(NotifyingDouble):
    name = "stripe"

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, tuple[bytes, Response]] = {}

    def key_of(self, request: Request) -> str:
        return request.headers.get("idempotency-key", "")

    def forget_keys(self) -> None:
        self._known.clear()

    def respond(self, request: Request) -> Response:
        if request.method == "GET":
            group = request.query["transfer_group"]
            found = [self._transfer(at) for at, one in enumerate(self.payments) if one.key == group]
            return _json(200, {"object": "list", "data": found[: int(request.query["limit"])], "has_more": False})
        key = request.headers["idempotency-key"]
        if key not in self._known:
            self._known[key] = request.body, self._create(dict(parse_qsl(request.body.decode())))
        body, response = self._known[key]
        if body != request.body:
            return _json(400, {"error": {"type": "idempotency_error"}})
        return response

    def notify(self, key: str, event_id: str, now: int) -> tuple[dict[str, str], bytes]:
        number = next(at for at, one in enumerate(self.payments) if one.key == key)
        is_back = self.payments[number].state is PaymentState.RETURNED
        kind = "transfer.reversed" if is_back else "transfer.created"
        body = json.dumps({"id": event_id, "type": kind, "data": {"object": self._transfer(number)}}).encode()
        at = str(now // 1_000_000)
        signature = hmac_sha256(SECRET.encode(), at.encode(), body).hex()
        return {"Stripe-Signature": f"t={at},v1={'0' * 64},v1={signature}"}, body

    def _create(self, form: dict[str, str]) -> Response:
        if REFUSED_DESTINATION in form["destination"]:
            return _json(400, {"error": {"type": "invalid_request_error", "code": "account_invalid"}})
        micros = int(form["amount"]) * 10_000
        paid = Payment(
            form["metadata[payout_key]"], form["destination"], micros, form["currency"].upper(), PaymentState.SETTLED
        )
        return _json(200, self._transfer(self.pay(paid) - 1))

    def _transfer(self, number: int) -> dict[str, Any]:
        payment = self.payments[number]
        is_back = payment.state is PaymentState.RETURNED
        known = {"payout_key": payment.key}
        return {"id": f"tr_{number + 1}", "object": "transfer", "reversed": is_back, "metadata": known}


def _json(status: int, body: Any) -> Response:
    return Response(status, json.dumps(body).encode())
