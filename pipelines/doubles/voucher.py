"""A double of a shop of gift cards: an id of the caller's own, a code that is worth money, Standard Webhooks."""

import json
from base64 import b64encode
from typing import Any, Final

from pipelines.doubles.faulty import REFUSED_DESTINATION, NotifyingDouble, Request, Response
from serving.payouts.fake import Payment, PaymentState
from serving.payouts.providers.notices import hmac_sha256

SECRET: Final = b"the secret of this double"
_WORDS: Final = {PaymentState.ACCEPTED: "pending", PaymentState.SETTLED: "issued", PaymentState.REFUSED: "refused"}


class VoucherDouble(NotifyingDouble):
    name = "voucher"

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[str, int] = {}

    def key_of(self, request: Request) -> str:
        return str(json.loads(request.body)["external_id"])

    def forget_keys(self) -> None:
        self._known.clear()

    def respond(self, request: Request) -> Response:
        if request.method == "GET":
            key = request.query["external_id"]
            found = [self._voucher(at) for at, one in enumerate(self.payments) if one.key == key]
            return _json(200, {"vouchers": found})
        order = json.loads(request.body)
        if REFUSED_DESTINATION in order["recipient"]:
            return _json(422, {"code": "recipient_refused"})
        key = order["external_id"]
        if key not in self._known:
            micros = round(float(order["amount"]) * 1_000_000)
            paid = Payment(key, order["recipient"], micros, order["currency"], self.first_state)
            self._known[key] = self.pay(paid) - 1
        return _json(201, self._voucher(self._known[key]))

    def notify(self, key: str, event_id: str, now: int) -> tuple[dict[str, str], bytes]:
        number = next(at for at, one in enumerate(self.payments) if one.key == key)
        voucher = {name: value for name, value in self._voucher(number).items() if name != "code"}
        body, at = json.dumps({"type": "voucher.changed", "data": voucher}).encode(), str(now // 1_000_000)
        signature = b64encode(hmac_sha256(SECRET, event_id.encode(), at.encode(), body)).decode()
        signed = {"webhook-id": event_id, "webhook-timestamp": at, "webhook-signature": f"v1,AAAA v1,{signature}"}
        return signed, body

    def _voucher(self, number: int) -> dict[str, Any]:
        payment = self.payments[number]
        said = {"id": f"V{number + 1}", "external_id": payment.key, "status": _WORDS[payment.state]}
        return said | ({"code": self.code_of(payment.key)} if payment.state is PaymentState.SETTLED else {})

    @staticmethod
    def code_of(key: str) -> str:
        return f"GIFT-{key[::-1]}"


def _json(status: int, body: Any) -> Response:
    return Response(status, json.dumps(body).encode())
