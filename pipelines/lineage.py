"""From a decision back to the data: the versions that decided, the training, and what it was made from."""

import json
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from features.home import Home
from pipelines.console import UserError
from pipelines.steps import Steps
from serving.database import has_records, open_records, reading
from serving.ledger.waits import find_wait
from serving.records import DECISION, EVENT
from training import registry


@dataclass(frozen=True)
class Answered:
    """A person's disposition on an event: the outcome that told it, and when it was recorded, in microseconds."""

    outcome_id: str
    disposition: str
    recorded_at: int


@dataclass(frozen=True)
class Lineage:
    """`decision` is the newest revision; `steps` are manifests, the last first, empty for a model made elsewhere.
    `model` is what the registry holds on the version that decided, None where no model did. `first` is the revision
    that it decided, where a person revised it, and `answers` are the dispositions that people gave, oldest first.
    `wait` is the row of `reward_wait`: by what the reward's wait was decided; None where nothing was credited.
    """

    decision: dict[str, Any]
    steps: tuple[dict[str, Any], ...]
    model: registry.Known | None = None
    first: dict[str, Any] | None = None
    answers: tuple[Answered, ...] = ()
    wait: dict[str, Any] | None = None


def lineage_of(home: Home, event_id: str) -> Lineage:
    """Raises UserError when the home has no decision on the event."""
    revisions, answers, wait = _decided(home, event_id)
    decision, first = revisions[-1], revisions[0]
    version = str(decision["model_version"])
    known = registry.known_of(int(version), home.tracking_uri) if version.isdigit() else None
    revised = first if len(revisions) > 1 else None
    return Lineage(decision, tuple(_steps(home, version)), known, revised, answers, wait)


def _decided(home: Home, event_id: str) -> tuple[list[dict[str, Any]], tuple[Answered, ...], dict[str, Any] | None]:
    """Every revision of the decision, oldest first, what people answered, and by what the reward waits."""
    columns = [column for column in DECISION.c if column.name not in ("vector", "contributions")]
    of_event = select(*columns).where(DECISION.c.event_id == event_id).order_by(DECISION.c.revision)
    spoken = select(EVENT.c.body, EVENT.c.recorded_at).where(EVENT.c.subject_event_id == event_id)
    if not has_records(home):
        raise UserError(f"{home.root} has decided nothing yet: start it with `assay up` or `assay serve`")
    engine = open_records(home)
    try:
        with reading(engine) as connection:
            rows = connection.execute(of_event).all()
            said = [(json.loads(row.body), row.recorded_at) for row in connection.execute(spoken.order_by("sequence"))]
            wait = find_wait(connection, event_id)
    finally:
        engine.dispose()
    if not rows:
        raise UserError(f"{home.root} holds no decision on the event {event_id}: check its event_id")
    answers = (Answered(body["event_id"], body["disposition"], at) for body, at in said if body.get("disposition"))
    return [row._asdict() for row in rows], tuple(answers), None if wait is None else wait._asdict()


def _steps(home: Home, model_version: str) -> list[dict[str, Any]]:
    if not model_version.isdigit():
        return []  # no model decided: it says so itself
    digest = registry.made_from(int(model_version), home.tracking_uri)
    if not digest:
        return []
    judged = Steps(home.steps).find(digest)
    return [judged, Steps(home.steps).find(judged["inputs"]["trained"])]
