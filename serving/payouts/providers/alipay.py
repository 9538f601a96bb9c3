"""A transfer in the manner of Alipay: one address, the method a parameter, RSA2 both ways, idempotent by `out_biz_no`.

RSA2 is SHA-256 with RSA over the parameters in alphabetical order; an answer is signed over the text of its node.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.amounts import decimal_text
from serving.payouts.providers.limits import NotTaken
from serving.payouts.providers.notices import Notice, Unverified, documented, read_json
from serving.payouts.providers.outcomes import understood, unsaid, untaken
from serving.payouts.providers.transport import Call, Door, NoAnswer, Reply

CURRENCY: Final = "CNY"
TRANSFER: Final = "alipay.fund.trans.uni.transfer"
QUERY: Final = "alipay.fund.trans.common.query"
CHANGED: Final = "alipay.fund.trans.order.changed"
PRODUCT: Final = {"product_code": "TRANS_ACCOUNT_NO_PWD", "biz_scene": "DIRECT_TRANSFER"}
BEIJING: Final = timezone(timedelta(hours=8))

_STATES: Final[dict[str, Callable[[str], Answer]]] = {
    "SUCCESS": Settled,
    "DEALING": Accepted,
    "WAIT_PAY": Accepted,
    "FAIL": lambda _: Refused("FAIL"),
    "CLOSED": lambda _: Refused("CLOSED"),
    "REFUND": Returned,
}
_REFUSALS: Final = frozenset(
    "PAYEE_NOT_EXIST PAYEE_USER_INFO_ERROR PAYEE_ACC_OCUPIED PAYEE_CERTIFY_LEVEL_LIMIT PAYEE_USERINFO_STATUS_ERROR "
    "PAYEE_USER_TYPE_ERROR PERM_AML_NOT_REALNAME_REV EXCEED_LIMIT_SM_MIN_AMOUNT EXCEED_LIMIT_PERSONAL_SM_AMOUNT".split()
)
"""Sub-codes that speak of this person or amount. Any other, SYSTEM_ERROR above all, may have been carried out."""
_NOT_TAKEN: Final = frozenset({"PAYER_BALANCE_NOT_ENOUGH", "BALANCE_IS_NOT_ENOUGH", "EXCEED_LIMIT_DM_AMOUNT"})
_NOT_US: Final = frozenset({"isv.invalid-app-id", "isv.invalid-signature", "isv.insufficient-isv-permissions"})
"""The gateway refuses our credentials, before anything is carried out."""
_NEVER_SEEN: Final = frozenset({"ORDER_NOT_EXIST"})


class AlipayTransfers:
    """`destination` is a login id (an e-mail address or telephone) or a user id of 16 digits that begins with 2088."""

    name: str = "alipay"
    key_lifetime_micros: int = 29 * 24 * 3_600 * 1_000_000

    def __init__(
        self,
        door: Door,
        app_id: str,
        private_key: RSAPrivateKey,
        alipay_key: RSAPublicKey,
        clock: Callable[[], int],
    ) -> None:
        self._door, self._app_id, self._clock = door, app_id, clock
        self._private_key, self._alipay_key = private_key, alipay_key

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        if currency != CURRENCY:
            return Refused("only CNY is paid here")
        is_user_id = destination.startswith("2088") and len(destination) == 16 and destination.isdigit()
        order = PRODUCT | {
            "out_biz_no": key,
            "trans_amount": decimal_text(amount_micros, currency),
            "order_title": "Reward",
            "payee_info": {
                "identity": destination,
                "identity_type": "ALIPAY_USER_ID" if is_user_id else "ALIPAY_LOGON_ID",
            },
        }
        reply = self._door.write(self._call("transfer.create", TRANSFER, order))
        return untaken(reply) or self._answer(reply, TRANSFER)

    def lookup(self, key: str) -> Answer:
        reply = self._door.read(self._call("transfer.find", QUERY, PRODUCT | {"out_biz_no": key}))
        return self._answer(reply, QUERY) if reply.is_done else unsaid(reply)

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
        """A form, signed like a request. It names no age: the inbox stops what is sent again."""
        del headers, now
        try:
            form = dict(parse_qsl(body.decode(), keep_blank_values=True))
        except UnicodeDecodeError:
            raise Unverified("the body is no form in UTF-8") from None
        if form.get("sign_type") != "RSA2" or not self._is_signed(signed_text(form), form.get("sign", "")):
            raise Unverified("sign does not fit the form: check Alipay's public key")
        return _notice_of(form)

    def _call(self, name: str, method: str, content: Mapping[str, Any]) -> Call:
        at = datetime.fromtimestamp(self._clock() / 1e6, UTC).astimezone(BEIJING)
        form = {
            "app_id": self._app_id,
            "method": method,
            "format": "JSON",
            "charset": "utf-8",
            "sign_type": "RSA2",
            "timestamp": at.strftime("%Y-%m-%d %H:%M:%S"),
            "version": "1.0",
            "biz_content": json.dumps(content, ensure_ascii=False),
        }
        form["sign"] = sign(self._private_key, request_text(form))
        headers = {"content-type": "application/x-www-form-urlencoded; charset=utf-8"}
        return Call(name, "POST", "/gateway.do", headers, urlencode(form).encode())

    @understood()
    def _answer(self, reply: Reply, method: str) -> Answer:
        text = reply.content.decode()
        node_text = _node(text, method.replace(".", "_") + "_response")
        if not self._is_signed(node_text, str(json.loads(text).get("sign", ""))):
            raise NoAnswer("the answer is not signed by Alipay")
        node = json.loads(node_text)
        if node["code"] == "10000":
            return _state_of(node)
        code = node.get("sub_code", node["code"])
        if code in _REFUSALS:
            return Refused(code)
        if code in _NOT_US:
            raise NotTaken(code)
        return Absent() if code in _NOT_TAKEN | _NEVER_SEEN else Unknown(str(code)[:100])

    def _is_signed(self, text: str, signature: str) -> bool:
        try:
            self._alipay_key.verify(b64decode(signature, validate=True), text.encode(), PKCS1v15(), SHA256())
        except (InvalidSignature, ValueError):
            return False
        return True


def sign(private_key: RSAPrivateKey, text: str) -> str:
    """RSA2: SHA-256 with RSA (PKCS #1 v1.5), in base64."""
    return b64encode(private_key.sign(text.encode(), PKCS1v15(), SHA256())).decode()


def request_text(form: Mapping[str, str]) -> str:
    """What a request signs: every parameter that holds something but `sign` itself."""
    return "&".join(f"{name}={value}" for name, value in sorted(form.items()) if value and name != "sign")


def signed_text(form: Mapping[str, str]) -> str:
    """What a notification signs: the same without `sign_type`."""
    return request_text({name: value for name, value in form.items() if name != "sign_type"})


def _node(text: str, name: str) -> str:
    """The text of one member of a JSON object, to the letter, for that is what was signed."""
    start = text.index(f'"{name}":') + len(name) + 3
    while text[start].isspace():
        start += 1
    return text[start : json.JSONDecoder().raw_decode(text, start)[1]]


@documented()
def _notice_of(form: dict[str, str]) -> Notice:
    if form.get("msg_method") != CHANGED:
        return Notice(form["notify_id"], None, None)
    order = read_json(form["biz_content"])
    return Notice(form["notify_id"], order["out_biz_no"], _state_of(order))


def _state_of(order: Mapping[str, Any]) -> Answer:
    status = order.get("status")
    if status not in _STATES:
        return Unknown(f"a status that Alipay does not document: {status!r}"[:100])
    return _STATES[str(status)](str(order["order_id"]))
