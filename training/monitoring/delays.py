"""How long outcomes take to arrive, by kind, and whether they still arrive: late labels make every figure old."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import polars as pl

from training.labels import MICROS_PER_DAY
from training.monitoring.findings import Check, Finding, unmeasured
from training.monitoring.limits import Limits
from training.monitoring.periods import Periods, Span

# By then nearly all outcomes of an event have arrived, so nothing is missing for want of time.
_ARRIVED_SHARE: Final = 0.99


@dataclass(frozen=True)
class Wait:
    """Of `outcomes` recorded in a period: days from the event to the record. NaN without any; `days` it lasted."""

    outcomes: int
    middle: float
    ninetieth: float
    days: float


@dataclass(frozen=True)
class Delay:
    """`before` leaves out the log's beginning, when only quick outcomes could have arrived."""

    kind: str
    before: Wait
    recent: Wait

    @property
    def awaited(self) -> float:
        """How many the recent period would have at the rate of before."""
        return self.before.outcomes * self.recent.days / self.before.days if self.before.days else 0.0


def delays_of(events: pl.DataFrame, outcomes: pl.DataFrame, periods: Periods) -> list[Delay]:
    """One for each kind of outcome, by name. What a model caused is left out: it follows from our own decisions."""
    said = outcomes.filter((pl.col("caused_by") != "model").fill_null(value=True))
    happened = events.select("event_id", pl.col("as_of").alias("happened"))
    joined = said.join(happened, left_on="subject_event_id", right_on="event_id")
    waits = joined.select("kind", "recorded_at", (pl.col("recorded_at") - pl.col("happened")).clip(0).alias("wait"))
    first = events["as_of"].min()
    parts = waits.partition_by("kind", as_dict=True, maintain_order=True)
    return [_delay(str(kind), rows, periods, first) for (kind,), rows in sorted(parts.items())]


def _delay(kind: str, rows: pl.DataFrame, periods: Periods, first: object) -> Delay:
    assert isinstance(first, int), "an outcome was joined to an event"
    longest = int(rows["wait"].quantile(_ARRIVED_SHARE, "higher") or 0)
    start = max(periods.reference.start, first + longest)
    return Delay(kind, _wait(rows, Span(start, periods.reference.before)), _wait(rows, periods.recent))


def _wait(rows: pl.DataFrame, span: Span) -> Wait:
    days = rows.filter(span.mask(rows["recorded_at"].to_numpy()))["wait"] / MICROS_PER_DAY
    if days.is_empty():
        return Wait(0, float("nan"), float("nan"), span.days)
    return Wait(len(days), _quantile(days, 0.5), _quantile(days, 0.9), span.days)


def _quantile(days: pl.Series, share: float) -> float:
    return float(days.quantile(share, "linear") or 0.0)


def of_delays(delays: Sequence[Delay], limits: Limits) -> list[Finding]:
    """Of each kind of outcome: the middle delay, the ninetieth of a hundred, and whether it still arrives."""
    if not delays:
        return [unmeasured(Check.DELAY, "all", "No outcome is on record yet: send them to `POST /v1/outcomes`.")]
    return [finding for one in delays for finding in _of_kind(one, limits)]


def _of_kind(delay: Delay, limits: Limits) -> list[Finding]:
    before, recent = delay.before, delay.recent
    if before.outcomes < limits.outcomes_min:
        why = f"Too few outcomes of the kind {delay.kind} before: {before.outcomes}, once the log was old enough."
        return [unmeasured(Check.DELAY, delay.kind, why)]
    arrival = _arrival(delay, limits)
    if recent.outcomes < limits.outcomes_min:
        return [arrival]
    quantiles = (
        ("median", "half", before.middle, recent.middle),
        ("p90", "nine of ten", before.ninetieth, recent.ninetieth),
    )
    return [arrival, *(_longer(delay, *one, limits) for one in quantiles)]


def _arrival(delay: Delay, limits: Limits) -> Finding:
    limit, count = limits.arrival_share_min * delay.awaited, delay.recent.outcomes
    stands = delay.awaited >= limits.outcomes_min and count < limit
    sentence = f"{count:,} outcomes of the kind {delay.kind} arrived; as before it would be {delay.awaited:,.0f}."
    return Finding(Check.DELAY, f"{delay.kind}_outcomes", float(count), limit, stands, sentence)


def _longer(delay: Delay, name: str, said: str, before: float, recent: float, limits: Limits) -> Finding:
    limit = max(limits.delay_ratio_max * before, before + limits.delay_days_min)
    sentence = (
        f"{said} of the outcomes of the kind {delay.kind} arrive within {recent:.1f} days, before {before:.1f}; alert "
        f"from {limit:.1f} on."
    )
    sentence = sentence[0].upper() + sentence[1:]
    return Finding(Check.DELAY, f"{delay.kind}_days_{name}", recent, limit, recent >= limit, sentence)
