"""From outcomes to labels: what may be said of an event, by whom, and from when on.

A label is True, False or None. None means that nobody can know yet, or ever will; it is never read as False.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import polars as pl
import yaml

Target = Literal["fraud", "reversal"]

TARGETS: Final = ("fraud", "reversal")
MICROS_PER_DAY: Final = 86_400_000_000
# Bad news comes first: by this share of the clean outcomes' delays, an event's silence has been broken.
SETTLED_SHARE: Final = 0.95
SOURCES: Final = frozenset({"disposition", "card_chargeback", "advertiser_reversal", "ban", "clean"})
"""Who speaks of an event: a kind of outcome, or the kind of its reversal."""
_RULES: Final = Path(__file__).with_name("label.yaml")


def default_maturity() -> dict[str, int]:
    """Maturity in microseconds by kind of outcome, from `label.yaml`, where each has its reason."""
    days = yaml.safe_load(_RULES.read_text())["maturity_days"]
    return {kind: round(wait * MICROS_PER_DAY) for kind, wait in days.items()}


def default_precedence() -> tuple[str, ...]:
    """The sources, the most trusted first, from `label.yaml`, where each has its reason."""
    return tuple(yaml.safe_load(_RULES.read_text())["precedence"])


def label_events(
    events: pl.DataFrame,
    outcomes: pl.DataFrame,
    target: Target,
    as_of: int,
    maturity: Mapping[str, int],
    precedence: Sequence[str] | None = None,
) -> pl.Series:
    """One True, False or None for each row of `events` (column `event_id`), in their order, as known at `as_of`.

    `outcomes` has the columns of the event log. `maturity` gives microseconds by kind of outcome: an outcome counts
    from `recorded_at + maturity` on. The most trusted source of `precedence` (left out: that of `label.yaml`) decides,
    and its latest word; a latest word that says nothing (`unsure`) withdraws the earlier one. What a model caused says
    nothing at all. Raises ValueError for an unknown target, a kind of outcome without a maturity, or a precedence that
    does not rank every source once.
    """
    ranked = default_precedence() if precedence is None else tuple(precedence)
    _check(outcomes, target, maturity, ranked)
    matured = outcomes.filter(_matured(as_of, maturity) & ~_by_model())
    votes = matured.select("subject_event_id", "recorded_at", "sequence", _source(ranked), _vote(target))
    latest = votes.sort("recorded_at", "sequence").group_by("subject_event_id", "source").last()
    decided = latest.drop_nulls("label").sort("source").group_by("subject_event_id").first()
    return events.select("event_id").join(
        decided, left_on="event_id", right_on="subject_event_id", how="left", maintain_order="left"
    )["label"]


def settling_times(events: pl.DataFrame, outcomes: pl.DataFrame) -> dict[str, int]:
    """Microseconds after which the outcome of an event can be expected, by kind of event; kinds never clean are absent.

    A fraud is on record within days, innocence only after weeks. Of events younger than this, those which already
    have an outcome are nearly all bad, so a slice that included them would learn a false base rate.
    """
    clean = outcomes.filter(pl.col("kind") == "clean").select("subject_event_id", "recorded_at")
    joined = events.select("event_id", "kind", "as_of").join(clean, left_on="event_id", right_on="subject_event_id")
    delay = (pl.col("recorded_at") - pl.col("as_of")).clip(lower_bound=0)
    waits = joined.group_by("kind").agg(delay.quantile(SETTLED_SHARE, "higher").cast(pl.Int64).alias("wait"))
    return dict(zip(waits["kind"].to_list(), waits["wait"].to_list(), strict=True))


def settled(events: pl.DataFrame, settling: Mapping[str, int], as_of: int) -> pl.Series:
    """Whether each event (columns `kind`, `as_of`) was old enough at `as_of` for its silence to mean something."""
    waits = pl.col("kind").replace_strict(dict(settling), default=0, return_dtype=pl.Int64)
    return events.select((pl.col("as_of") + waits <= as_of).alias("settled"))["settled"]


def _check(outcomes: pl.DataFrame, target: str, maturity: Mapping[str, int], precedence: Sequence[str]) -> None:
    if sorted(precedence) != sorted(SOURCES):
        raise ValueError(f"precedence must rank each of {', '.join(sorted(SOURCES))} once: see training/label.yaml")
    if target not in TARGETS:
        raise ValueError(f"target must be one of {', '.join(TARGETS)}, not {target!r}")
    unknown = sorted(set(outcomes["kind"].unique()) - set(maturity))
    if unknown:
        raise ValueError(f"maturity must be given for every kind of outcome; missing: {', '.join(unknown)}")


def _matured(as_of: int, maturity: Mapping[str, int]) -> pl.Expr:
    wait = pl.col("kind").replace_strict(dict(maturity), default=0, return_dtype=pl.Int64)
    return pl.col("recorded_at") + wait <= as_of


def _by_model() -> pl.Expr:
    return (pl.col("caused_by") == "model").fill_null(value=False)


def _source(precedence: Sequence[str]) -> pl.Expr:
    """The rank of the outcome's source, 0 the most trusted."""
    name = pl.when(pl.col("kind") == "reversal").then(pl.col("reversal_kind")).otherwise(pl.col("kind"))
    ranks = {source: rank for rank, source in enumerate(precedence)}
    # A reversal that does not say of which kind it is comes from a partner.
    last = ranks["advertiser_reversal"]
    return name.replace_strict(ranks, default=last, return_dtype=pl.Int64).alias("source")


def _vote(target: Target) -> pl.Expr:
    kind = pl.col("kind")
    clean = pl.when(kind == "clean").then(pl.lit(value=False))
    if target == "reversal":
        return clean.when(kind == "reversal").then(pl.lit(value=True)).alias("label")
    return (
        clean.when((kind == "reversal") & (pl.col("reason") != "unknown"))
        .then(pl.col("reason") == "fraud")
        .when((kind == "disposition") & pl.col("disposition").is_in(["fraud", "genuine"]))
        .then(pl.col("disposition") == "fraud")
        .when((kind == "ban") & (pl.col("caused_by") == "person"))
        .then(pl.lit(value=True))
        .alias("label")
    )
