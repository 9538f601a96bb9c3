"""Secrets that a home makes for itself."""

import os
import secrets
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

SECRET_BYTES: Final = 32


def secret_of(file: Path) -> bytes:
    """32 random bytes, made when they are first asked for and readable by their owner only.

    Two processes that ask at once get the same. Raises ValueError, with the remedy, for a file of another length:
    with an empty key a keyed digest is a plain one. OSError if the disk fails; then the next call makes it.
    """
    if not file.exists():
        _make(file)
    secret = file.read_bytes()
    if len(secret) != SECRET_BYTES:
        raise ValueError(
            f"{file} holds {len(secret)} bytes, a secret has {SECRET_BYTES}: put the file back from a backup, or "
            "remove it, and a new one is made (what was made with the old one cannot be matched any more)"
        )
    return secret


def _make(file: Path) -> None:
    """Written beside and linked when it is whole and on the disk: a secret that was cut short never has the name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with NamedTemporaryFile(dir=file.parent, prefix=f".{file.name}-") as beside:  # made with mode 0600
        beside.write(secrets.token_bytes(SECRET_BYTES))
        beside.flush()
        os.fsync(beside.fileno())
        try:
            os.link(beside.name, file)
        except FileExistsError:
            return  # another process was first: its secret is the secret
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
