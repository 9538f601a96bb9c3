"""PayPal's webhooks: signed with RSA over transmission id, time, webhook id and the body's CRC-32."""

import re
import zlib
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Lock
from typing import Any, Final

import httpx
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256

from serving.payouts.providers.limits import NotSent, Pace
from serving.payouts.providers.notices import Notice, Unverified, documented, read_json
from serving.payouts.providers.outcomes import understood
from serving.payouts.providers.paypal_states import state_of
from serving.payouts.providers.transport import Call, Door, Manners

CERTIFICATES_MAX: Final = 16
FETCHES_MAX: Final = 4
"""Certificates that are asked for at once, and so threads that an unsigned flood can hold; other notices are told to
come again.
"""
ABSENT_MAX: Final = 256
ABSENT_MICROS: Final = 600 * 1_000_000
"""How long PayPal's word is believed that it has no such certificate."""
MANNERS: Final = Manners(deadline_seconds=5.0, reads_max=1, wait_seconds_max=0.0)
"""One try: the notice is sent again anyway."""
_CERTIFICATE: Final = re.compile(r"[\w-]{1,128}", re.ASCII)
"""Nothing that would give one certificate many addresses, such as a query."""
_ITEM_EVENT: Final = "PAYMENT.PAYOUTS-ITEM."
_HEADERS: Final = ("paypal-transmission-id", "paypal-transmission-time", "paypal-transmission-sig", "paypal-cert-url")


def certificates_pace() -> Pace:
    """PayPal changes its certificate a few times a year; whoever asks for others is not PayPal."""
    return Pace(30, 60, burst=10)


class PayPalCertificates:
    """PayPal's signing certificates, fetched over TLS from PayPal's own address and from nowhere else.

    The notification names its certificate: one from any other host, or path, proves nothing. Anybody may send one, so
    `door` is a door of its own, with `MANNERS` and a slow pace: a flood of forged ones takes nothing from the payments.
    """

    def __init__(self, door: Door, base_url: str, webhook_id: str) -> None:
        self._door, self._prefix, self.webhook_id = door, f"{base_url.rstrip('/')}/v1/notifications/certs/", webhook_id
        self._known: dict[str, x509.Certificate] = {}
        self._absent_until: dict[str, int] = {}
        self._fetching: set[str] = set()
        self._lock = Lock()

    def key_at(self, url: str, now: int) -> RSAPublicKey:
        """Raises `Unverified` for a foreign address or a certificate that is not valid now, OSError without answer and
        while others are asked for.
        """
        if not url.startswith(self._prefix) or not _CERTIFICATE.fullmatch(url, len(self._prefix)):
            raise Unverified("paypal-cert-url is not PayPal's")
        certificate = self._known.get(url) or self._fetched(url, now)
        instant = datetime.fromtimestamp(now / 1e6, UTC)
        if not certificate.not_valid_before_utc <= instant <= certificate.not_valid_after_utc:
            raise Unverified("PayPal's certificate is not valid at this time")
        key = certificate.public_key()
        if not isinstance(key, RSAPublicKey):
            raise Unverified("PayPal's certificate holds no RSA key")
        return key

    def _fetched(self, url: str, now: int) -> x509.Certificate:
        with self._turn(url, now):
            certificate = self._fetch(url)
        with self._lock:
            if certificate is None:
                _put(self._absent_until, url, now + ABSENT_MICROS, ABSENT_MAX)
                raise _absent()
            _put(self._known, url, certificate, CERTIFICATES_MAX)
        return certificate

    @contextmanager
    def _turn(self, url: str, now: int) -> Iterator[None]:
        """Each address is asked once at a time, and few are at once; nobody waits, who would hold a thread."""
        with self._lock:
            if now < self._absent_until.get(url, 0):
                raise _absent()
            if url in self._fetching or len(self._fetching) >= FETCHES_MAX:
                raise NotSent("PayPal's certificates are being asked for already")
            self._fetching.add(url)
        try:
            yield
        finally:
            with self._lock:
                self._fetching.remove(url)

    @understood()
    def _fetch(self, url: str) -> x509.Certificate | None:
        """None: PayPal has no such certificate."""
        reply = self._door.read(Call("certificate", "GET", httpx.URL(url).raw_path.decode()))
        if reply.status in {400, 403, 404, 410}:
            return None
        return x509.load_pem_x509_certificate(reply.content)


def _put(kept: dict[str, Any], url: str, value: object, most: int) -> None:
    """What was put first makes room."""
    if len(kept) >= most:
        kept.pop(next(iter(kept)))
    kept[url] = value


def _absent() -> Unverified:
    return Unverified("PayPal has no such certificate")


def read_notice(certificates: PayPalCertificates, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
    """Raises `Unverified`, OSError. An old notification that is sent again is stopped by the inbox."""
    id_, at, signature, url = (headers.get(name, "") for name in _HEADERS)
    signed = f"{id_}|{at}|{certificates.webhook_id}|{zlib.crc32(body)}".encode()
    try:
        proof = b64decode(signature, validate=True)  # before anybody is asked for a certificate
        certificates.key_at(url, now).verify(proof, signed, PKCS1v15(), SHA256())
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
