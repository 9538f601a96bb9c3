"""Who owns an account, in a form that can be forgotten while the chain stays whole.

The chain covers a digest of `sealed` bytes: the owner encrypted with a key of that owner alone (AES-256-GCM, NIST SP
800-38D; a random nonce for each account). Whoever destroys the key destroys the name, wherever a copy of the sealed
bytes is. They begin with a digest of the key, so that nobody can show another name under another key for them.
"""

import hashlib
import os
import secrets
from collections.abc import Collection
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import BigInteger, Column, Connection, LargeBinary, String, Table, bindparam, delete, insert, select

from serving.database import METADATA

KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_COMMITMENT: Final = b"assay owner: key"

SUBJECT_KEY = Table(
    "subject_key",
    METADATA,
    Column("owner", String(128), primary_key=True),
    Column("key", LargeBinary(KEY_BYTES), nullable=False),
    Column("made_at", BigInteger, nullable=False),
)
"""The key of each owner. A backup that leaves this table out can be kept for ever."""

_KEYS: Final = select(SUBJECT_KEY).where(SUBJECT_KEY.c.owner.in_(bindparam("owners", expanding=True)))
_KEEP: Final = insert(SUBJECT_KEY)
_DESTROY: Final = delete(SUBJECT_KEY).where(SUBJECT_KEY.c.owner == bindparam("owner"))


def keys(connection: Connection, owners: Collection[str]) -> dict[str, bytes]:
    """The keys of those owners that have one."""
    return {row.owner: bytes(row.key) for row in connection.execute(_KEYS, {"owners": list(owners)})}


def keys_made(connection: Connection, owners: Collection[str], now: int) -> dict[str, bytes]:
    """The key of each owner, made where there is none. Two writers at once wait for each other at the chain's head."""
    known = keys(connection, owners)
    made = {owner: secrets.token_bytes(KEY_BYTES) for owner in owners if owner not in known}
    if made:
        connection.execute(_KEEP, [{"owner": owner, "key": key, "made_at": now} for owner, key in made.items()])
    return known | made


def destroy(connection: Connection, owner: str) -> None:
    connection.execute(_DESTROY, {"owner": owner})


def sealed(owner: str, key: bytes) -> bytes:
    nonce = os.urandom(_NONCE_BYTES)
    return _committed(key) + nonce + AESGCM(key).encrypt(nonce, owner.encode(), None)


def opened(seal: bytes, key: bytes) -> str | None:
    """The inverse of `sealed`; None for another key, or for bytes that were changed."""
    commitment, nonce, ciphertext = seal[:32], seal[32 : 32 + _NONCE_BYTES], seal[32 + _NONCE_BYTES :]
    if commitment != _committed(key) or len(ciphertext) < 16:
        return None
    try:
        return AESGCM(key).decrypt(nonce, ciphertext, None).decode()
    except InvalidTag:
        return None


def digest(seal: bytes) -> bytes:
    """What the chain covers."""
    return hashlib.sha256(seal).digest()


def _committed(key: bytes) -> bytes:
    return hashlib.sha256(_COMMITMENT + key).digest()
