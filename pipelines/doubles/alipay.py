"""A double of an Alipay-style transfer: RSA2 in both directions, `out_biz_no`, signed notifications."""

import json
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl, urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256

from pipelines.doubles.faulty import REFUSED_DESTINATION, NotifyingDouble, Request, Response, rsa_key
from serving.payouts.fake import Payment, PaymentState
from serving.payouts.providers.alipay import CHANGED, TRANSFER, request_text, sign, signed_text

_WORDS = {
    PaymentState.ACCEPTED: "DEALING",
    PaymentState.SETTLED: "SUCCESS",
    PaymentState.REFUSED: "FAIL",
    PaymentState.RETURNED: "REFUND",
}


class AlipayDouble(NotifyingDouble):
    name = "alipay"

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa_key("alipay")
        self.caller = rsa_key("caller")
        self._known: dict[str, int] = {}

    def is_write(self, request: Request) -> bool:
        return _form(request)["method"] == TRANSFER

    def key_of(self, request: Request) -> str:
        return str(json.loads(_form(request)["biz_content"])["out_biz_no"])

    def forget_keys(self) -> None:
        self._known.clear()

    def respond(self, request: Request) -> Response:
        form = _form(request)
        text = request_text(form).encode()
        self.caller.public_key().verify(b64decode(form["sign"]), text, PKCS1v15(), SHA256())
        order = json.loads(form["biz_content"])
        answer = self._create(order) if form["method"] == TRANSFER else self._find(order["out_biz_no"])
        node = json.dumps(answer, ensure_ascii=False)
        name = form["method"].replace(".", "_") + "_response"
        return Response(200, f'{{"{name}":{node},"sign":"{sign(self.key, node)}"}}'.encode())

    def notify(self, key: str, event_id: str, now: int) -> tuple[dict[str, str], bytes]:
        content = json.dumps({"out_biz_no": key, **self._order(key)})
        form = {"notify_id": event_id, "msg_method": CHANGED, "biz_content": content, "sign_type": "RSA2"}
        return {}, urlencode(form | {"sign": sign(self.key, signed_text(form))}).encode()

    def _create(self, order: dict[str, Any]) -> dict[str, str]:
        key, destination = order["out_biz_no"], order["payee_info"]["identity"]
        if REFUSED_DESTINATION in destination:
            return {"code": "40004", "msg": "Business Failed", "sub_code": "PAYEE_NOT_EXIST"}
        if key not in self._known:
            micros = round(float(order["trans_amount"]) * 1_000_000)
            self._known[key] = self.pay(Payment(key, destination, micros, "CNY", self.first_state))
        return {"code": "10000", "msg": "Success", **self._order(key)}

    def _find(self, key: str) -> dict[str, str]:
        if key not in {one.key for one in self.payments}:
            return {"code": "40004", "msg": "Business Failed", "sub_code": "ORDER_NOT_EXIST"}
        return {"code": "10000", "msg": "成功", **self._order(key)}

    def _order(self, key: str) -> dict[str, str]:
        return {"order_id": f"A{self._known.get(key, 0)}", "status": _WORDS[self.state_of(key)]}


def _form(request: Request) -> dict[str, str]:
    return dict(parse_qsl(request.body.decode()))
