"""Where the features are kept: which engine, whose keys, which registry: read from the environment, at the edges."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit


class Unreachable(ConnectionError, ValueError):  # noqa: N818  # a state of the outside, not a mistake
    """A server that the environment names does not answer; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """`folder` holds the embedded store, the embedded registry and the history of values.

    `redis` (ASSAY_REDIS) puts the online store on Redis, `registry` (ASSAY_REGISTRY, an SQLAlchemy address) the
    registry into PostgreSQL. `project` (ASSAY_PROJECT) begins each key, so that installations can share a server.
    Raises ValueError, naming the variable, for a value that cannot be meant.
    """

    folder: Path
    redis: str | None = None
    registry: str | None = None
    project: str = "assay"

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", self.project):
            raise ValueError("ASSAY_PROJECT must be lower-case letters, digits and _, e.g. assay")
        if self.redis is not None and not self.redis.startswith(("redis://", "rediss://", "unix://")):
            raise ValueError("ASSAY_REDIS must be an address such as redis://127.0.0.1:6379/0; unset it for SQLite")
        # SQLite as an SQL registry fails inside Feast: embedded, the registry is a file.
        if self.registry is not None and not self.registry.startswith("postgresql"):
            raise ValueError("ASSAY_REGISTRY must be postgresql+psycopg://USER@HOST/DATABASE; unset it for a file")

    @classmethod
    def from_environment(cls, folder: Path) -> "Settings":
        told = {name: os.environ.get(f"ASSAY_{name.upper()}") for name in ("redis", "registry", "project")}
        return cls(folder, told["redis"] or None, told["registry"] or None, told["project"] or "assay")

    @property
    def online_file(self) -> Path:
        return self.folder / "online.db"


def without_password(address: str) -> str:
    """An address as it may be shown."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
