"""What tests of the service share: model folders in the format of training that answer what a test wants."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from features.vector import FEATURES, VERSION

WriteModel = Callable[..., Path]


@pytest.fixture(scope="session")
def write_model() -> WriteModel:
    """Writes a folder whose heads have no parts: each gives everything the one probability that its keyword says."""

    def write(folder: Path, signature: dict[str, Any] | None = None, **probabilities: float) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        heads = {name: {"intercept": math.log(p / (1 - p)), "weights": {}} for name, p in probabilities.items()}
        shared = {"withdrawal": {"shared_with": "event"}} if "event" in heads else {}
        (folder / "heads.json").write_text(json.dumps(shared | heads))
        target = "fraud" if "event" in heads else "reversal"
        described = {"features": FEATURES, "parts": {}, "features_version": VERSION, "target": target}
        (folder / "signature.json").write_text(json.dumps(described | (signature or {})))
        return folder

    return write
