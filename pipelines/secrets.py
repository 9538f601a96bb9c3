"""Secrets that a home makes for itself."""

import os
import secrets
from pathlib import Path


def secret_of(file: Path) -> bytes:
    """32 random bytes, made when they are first asked for and readable by their owner only."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as opened:
            opened.write(secrets.token_bytes(32))
    return file.read_bytes()
