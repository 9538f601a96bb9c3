"""Champion and shadow on the same live decisions: where they agree, and how well each tells who is bad."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import polars as pl
from sqlalchemy import Connection, select

from features.events import OutcomeKind
from features.frame import OUTCOME_COLUMNS, outcomes_of
from features.home import Home
from features.log import Log, is_outcome, recorded_now
from pipelines.console import UserError
from serving.database import has_records, open_records, reading
from serving.knowledge import Clock, rows_of
from serving.records import DECISION, recorded_after
from serving.shadow import SHADOW_SCORE
from training.estimates import Estimate, unknown
from training.evaluate import Bootstrap, Scored, evaluate
from training.labels import default_maturity, label_events

BOOTSTRAP: Final = Bootstrap(resamples=200)
_SHADOWED: Final = (
    select(
        DECISION.c.event_id,
        DECISION.c.user_id,
        DECISION.c.model_version,
        DECISION.c.action,
        DECISION.c.score,
        SHADOW_SCORE.c.action.label("would_be"),
        SHADOW_SCORE.c.score.label("shadow_score"),
    )
    .join(SHADOW_SCORE, SHADOW_SCORE.c.decision_id == DECISION.c.decision_id)
    .where(DECISION.c.revision == 1)
    .order_by(DECISION.c.sequence)
)
_VERSIONS: Final = select(SHADOW_SCORE.c.model_version).order_by(SHADOW_SCORE.c.sequence.desc()).limit(1)


@dataclass(frozen=True)
class Agreement:
    """`actions` counts decisions by (what was done, what the shadow would have done).

    `difference_mean` is the shadow's score less the champion's, None where no champion scored. The areas under the
    curve are of the `labelled` decisions, whose outcome had matured; declined ones rarely have any.
    """

    version: str
    champions: tuple[str, ...]
    actions: Counter[tuple[str, str]]
    difference_mean: float | None
    labelled: int
    positives: int
    auc_champion: Estimate
    auc_shadow: Estimate

    @property
    def decisions(self) -> int:
        return self.actions.total()

    @property
    def agreed(self) -> int:
        return sum(count for (action, would_be), count in self.actions.items() if action == would_be)


def report(home: Home, version: str | None = None) -> Agreement:
    """What `version` (left out: the shadow that scored last) made of live decisions.

    Raises UserError where it scored none.
    """
    if not has_records(home):
        raise _nothing(version)
    engine = open_records(home)
    try:
        with reading(engine) as connection:
            chosen = version or connection.scalar(_VERSIONS)
            rows = connection.execute(_SHADOWED.where(SHADOW_SCORE.c.model_version == chosen)).all()
            if not rows:
                raise _nothing(version)
            return _agreement(str(chosen), rows, _labels(home, connection, rows))
    finally:
        engine.dispose()


def _nothing(version: str | None) -> UserError:
    who = "no shadow has scored any" if version is None else f"version {version} has scored no"
    return UserError(f"{who} live decision: name one with `assay promote VERSION --shadow` and let traffic flow")


def _agreement(version: str, rows: Sequence[Any], labels: pl.Series) -> Agreement:
    table = pl.DataFrame([row._asdict() for row in rows], infer_schema_length=None)
    gaps = (table["shadow_score"] - table["score"].cast(pl.Float64)).drop_nulls()
    known = table.with_columns(labels.alias("label")).drop_nulls(["label", "score"])
    positives = int(known["label"].sum())
    return Agreement(
        version=version,
        champions=tuple(table["model_version"].unique(maintain_order=True)),
        actions=Counter(zip(table["action"], table["would_be"], strict=True)),
        difference_mean=float(np.mean(gaps.to_numpy())) if len(gaps) else None,
        labelled=len(known),
        positives=positives,
        auc_champion=_area(known, "score"),
        auc_shadow=_area(known, "shadow_score"),
    )


def _area(known: pl.DataFrame, score: str) -> Estimate:
    """Decisions on one person are resampled together."""
    if known.is_empty():
        return unknown("no outcome of these decisions has matured")
    person = pl.coalesce(pl.col("user_id"), pl.lit("event ") + pl.col("event_id"))
    codes = known.select(person.rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    labels, scores = (known[name].cast(pl.Float64).to_numpy() for name in ("label", score))
    return evaluate(Scored.of(labels, scores, codes), BOOTSTRAP)["auc"]


def _labels(home: Home, connection: Connection, rows: Sequence[Any]) -> pl.Series:
    """What is known of each decision's event by now, by the rules that training labels by."""
    log = Log(home.log)
    last, _ = log.last()
    recorded = [row for row in rows_of(recorded_after(connection, last)) if is_outcome(row)]
    outcomes = pl.concat([outcomes_of(log), _table(recorded)], how="diagonal_relaxed")
    events = pl.DataFrame({"event_id": [row.event_id for row in rows]})
    is_live = home.manifest.get("clock", Clock.WALL) == Clock.WALL
    newest = outcomes["recorded_at"].max()
    as_of = recorded_now() if is_live else int(str(newest or 0))
    maturity = default_maturity() if is_live else {str(kind): 0 for kind in OutcomeKind}
    return label_events(events, outcomes, home.manifest.get("target", "fraud"), as_of, maturity)


def _table(recorded: list[Any]) -> pl.DataFrame:
    columns = ["sequence", *OUTCOME_COLUMNS]
    numbers = {"sequence", "event_time", "recorded_at", "amount_micros"}
    schema = {name: pl.Int64 if name in numbers else pl.String for name in columns}
    return pl.DataFrame([{name: row[name] for name in columns} for row in recorded], schema=schema)
