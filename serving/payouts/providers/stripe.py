"""Stripe Connect transfers: one POST each, idempotent by header for a day, found again by their transfer group.

A transfer is with the connected account at once, so that it is settled when it is created; a full reversal is a return.
"""

import hmac
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

import structlog

from serving.payouts.provider import Absent, Answer, Refused, Returned, Settled, Unknown
from serving.payouts.providers.amounts import minor_units
from serving.payouts.providers.notices import Notice, Unverified, check_age, documented, hmac_sha256, read_json
from serving.payouts.providers.outcomes import understood, unsaid, untaken
from serving.payouts.providers.transport import Call, Door, Reply

VERSION: Final = "2024-06-20"
_EVENTS: Final = frozenset({"transfer.created", "transfer.updated", "transfer.reversed"})

log = structlog.get_logger()


class StripeTransfers:
    """`api_key` and `webhook_secret` are secrets; `destination` is a connected account, `acct_...`."""

    name: str = "stripe"
    key_lifetime_micros: int = 23 * 3_600 * 1_000_000
    """Stripe keeps a key for 24 hours; an hour is left for clocks that differ."""

    def __init__(self, door: Door, api_key: str, webhook_secret: str) -> None:
        self._door, self._webhook_secret = door, webhook_secret.encode()
        self._headers = {"authorization": f"Bearer {api_key}", "stripe-version": VERSION}

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        form = {
            "amount": str(minor_units(amount_micros, currency)),
            "currency": currency.lower(),
            "destination": destination,
            "transfer_group": key,
            "metadata[payout_key]": key,
        }
        headers = self._headers | {"idempotency-key": key, "content-type": "application/x-www-form-urlencoded"}
        call = Call("transfer.create", "POST", "/v1/transfers", headers, urlencode(form).encode())
        return self._sent(self._door.write(call))

    @understood()
    def lookup(self, key: str) -> Answer:
        query = urlencode({"transfer_group": key, "limit": 10})
        reply = self._door.read(Call("transfer.find", "GET", f"/v1/transfers?{query}", self._headers))
        if not reply.is_done:
            return unsaid(reply)
        found = [one for one in reply.json()["data"] if _key_of(one) == key]
        if len(found) > 1:
            log.error("provider_paid_twice", provider=self.name, count=len(found))
        return _state_of(found[0]) if found else Absent()

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
        """`Stripe-Signature: t=seconds,v1=hex`, an HMAC-SHA256 of `t.body`; several v1 while a secret is rolled."""
        parts = [part.strip().partition("=") for part in headers.get("stripe-signature", "").split(",")]
        at = next((value for name, _, value in parts if name == "t"), "")
        given = [value for name, _, value in parts if name == "v1"]
        expected = hmac_sha256(self._webhook_secret, at.encode(), body).hex()
        if not any(hmac.compare_digest(one.encode(), expected.encode()) for one in given):
            raise Unverified("stripe-signature does not fit the body: check the endpoint's signing secret")
        check_age(at, now)
        return _notice_of(body)

    @understood()
    def _sent(self, reply: Reply) -> Answer:
        answer = untaken(reply)
        if answer is not None:
            return answer
        if reply.is_done:
            return _state_of(reply.json())
        error = reply.json().get("error", {})
        if error.get("type") == "invalid_request_error":
            # Stripe answers the same under this key until it forgets it: there is nothing to try again.
            return Refused(str(error.get("code") or "invalid_request_error"))
        return Unknown(f"status {reply.status}, {error.get('type')}")


@documented()
def _notice_of(body: bytes) -> Notice:
    event = read_json(body)
    if event["type"] not in _EVENTS:
        return Notice(event["id"], None, None)
    transfer = event["data"]["object"]
    return Notice(event["id"], _key_of(transfer), _state_of(transfer))


def _key_of(transfer: dict[str, Any]) -> str | None:
    key = transfer.get("metadata", {}).get("payout_key")
    return str(key) if key else None


def _state_of(transfer: dict[str, Any]) -> Answer:
    reference = str(transfer["id"])
    return Returned(reference) if transfer.get("reversed") else Settled(reference)
