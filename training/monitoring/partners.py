"""Partners that take back more than their traffic explains, of the events that settled in the recent period.

What a partner always took back more than others is its terms or its habit, and was news once. An alert is one whose
excess is new: beyond its own before, or of a partner that had hardly any events before.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl
from scipy.stats import binom

from training.labels import settled
from training.monitoring.findings import Check, Finding, unmeasured
from training.monitoring.periods import Span
from training.scrubbing import ERROR_MAX, EVENTS_MIN, RATIO_MIN, Partner

# Where nothing is expected, half an event is: a ratio stays a number.
_EXPECTED_MIN = 0.5


@dataclass(frozen=True)
class Excess:
    """One partner in the recent period, and in the reference, None with too few events there.

    `p` is of an excess as large as before, one-sided, over all partners; 1 without a before.
    """

    recent: Partner
    before: Partner | None
    p: float

    @property
    def growth(self) -> float | None:
        """The ratio of observed to expected over that of before."""
        return None if self.before is None else ratio_of(self.recent) / max(ratio_of(self.before), 1.0)

    @property
    def is_new(self) -> bool:
        return self.growth is None or (self.growth >= RATIO_MIN and self.p <= ERROR_MAX)


def ratio_of(partner: Partner) -> float:
    """Reversals observed over expected, always finite."""
    return partner.reversed / max(partner.expected, _EXPECTED_MIN)


def excesses_of(recent: Sequence[Partner], before: Sequence[Partner]) -> list[Excess]:
    """Partners of the recent period, in its order; both as of `training.scrubbing.partners`."""
    known = {one.partner_id: one for one in before}
    return [_excess(one, known.get(one.partner_id), len(recent)) for one in recent]


def _excess(recent: Partner, before: Partner | None, partners: int) -> Excess:
    """Given all reversals of both periods, as many are recent as are expected there (Przyborowski, Wilenski 1940)."""
    if before is None:
        return Excess(recent, None, 1.0)
    # A partner that took back less than others may take back as much as they do.
    usual = max(ratio_of(before), 1.0) * before.expected
    expected = max(recent.expected, _EXPECTED_MIN)
    share = expected / (expected + max(before.expected, _EXPECTED_MIN))
    p = float(binom.sf(recent.reversed - 1, recent.reversed + round(usual), share))
    return Excess(recent, before, min(1.0, p * partners))


def settled_within(events: pl.DataFrame, settling: Mapping[str, int], span: Span) -> pl.Series:
    """Which events (`kind`, `as_of`) became old enough within `span`; only kinds that ever settle."""
    by_end, by_start = (settled(events, settling, at) for at in (span.before - 1, span.start - 1))
    return by_end & ~by_start & events["kind"].is_in(list(settling))


def taken_back(events: pl.DataFrame, outcomes: pl.DataFrame) -> pl.Series:
    """Whether each event (`event_id`) was reversed for a reason other than fraud, or for none."""
    other = outcomes.filter((pl.col("kind") == "reversal") & (pl.col("reason") != "fraud").fill_null(value=True))
    return events["event_id"].is_in(other["subject_event_id"].drop_nulls().implode()).alias("reversed")


def of_partners(found: Sequence[Excess], settled_events: int) -> list[Finding]:
    """One finding a partner, the worst first."""
    if not found:
        why = (
            f"No partner has {EVENTS_MIN} events that settled in the recent period, with as many comparable ones of "
            f"others: {settled_events:,} settled."
        )
        return [unmeasured(Check.PARTNERS, "all", why)]
    return [_judged(one) for one in found]


def _judged(one: Excess) -> Finding:
    recent, before = one.recent, one.before
    earlier = (
        "hardly any events" if before is None else f"{before.reversed:,} where {before.expected:.1f} were expected"
    )
    verdict = "" if not recent.stands_out else " This is new." if one.is_new else " It did so before: its terms?"
    sentence = (
        f"{recent.partner_id} took back {recent.reversed:,} of {recent.events:,} settled events for reasons other than "
        f"fraud; comparable traffic of others lets expect {recent.expected:.1f}. Before: {earlier}.{verdict}"
    )
    stands = recent.stands_out and one.is_new
    return Finding(Check.PARTNERS, recent.partner_id, ratio_of(recent), RATIO_MIN, stands, sentence)
