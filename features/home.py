"""Where state lives: everything under `ASSAY_HOME` (default `var/`), so that one folder is a whole installation."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Home:
    root: Path

    @classmethod
    def from_environment(cls) -> "Home":
        return cls(Path(os.environ.get("ASSAY_HOME", "var")).resolve())

    @property
    def log(self) -> Path:
        """The event log: what was ingested, simulated or exported from the service."""
        return self.root / "log"

    @property
    def held_back(self) -> Path:
        """The newest events of somebody's own data, kept aside to be sent to the running service."""
        return self.root / "held-back"

    @property
    def features(self) -> Path:
        """Vectors, entity snapshots, and Feast's registry and online store."""
        return self.root / "features"

    @property
    def steps(self) -> Path:
        """What retraining made on its way, each result under a digest of what it was made from."""
        return self.root / "steps"

    @property
    def mlflow(self) -> Path:
        return self.root / "mlflow"

    @property
    def tracking_uri(self) -> str:
        return f"sqlite:///{self.mlflow / 'mlflow.db'}"

    @property
    def records(self) -> Path:
        """Decisions, offers, cases and the book."""
        return self.root / "records.db"

    @property
    def manifest_file(self) -> Path:
        return self.root / "source.json"

    @property
    def manifest(self) -> dict[str, Any]:
        """Where the log came from and on which clock it runs; empty before anything was loaded."""
        return json.loads(self.manifest_file.read_text()) if self.manifest_file.exists() else {}
