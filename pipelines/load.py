"""Fills a home with a log: simulated, or from somebody's own files."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from features.holdback import hold_back
from features.home import Home
from features.ingest.ingest import IngestReport, ingest
from features.ingest.load import mapping_for
from features.log import Log
from pipelines.console import progress
from training.simulator.simulate import Scenario, Summary, simulate

HELD_BACK: Final = 1000
"""The newest events of a data folder, kept aside to be sent to the running service."""


def load_simulated(home: Home, users: int, days: int, seed: int) -> Summary:
    """Simulate the `days` before today. Live events then carry on from there, on the wall's clock."""
    scenario = Scenario(users=users, days=days, seed=seed, start=_today() - timedelta(days=days))
    with progress("simulate", days) as advance:
        summary = simulate(scenario, home.log, advance)
    _remember(home, {"folder": "simulated", "source": "simulated", "clock": "wall", "target": "fraud", "seed": seed})
    return summary


def load_folder(home: Home, folder: Path) -> IngestReport:
    """Ingest a data folder by its mapping; its newest events are held back for `assay replay`."""
    mapping, files = mapping_for(folder)
    with progress(f"ingest {mapping.name}") as advance:
        report = ingest(mapping, files, home.log, advance)
    last = hold_back(Log(home.log), home.held_back, HELD_BACK)
    source = {
        "folder": folder.resolve().name,
        "source": mapping.name,
        "clock": mapping.clock,
        "target": mapping.target,
        "last_sequence": last,
    }
    _remember(home, source)
    return report


def _today() -> date:
    return datetime.now(UTC).date()


def _remember(home: Home, manifest: dict[str, Any]) -> None:
    half = home.manifest_file.with_suffix(".part")
    half.write_text(json.dumps(manifest, indent=1) + "\n")
    half.rename(home.manifest_file)
