"""From a decision back to the data: the versions that decided, the training, and what it was made from."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import desc, select

from features.home import Home
from pipelines.console import UserError
from pipelines.steps import Steps
from serving.database import open_database, reading
from serving.records import DECISION
from training import registry


@dataclass(frozen=True)
class Lineage:
    """`decision` is the newest revision; `steps` are manifests, the last first, empty for a model made elsewhere.
    `model` is what the registry holds on the version that decided, None where no model did.
    """

    decision: dict[str, Any]
    steps: tuple[dict[str, Any], ...]
    model: registry.Known | None = None


def lineage_of(home: Home, event_id: str) -> Lineage:
    """Raises UserError when the home has no decision on the event."""
    decision = _decision(home, event_id)
    version = str(decision["model_version"])
    known = registry.known_of(int(version), home.tracking_uri) if version.isdigit() else None
    return Lineage(decision, tuple(_steps(home, version)), known)


def _decision(home: Home, event_id: str) -> dict[str, Any]:
    columns = [column for column in DECISION.c if column.name not in ("vector", "contributions")]
    of_event = select(*columns).where(DECISION.c.event_id == event_id).order_by(desc(DECISION.c.revision)).limit(1)
    if not home.records.exists():
        raise UserError(f"{home.root} has decided nothing yet: start it with `assay up` or `assay serve`")
    engine = open_database(home.records)
    try:
        with reading(engine) as connection:
            row = connection.execute(of_event).first()
    finally:
        engine.dispose()
    if row is None:
        raise UserError(f"{home.root} holds no decision on the event {event_id}: check its event_id")
    return row._asdict()


def _steps(home: Home, model_version: str) -> list[dict[str, Any]]:
    if not model_version.isdigit():
        return []  # no model decided: it says so itself
    digest = registry.made_from(int(model_version), home.tracking_uri)
    if not digest:
        return []
    judged = Steps(home.steps).find(digest)
    return [judged, Steps(home.steps).find(judged["inputs"]["trained"])]
