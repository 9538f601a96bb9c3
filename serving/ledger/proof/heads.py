"""Signed heads: what the whole book was at an instant, in a line that is kept outside the database.

Whoever has a head and the public key can tell any later rewriting of what it covers, whoever did it. Nothing here needs
more than the standard library and `cryptography`, so that a person can check a payslip without us.
"""

import hashlib
import json
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Self

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

_TITLE: Final = "assay ledger head 1"
_HEX: Final = ("root", "chain", "signature")


@dataclass(frozen=True, slots=True)
class Head:
    """The first `size` events have the Merkle root `root`, and the last of them the hash `chain`, as of `at`.

    `at` is in microseconds; `key` names the key (see `key_id`) that made `signature`, 64 bytes of Ed25519 (RFC 8032).
    """

    size: int
    root: bytes
    chain: bytes
    at: int
    key: str
    signature: bytes = b""

    @property
    def said(self) -> bytes:
        """What is signed: five lines of text, so that it can be checked with any tool that knows Ed25519."""
        return f"{_TITLE}\n{self.size}\n{self.root.hex()}\n{self.chain.hex()}\n{self.at} {self.key}\n".encode()

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {name: getattr(self, name).hex() for name in _HEX}

    @classmethod
    def from_json(cls, body: object) -> Self:
        """Raises ValueError for anything that no head was ever written as."""
        try:
            fields: dict[str, Any] = dict(body)  # type: ignore[call-overload]  # asked for, not known
            fields |= {name: bytes.fromhex(fields[name]) for name in _HEX}
            head = cls(**fields)
        except (TypeError, KeyError, ValueError) as failure:
            raise ValueError(f"a head has size, root, chain, at, key and signature: {failure}") from None
        whole = type(head.size) is int and type(head.at) is int and type(head.key) is str
        if not whole or len(head.root) != 32 or len(head.chain) != 32 or head.size < 1:
            raise ValueError("a head has a size from 1 on, two hashes of 32 bytes, an instant and the name of a key")
        return head


def signed(head: Head, key: Ed25519PrivateKey) -> Head:
    named = replace(head, key=key_id(key.public_key()))
    return replace(named, signature=key.sign(named.said))


def is_signed(head: Head, key: Ed25519PublicKey) -> bool:
    """Whether `key`, and no other, signed just this."""
    try:
        key.verify(head.signature, head.said)
    except InvalidSignature:
        return False
    return head.key == key_id(key)


def key_of(secret: bytes) -> Ed25519PrivateKey:
    """The signing key that 32 secret bytes are."""
    return Ed25519PrivateKey.from_private_bytes(secret)


def key_id(key: Ed25519PublicKey) -> str:
    """16 hexadecimal digits: the beginning of the SHA-256 of its 32 bytes."""
    return hashlib.sha256(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).hexdigest()[:16]


def to_pem(key: Ed25519PublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


def from_pem(text: str) -> Ed25519PublicKey:
    """Raises ValueError for anything but the public key that `assay ledger key` writes."""
    try:
        key = load_pem_public_key(text.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("that is no public key of Ed25519 in PEM: `assay ledger key` writes one")
    return key


def as_line(head: Head) -> str:
    return json.dumps(head.as_json(), sort_keys=True) + "\n"
