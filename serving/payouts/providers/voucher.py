"""A gift card: paid for when it is issued, and never taken back. Its code is money, so it is kept sealed.

The code is committed, encrypted, before the payment counts as settled; it is handed out under one receipt only.
"""

import hmac
import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final
from urllib.parse import urlencode

from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA
from serving.ledger.refusals import AlreadyResolved, missing
from serving.payouts.identity.sealing import Seal
from serving.payouts.provider import Absent, Accepted, Answer, Refused, Settled, Unknown
from serving.payouts.providers.amounts import decimal_text
from serving.payouts.providers.notices import Notice, Unverified, check_age, documented, hmac_sha256, read_json
from serving.payouts.providers.outcomes import understood, unsaid, untaken
from serving.payouts.providers.transport import Call, Door

Begin = Callable[[], AbstractContextManager[Connection]]
PATH: Final = "/v1/vouchers"
WEBHOOK_SECRET_BYTES_MIN: Final = 24
"""As Standard Webhooks asks: whoever guesses it says what became of a payment."""
_PREFIX: Final = "whsec_"

VOUCHER_CODE = Table(
    "voucher_code",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("reference", String(255), nullable=False),
    Column("sealed", LargeBinary, nullable=False),
    Column("receipt", String(128)),
    Column("delivered_at", BigInteger),
)


class Vouchers:
    """`seal` closes codes at rest. Raises ValueError, with the remedy, for a webhook secret that is none."""

    name: str = "voucher"
    key_lifetime_micros: int = 29 * 24 * 3_600 * 1_000_000

    def __init__(self, door: Door, api_key: str, webhook_secret: str, seal: Seal, begin: Begin) -> None:
        self._door, self._seal, self._begin = door, seal, begin
        self._webhook_secret = _webhook_key(webhook_secret)
        self._headers = {"authorization": f"Bearer {api_key}"}

    @understood()
    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        order = {
            "external_id": key,
            "recipient": destination,
            "amount": decimal_text(amount_micros, currency),
            "currency": currency,
        }
        headers = self._headers | {"content-type": "application/json", "idempotency-key": key}
        reply = self._door.write(Call("voucher.create", "POST", PATH, headers, json.dumps(order).encode()))
        answer = untaken(reply)
        if answer is not None:
            return answer
        said = reply.json()
        if reply.is_done:
            return self._taken(key, said)
        return Refused(str(said["code"])) if said.get("code") == "recipient_refused" else Unknown(str(reply.status))

    @understood()
    def lookup(self, key: str) -> Answer:
        reply = self._door.read(Call("voucher.find", "GET", f"{PATH}?{urlencode({'external_id': key})}", self._headers))
        if not reply.is_done:
            return unsaid(reply)
        found = [one for one in reply.json()["vouchers"] if one["external_id"] == key]
        return self._taken(key, found[0]) if found else Absent()

    def deliver(self, connection: Connection, key: str, receipt: str, now: int) -> str:
        """The code, for the person. Again under the same receipt: the same code, for an answer that was lost.

        Raises `Missing` before it is issued, `AlreadyResolved` for a second receipt, `Unsealable`.
        """
        is_free = or_(VOUCHER_CODE.c.receipt.is_(None), VOUCHER_CODE.c.receipt == receipt)
        taken = update(VOUCHER_CODE).where(VOUCHER_CODE.c.key == key, is_free)
        connection.execute(taken.values(receipt=receipt, delivered_at=now))
        row = connection.execute(select(VOUCHER_CODE).where(VOUCHER_CODE.c.key == key)).one_or_none()
        if row is None:
            raise missing("voucher of this payout", key)
        if row.receipt != receipt:
            raise AlreadyResolved("the voucher was delivered before, under another receipt")
        return self._seal.open(row.sealed, _about(key))

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
        """As Standard Webhooks signs: `webhook-id`, `webhook-timestamp`, `webhook-signature` of `id.timestamp.body`."""
        id_, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
        expected = "v1," + b64encode(hmac_sha256(self._webhook_secret, id_.encode(), at.encode(), body)).decode()
        given = headers.get("webhook-signature", "").split(" ")
        if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
            raise Unverified("webhook-signature does not fit the body: check the endpoint's secret")
        check_age(at, now)
        return _notice_of(id_, body)

    def _taken(self, key: str, voucher: Mapping[str, Any]) -> Answer:
        """Settled only once its code is ours and committed."""
        status, reference = voucher["status"], str(voucher["id"])
        if status == "issued":
            self._keep(key, reference, voucher["code"])
            return Settled(reference)
        if status == "refused":
            return Refused("refused")
        return Accepted(reference) if status == "pending" else Unknown("a status that is not documented")

    def _keep(self, key: str, reference: str, code: str) -> None:
        row = {"key": key, "reference": reference, "sealed": self._seal.close(code, _about(key))}
        with self._begin() as connection:
            insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
            connection.execute(insert(VOUCHER_CODE).values(row).on_conflict_do_nothing())


def _webhook_key(secret: str) -> bytes:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < WEBHOOK_SECRET_BYTES_MIN:
        raise ValueError(f"must hold {_PREFIX} and the base64 of at least {WEBHOOK_SECRET_BYTES_MIN} bytes")
    return key


def _about(key: str) -> str:
    return f"voucher_code/{key}"


@documented()
def _notice_of(event_id: str, body: bytes) -> Notice:
    event = read_json(body)
    voucher = event["data"]
    answers: dict[str, Answer] = {
        # A notification holds no code: that it was issued is learned with the code, by the next lookup.
        "issued": Accepted(str(voucher["id"])),
        "pending": Accepted(str(voucher["id"])),
        "refused": Refused("refused"),
    }
    return Notice(event_id, voucher["external_id"], answers.get(voucher["status"]))
