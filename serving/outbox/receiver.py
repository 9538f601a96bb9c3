"""Where changes are posted: one address that the operator names, and the secrets that sign what goes there."""

import os
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Self

import httpx
from standardwebhooks import Webhook

SECRET_BYTES_MIN: Final = 24
"""As Standard Webhooks asks: 24 to 64 bytes of randomness."""

_PREFIX: Final = "whsec_"
_HOW: Final = (
    "it is `whsec_` and the base64 of at least 24 random bytes; make one with "
    "`python3 -c \"import base64, secrets; print('whsec_' + base64.b64encode(secrets.token_bytes(32)).decode())\"`"
)


@dataclass(frozen=True, repr=False)
class Receiver:
    """While two secrets are named, each signs: a receiver that knows the old or the new one is content."""

    url: str
    signers: tuple[Webhook, ...]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ) -> Self | None:
        """ASSAY_WEBHOOK_URL, with ASSAY_WEBHOOK_SECRET or the file that ASSAY_WEBHOOK_SECRET_FILE names, which may
        hold two, apart by a space. None: nobody is posted anything. Raises ValueError, with the remedy.
        """
        url = environment.get("ASSAY_WEBHOOK_URL", "")
        if not url:
            return None
        return cls(_address(url), tuple(_signer(secret) for secret in _secrets(environment)))

    def headers(self, message_id: str, now: int, body: str) -> dict[str, str]:
        """The signature over id, instant and body (standardwebhooks.com); `now` is when it is sent."""
        instant = datetime.fromtimestamp(now // 1_000_000, UTC)
        signatures = [signer.sign(message_id, instant, body) for signer in self.signers]
        return {
            "content-type": "application/json",
            "webhook-id": message_id,
            "webhook-timestamp": str(now // 1_000_000),
            "webhook-signature": " ".join(signatures),
        }


def _address(url: str) -> str:
    """No scheme but https, and http on this machine: what is posted names people and their money."""
    try:
        address = httpx.URL(url)
    except httpx.InvalidURL:
        raise ValueError("ASSAY_WEBHOOK_URL is no address: it begins with https://") from None
    is_here = address.host in {"127.0.0.1", "localhost", "::1"}
    if not address.host or not (address.scheme == "https" or (address.scheme == "http" and is_here)):
        raise ValueError("ASSAY_WEBHOOK_URL must begin with https://, or with http:// on this machine")
    if address.userinfo or address.fragment:
        raise ValueError("ASSAY_WEBHOOK_URL must hold no password and no #: the signature proves who posts")
    return url


def _secrets(environment: Mapping[str, str]) -> list[str]:
    file = environment.get("ASSAY_WEBHOOK_SECRET_FILE")
    try:
        said = environment.get("ASSAY_WEBHOOK_SECRET") or (Path(file).read_text("utf-8") if file else "")
    except (OSError, UnicodeDecodeError) as failure:
        raise ValueError(f"ASSAY_WEBHOOK_SECRET_FILE cannot be read: {type(failure).__name__}") from None
    if not said.split():
        raise ValueError(f"set ASSAY_WEBHOOK_SECRET, or ASSAY_WEBHOOK_SECRET_FILE, beside ASSAY_WEBHOOK_URL: {_HOW}")
    return said.split()


def _signer(secret: str) -> Webhook:
    try:
        key = b64decode(secret.removeprefix(_PREFIX), validate=True)
    except ValueError:
        key = b""
    if not secret.startswith(_PREFIX) or len(key) < SECRET_BYTES_MIN:
        raise ValueError(f"ASSAY_WEBHOOK_SECRET is no secret: {_HOW}")
    return Webhook(key)
