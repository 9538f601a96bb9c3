"""A double of PayPal Payouts: batches, items, tokens, signed webhooks."""

import json
import zlib
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pipelines.doubles.faulty import NotifyingDouble, Request, Response, rsa_key
from serving.payouts.fake import Payment, PaymentState

TOKEN: Final = "token-of-the-double"  # noqa: S105  # a double's, worth nothing
WEBHOOK_ID: Final = "WH-1"
_WORDS: Final = {
    PaymentState.ACCEPTED: "PENDING",
    PaymentState.SETTLED: "SUCCESS",
    PaymentState.REFUSED: "FAILED",
    PaymentState.RETURNED: "RETURNED",
}


class PayPalDouble(NotifyingDouble):
    """A receiver with a blank in it is invalid, which refuses the whole request."""

    name = "paypal"

    def __init__(self) -> None:
        super().__init__()
        self._batches: dict[str, str] = {}
        self.items: dict[str, list[int]] = {}
        self.tokens_granted = 0
        self.certificates_asked: list[str] = []
        self.valid_token = TOKEN
        self.key = rsa_key("paypal")
        self.words: dict[str, str] = {}
        self.address = ""

    def is_write(self, request: Request) -> bool:
        return request.path == "/v1/payments/payouts"

    def key_of(self, request: Request) -> str:
        return str(json.loads(request.body)["sender_batch_header"]["sender_batch_id"])

    def forget_keys(self) -> None:
        self._batches.clear()

    def respond(self, request: Request) -> Response:
        if request.path == "/v1/oauth2/token":
            self.tokens_granted += 1
            return _json(200, {"access_token": self.valid_token, "expires_in": 32400, "token_type": "Bearer"})
        if request.path.startswith("/v1/notifications/certs/"):
            return self._certificate_at(request.path)
        if request.headers.get("authorization") != f"Bearer {self.valid_token}":
            return _json(401, {"error": "invalid_token"})
        if self.is_write(request):
            return self._create(json.loads(request.body))
        kind, _, id_ = request.path.removeprefix("/v1/payments/").partition("/")
        return self._batch(id_, request) if kind == "payouts" else self._found(id_)

    def notify(self, key: str, event_id: str, now: int) -> tuple[dict[str, str], bytes]:
        number = next(at for at, one in enumerate(self.payments) if one.key == key)
        body = json.dumps(
            {"id": event_id, "event_type": "PAYMENT.PAYOUTS-ITEM.X", "resource": self._item(number)}
        ).encode()
        at = datetime.fromtimestamp(now / 1e6, UTC).isoformat()
        signed = f"{event_id}|{at}|{WEBHOOK_ID}|{zlib.crc32(body)}".encode()
        return {
            "Paypal-Transmission-Id": event_id,
            "Paypal-Transmission-Time": at,
            "Paypal-Transmission-Sig": b64encode(self.key.sign(signed, PKCS1v15(), SHA256())).decode(),
            "Paypal-Cert-Url": f"{self.address}/v1/notifications/certs/CERT-1",
        }, body

    def _create(self, body: dict[str, Any]) -> Response:
        id_ = body["sender_batch_header"]["sender_batch_id"]
        if id_ in self._batches:
            link = {"href": f"https://api-m.paypal.com/v1/payments/payouts/{self._batches[id_]}", "rel": "self"}
            error = {"name": "USER_BUSINESS_ERROR", "message": "User business error.", "debug_id": "1", "links": [link]}
            return _json(400, error)
        wrong = [at for at, item in enumerate(body["items"]) if " " in item["receiver"]]
        if wrong:
            details = [{"field": f"items[{at}].receiver", "issue": "Receiver is invalid"} for at in wrong]
            return _json(400, {"name": "VALIDATION_ERROR", "message": "x", "debug_id": "1", "details": details})
        batch = f"B{next(self._numbers)}"
        self._batches[id_], self.items[batch] = batch, []
        for item in body["items"]:
            micros = round(float(item["amount"]["value"]) * 1_000_000)
            state = self.state_at_first(item["receiver"])
            paid = Payment(item["sender_item_id"], item["receiver"], micros, item["amount"]["currency"], state)
            self.items[batch].append(self.pay(paid) - 1)
        header = {
            "payout_batch_id": batch,
            "batch_status": "PENDING",
            "sender_batch_header": body["sender_batch_header"],
        }
        return _json(201, {"batch_header": header})

    def _batch(self, batch: str, request: Request) -> Response:
        if batch not in self.items:
            return _json(404, {"name": "RESOURCE_NOT_FOUND", "message": "x", "debug_id": "1"})
        page, size = int(request.query["page"]), int(request.query["page_size"])
        some = self.items[batch][(page - 1) * size : page * size]
        header = {"payout_batch_id": batch, "batch_status": "SUCCESS", "sender_batch_header": {}}
        return _json(200, {"batch_header": header, "items": [self._item(at) for at in some]})

    def _found(self, item: str) -> Response:
        return _json(200, self._item(int(item.removeprefix("I")) - 1))

    def _item(self, number: int) -> dict[str, Any]:
        payment = self.payments[number]
        return {
            "payout_item_id": f"I{number + 1}",
            "payout_batch_id": "B",
            "transaction_status": self.words.get(payment.key, _WORDS[payment.state]),
            "payout_item": {"receiver": payment.destination, "sender_item_id": payment.key, "amount": {}},
        }

    def _certificate_at(self, path: str) -> Response:
        self.certificates_asked.append(path)
        if not path.endswith("/CERT-1"):
            return _json(404, {})
        return Response(200, self._certificate(), {"content-type": "application/x-pem-file"})

    def _certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "messageverificationcerts.paypal.com")])
        made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(self.key.public_key())
        made = made.serial_number(1).not_valid_before(datetime(1970, 1, 2, tzinfo=UTC))
        return (
            made.not_valid_after(datetime(2200, 1, 1, tzinfo=UTC) + timedelta())
            .sign(self.key, SHA256())
            .public_bytes(Encoding.PEM)
        )


def _json(status: int, body: Any) -> Response:
    return Response(status, json.dumps(body).encode())
