"""PayPal's webhooks: signed with RSA over transmission id, time, webhook id and the body's CRC-32."""

import zlib
from base64 import b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from serving.payouts.providers.notices import Notice, Unverified, documented, read_json
from serving.payouts.providers.outcomes import understood
from serving.payouts.providers.paypal_states import state_of
from serving.payouts.providers.transport import Call, Door

CERTIFICATES_MAX: Final = 16
_ITEM_EVENT: Final = "PAYMENT.PAYOUTS-ITEM."
_HEADERS: Final = ("paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url")


class PayPalCertificates:
    """PayPal's signing certificates, fetched over TLS from PayPal's own address and from nowhere else.

    The notification names its certificate: one from any other host, or path, proves nothing.
    """

    def __init__(self, door: Door, base_url: str, webhook_id: str) -> None:
        self._door, self._prefix, self.webhook_id = door, f"{base_url.rstrip('/')}/v1/notifications/certs/", webhook_id
        self._known: dict[str, x509.Certificate] = {}

    def key_at(self, url: str, now: int) -> RSAPublicKey:
        """Raises `Unverified` for a foreign address or a certificate that is not valid now, OSError without answer."""
        if not url.startswith(self._prefix) or ".." in url or "%" in url:
            raise Unverified("paypal-cert-url is not PayPal's")
        certificate = self._known.get(url) or self._fetch(url)
        instant = datetime.fromtimestamp(now / 1e6, UTC)
        if not certificate.not_valid_before_utc <= instant <= certificate.not_valid_after_utc:
            raise Unverified("PayPal's certificate is not valid at this time")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Unverified("PayPal's certificate holds no RSA key")
        return key

    @understood()
    def _fetch(self, url: str) -> x509.Certificate:
        reply = self._door.read(Call("certificate", "GET", httpx.URL(url).raw_path.decode()))
        if reply.status in {400, 403, 404, 410}:
            raise Unverified("PayPal has no such certificate")
        certificate = x509.load_pem_x509_certificate(reply.content)
        if len(self._known) >= CERTIFICATES_MAX:
            self._known.clear()
        self._known[url] = certificate
        return certificate


def read_notice(certificates: PayPalCertificates, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
    """Raises `Unverified`, OSError. An old notification that is sent again is stopped by the inbox."""
    id_, at, signature, url = (headers.get(name, "") for name in _HEADERS)
    signed = f"{id_}|{at}|{certificates.webhook_id}|{zlib.crc32(body)}".encode()
    try:
        certificates.key_at(url, now).verify(b64decode(signature, validate=True), signed, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        raise Unverified("paypal-transmission-sig does not fit the body: check the webhook's id") from None
    return _notice_of(body)


@documented()
def _notice_of(body: bytes) -> Notice:
    event = read_json(body)
    if not event["event_type"].startswith(_ITEM_EVENT):
        return Notice(event["id"], None, None)
    item = event["resource"]
    key = item["payout_item"].get("sender_item_id")
    return Notice(event["id"], key, state_of(item) if key else None)
