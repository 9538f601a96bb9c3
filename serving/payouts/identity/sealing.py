"""Personal data at rest: encrypted and bound to whom it is about; compared by a keyed digest, never by itself.

AES-256-GCM (NIST SP 800-38D) with a random nonce of 96 bits, good for 2^32 messages under one secret; keys are derived
with HKDF-SHA256 (RFC 5869), one for each use, from the home's secret (see features/secrets.py).
"""

import hmac
import os
from base64 import b64decode
from collections.abc import Mapping
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from features.home import Home
from features.secrets import SECRET_BYTES, secret_of

KEY: Final = "seal.key"
_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 12


class Unsealable(ValueError):  # noqa: N818  # as a refusal it is named for what holds
    """What is kept was sealed with another secret, for another person, or was changed. The message holds none of it."""


class Seal:
    """`secret` is 32 bytes; whoever has it can read, and whoever lost it cannot."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) != SECRET_BYTES:
            raise ValueError(f"a seal needs a secret of {SECRET_BYTES} bytes, see features/secrets.py")
        self._cipher = AESGCM(_derived(secret, b"assay identity: seal"))
        self._key = _derived(secret, b"assay identity: digest")

    def close(self, plain: str, about: str) -> bytes:
        """`about` says whose and which field it is: it must be said again to open, so that rows cannot be swapped."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, plain.encode(), about.encode())

    def open(self, closed: bytes, about: str) -> str:
        """Raises `Unsealable`."""
        nonce, ciphertext = closed[1 : 1 + _NONCE_BYTES], closed[1 + _NONCE_BYTES :]
        if closed[:1] != _VERSION or len(ciphertext) < 16:
            raise Unsealable(f"{about} was not written by this release: put the records back from a backup")
        try:
            return self._cipher.decrypt(nonce, ciphertext, about.encode()).decode()
        except InvalidTag:
            raise Unsealable(f"{about} does not open: put back the secret that it was sealed with") from None

    def digest(self, plain: str) -> str:
        """64 hexadecimal digits, equal for equal text; without the secret nobody can try names out."""
        return hmac.digest(self._key, plain.encode(), "sha256").hex()


def seal_of_home(home: Home, environment: Mapping[str, str] = os.environ) -> Seal:
    """With the secret of ASSAY_SEAL_KEY, the base64 of 32 bytes; unset, with the home's own `seal.key`, which is made
    when it is first asked for. Raises ValueError, with the remedy and without the secret, for one that is damaged.
    """
    said = environment.get("ASSAY_SEAL_KEY", "")
    if not said:
        return Seal(secret_of(home.root / KEY))
    try:
        secret = b64decode(said, validate=True)
    except ValueError:
        secret = b""
    if len(secret) != SECRET_BYTES:
        raise ValueError(
            f"ASSAY_SEAL_KEY must be the base64 of {SECRET_BYTES} random bytes (`openssl rand -base64 {SECRET_BYTES}` "
            f"makes one): put back the one that people's data was sealed with, or unset it for the home's own {KEY}"
        )
    return Seal(secret)


def _derived(secret: bytes, use: bytes) -> bytes:
    return HKDF(SHA256(), length=32, salt=None, info=use).derive(secret)
