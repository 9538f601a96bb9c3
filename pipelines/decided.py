"""The reasons of live decisions, by the period in which their events arrived."""

import json
from collections.abc import Sequence

import polars as pl
from sqlalchemy import select

from features.home import Home
from features.log import Log
from serving.database import has_records, open_records, reading
from serving.records import DECISION
from training.monitoring.periods import Span

Reasons = list[list[str]]
_FIRST = select(DECISION.c.sequence, DECISION.c.reason_codes).where(DECISION.c.revision == 1)


def reasons_decided(home: Home, spans: Sequence[Span]) -> list[Reasons]:
    """Of each span the reason codes of every decision, as it was first taken: what a person changed is not counted.

    A decision is in the span of its event's as-of time; events that the log does not hold yet are left out.
    """
    if not has_records(home):
        return [[] for _ in spans]
    decided = _decisions(home).join(_arrivals(home), on="sequence", how="inner", maintain_order="left")
    times = decided["as_of"].to_numpy()
    return [[json.loads(codes) for codes in decided.filter(span.mask(times))["reason_codes"]] for span in spans]


def _decisions(home: Home) -> pl.DataFrame:
    engine = open_records(home)
    try:
        with reading(engine) as connection:
            rows = [tuple(row) for row in connection.execute(_FIRST)]
    finally:
        engine.dispose()
    return pl.DataFrame(rows, schema={"sequence": pl.Int64, "reason_codes": pl.String}, orient="row")


def _arrivals(home: Home) -> pl.DataFrame:
    return pl.DataFrame(pl.from_arrow(Log(home.log).read(["as_of"])))
