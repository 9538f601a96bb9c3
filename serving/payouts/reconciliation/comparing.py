"""Our payments against the lines that speak of them: what agrees, and what does not with its likely cause."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import polars as pl

from serving.payouts.reconciliation.causes import Cause, Side
from serving.payouts.reconciliation.matching import assigned, once_each
from serving.payouts.reconciliation.rates import Rate, converted, is_near
from serving.payouts.reconciliation.rows import LineState, Standing, breaks_of

DAY: Final = 24 * 3_600 * 1_000_000


@dataclass(frozen=True, slots=True)
class Terms:
    """`patience_micros`: how far apart the two dates of one movement may lie. `covered`: the periods of statements."""

    side: Side
    patience_micros: int
    covered: Sequence[tuple[int, int]]
    rates: Sequence[Rate] = ()
    tolerance_ppm: int = 0

    @property
    def periods(self) -> list[tuple[int, int]]:
        """Joined where nothing but a night without movements lies between two statements."""
        joined: list[tuple[int, int]] = []
        for since, until in sorted(self.covered):
            if joined and since <= joined[-1][1] + DAY:
                joined[-1] = joined[-1][0], max(until, joined[-1][1])
            else:
                joined.append((since, until))
        assert all(one[1] < other[0] for one, other in pairwise(joined)), "periods are apart and in order"
        return joined


@dataclass(frozen=True, slots=True)
class Compared:
    """`judged`: a row for each payment of ours with `cause` (None: nothing is wrong) and `agrees` (it was paid, and as
    it should be).
    """

    breaks: pl.DataFrame
    judged: pl.DataFrame


def compare(lines: pl.DataFrame, ours: pl.DataFrame, terms: Terms) -> Compared:
    """`lines` (LINES) of all statements of one party, `ours` (OURS) of the same."""
    single, repeated = once_each(lines, terms.side)
    found = assigned(single, ours, terms.patience_micros)
    judged = _judged(_ours_by_id(ours), _lines_by_id(found), terms)
    broken = judged.filter(pl.col("cause").is_not_null())
    parts = [_of_payments(broken, terms), _of_strangers(found, terms.side), _of_repeated(repeated)]
    return Compared(pl.concat(parts), judged)


def _ours_by_id(ours: pl.DataFrame) -> pl.DataFrame:
    amount = pl.col("amount_micros").cast(pl.Int128)
    is_due, is_open = (pl.col("standing") == one for one in (Standing.DUE, Standing.OPEN))
    is_returned = pl.col("standing") == Standing.RETURNED
    grouped = ours.group_by("id", maintain_order=True).agg(
        is_due.sum().alias("due_count"),
        is_open.any().alias("any_open"),
        is_returned.any().alias("any_returned"),
        amount.filter(is_due).sum().alias("due"),
        amount.max().alias("largest"),
        pl.col("currency").first(),
        pl.col("key").last().alias("key"),
        pl.col("reference").last().alias("our_reference"),
        pl.col("at").max(),
    )
    standing = (
        pl.when(pl.col("due_count") > 0)
        .then(pl.lit(Standing.DUE))
        .when("any_open")
        .then(pl.lit(Standing.OPEN))
        .when("any_returned")
        .then(pl.lit(Standing.RETURNED))
        .otherwise(pl.lit(Standing.REFUSED))
    )
    expected = pl.when(pl.col("due_count") > 0).then("due").otherwise("largest")
    return grouped.with_columns(standing.alias("standing"), expected.alias("expected"))


def _lines_by_id(lines: pl.DataFrame) -> pl.DataFrame:
    amount = pl.col("amount_micros").cast(pl.Int128)
    counts = [(pl.col("state") == one).sum().alias(f"{one}_count") for one in LineState]
    paid, returned = (pl.col("state") == one for one in (LineState.PAID, LineState.RETURNED))
    return (
        lines.filter(pl.col("id").is_not_null())
        .group_by("id")
        .agg(
            *counts,
            (amount.filter(paid).sum() - amount.filter(returned).sum()).clip(lower_bound=0).alias("net"),
            pl.col("fee_micros").filter(paid).cast(pl.Int128).sum().alias("fee"),
            pl.col("currency").n_unique().alias("currencies"),
            pl.col("currency").first().alias("their_currency"),
            pl.col("reference", "statement", "row").last(),
        )
    )


def _judged(ours: pl.DataFrame, lines: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    counts = [f"{one}_count" for one in LineState]
    joined = ours.join(lines, on="id", how="left", maintain_order="left").with_columns(
        pl.col(*counts, "net", "fee").fill_null(0),
        pl.col("statement").is_not_null().alias("seen"),
        pl.coalesce("reference", "our_reference").alias("reference"),
        _within(terms).alias("covered"),
        _at_the_edge(terms).alias("edge"),
    )
    by_standing = (
        pl.when(pl.col("standing") == Standing.DUE)
        .then(_cause_of_due(terms))
        .when(pl.col("standing") == Standing.OPEN)
        .then(_cause_of_open(terms))
        .otherwise(_cause_of_void())
    )
    judged = joined.with_columns(by_standing.alias("cause"))
    agrees = (pl.col("standing") == Standing.DUE) & (pl.col("net") > 0) & pl.col("cause").is_null()
    return judged.with_columns(agrees.alias("agrees"))


def _within(terms: Terms) -> pl.Expr:
    inside = [pl.col("at").is_between(since, until) for since, until in terms.periods]
    return pl.any_horizontal(*inside) if inside else pl.lit(value=False)


def _at_the_edge(terms: Terms) -> pl.Expr:
    """So close to the first or the last instant covered that the line may be on a statement that we do not have."""
    if not terms.periods:
        return pl.lit(value=True)
    first, last = terms.periods[0][0], terms.periods[-1][1]
    return (pl.col("at") < first + terms.patience_micros) | (pl.col("at") > last - terms.patience_micros)


def _cause_of_due(terms: Terms) -> pl.Expr:
    missing = Cause.UNPAID if terms.side is Side.PARTNER else Cause.UNKNOWN_TO_THEM
    nothing_paid = pl.col("paid_count") == 0
    came_back = (pl.col("returned_count") > 0) & (pl.col("net") == 0)
    return (
        pl.when(~pl.col("seen") & ~pl.col("covered"))
        .then(None)
        .when(~pl.col("seen") & pl.col("edge"))
        .then(pl.lit(Cause.TIMING))
        .when(~pl.col("seen"))
        .then(pl.lit(missing))
        .when(came_back)
        .then(pl.lit(Cause.RETURNED_LATER))
        .when(nothing_paid & (pl.col("refused_count") > 0))
        .then(pl.lit(Cause.REFUSED_THERE))
        .when(nothing_paid & pl.col("edge"))
        .then(pl.lit(Cause.TIMING))
        .when(nothing_paid)
        .then(pl.lit(Cause.PENDING_THERE))
        .otherwise(_cause_of_paid(terms, None))
    )


def _cause_of_open(terms: Terms) -> pl.Expr:
    is_over = (pl.col("refused_count") + pl.col("returned_count") > 0) & (pl.col("net") == 0)
    return (
        pl.when(is_over)
        .then(pl.lit(Cause.REFUSED_THERE))
        .when(pl.col("net") == 0)
        .then(None)
        .otherwise(_cause_of_paid(terms, Cause.SETTLED_UNRECORDED))
    )


def _cause_of_void() -> pl.Expr:
    """A return that our book knows may be on the next statement; what was refused must never be paid."""
    waits = (pl.col("standing") == Standing.RETURNED) & (pl.col("edge") | ~pl.col("covered"))
    return (
        pl.when(pl.col("net") == 0)
        .then(None)
        .when(waits)
        .then(pl.lit(Cause.TIMING))
        .otherwise(pl.lit(Cause.GIVEN_BACK_BUT_PAID))
    )


def _cause_of_paid(terms: Terms, agreed: Cause | None) -> pl.Expr:
    """`agreed`: the cause that remains when the amounts agree."""
    ordered = pl.max_horizontal("due_count", pl.lit(1))
    one_currency = (pl.col("currencies") == 1) & (pl.col("currency") == pl.col("their_currency"))
    more_often = pl.col("paid_count").cast(pl.Int64) - pl.col("returned_count").cast(pl.Int64) > ordered
    apart = (pl.col("net") - pl.col("expected")).abs()
    return (
        pl.when(more_often & (~one_currency | (pl.col("net") > pl.col("expected"))))
        .then(pl.lit(Cause.PAID_TWICE))
        .when(~one_currency & ((pl.col("currencies") > 1) | ~is_near(terms.rates, terms.tolerance_ppm)))
        .then(pl.lit(Cause.EXCHANGE_RATE))
        .when(~one_currency | (apart == 0))
        .then(pl.lit(agreed, pl.String))
        .when(apart == pl.col("fee"))
        .then(pl.lit(Cause.FEE))
        .when((ordered > pl.col("paid_count")) & (pl.col("net") * ordered == pl.col("expected") * pl.col("paid_count")))
        .then(pl.lit(Cause.RECORDED_TWICE))
        .otherwise(pl.lit(Cause.AMOUNT))
    )


def _of_payments(broken: pl.DataFrame, terms: Terms) -> pl.DataFrame:
    is_void = pl.col("standing").is_in([Standing.RETURNED, Standing.REFUSED])
    ours = pl.when(is_void).then(pl.lit(0, pl.Int128)).otherwise(pl.col("expected"))
    worth, denominator = converted(terms.rates)
    same = pl.col("their_currency").fill_null(pl.col("currency")) == pl.col("currency")
    # A sum over two currencies means nothing.
    net = pl.when(pl.col("currencies").fill_null(0) < 2).then(pl.col("net"))
    difference = pl.when(same).then(net - ours).otherwise(net - worth // denominator)
    return breaks_of(
        broken.with_columns(
            ("payment:" + pl.col("id")).alias("subject"),
            ours.alias("ours_micros"),
            net.alias("theirs_micros"),
            difference.alias("difference_micros"),
            pl.col("at").alias("opened_at"),
        )
    )


def _of_strangers(lines: pl.DataFrame, side: Side) -> pl.DataFrame:
    """Lines of no payment of ours, those of one key together; what was refused moved nothing."""
    place = pl.concat_str(pl.col("statement"), pl.lit("#"), pl.col("row").cast(pl.String))
    strange = lines.filter(pl.col("id").is_null() & (pl.col("state") != LineState.REFUSED))
    named = strange.with_columns(("line:" + pl.coalesce("key", "original", "reference", place)).alias("subject"))
    amount = pl.col("amount_micros")
    signed = pl.when(pl.col("state") == LineState.RETURNED).then(-amount).otherwise(amount).cast(pl.Int128)
    cause = Cause.UNREPORTED if side is Side.PARTNER else Cause.UNKNOWN_TO_US
    return breaks_of(
        named.group_by("subject", "currency", maintain_order=True)
        .agg(
            signed.sum().alias("theirs_micros"),
            signed.sum().alias("difference_micros"),
            pl.col("occurred_at").min().alias("opened_at"),
            pl.col("key", "reference", "statement", "row").first(),
        )
        .with_columns(pl.lit(cause).alias("cause"), pl.col("currency").alias("their_currency"))
    )


def _of_repeated(repeated: pl.DataFrame) -> pl.DataFrame:
    name = pl.coalesce("reference", "key")
    return breaks_of(
        repeated.with_columns(pl.concat_str(pl.lit("row:"), name, pl.lit("/"), pl.col("state")).alias("subject"))
        .group_by("subject", "currency", maintain_order=True)
        .agg(
            pl.col("amount_micros").cast(pl.Int128).sum().alias("theirs_micros"),
            pl.col("amount_micros").cast(pl.Int128).sum().alias("difference_micros"),
            pl.col("occurred_at").min().alias("opened_at"),
            pl.col("key", "reference", "statement", "row").first(),
        )
        .with_columns(pl.lit(Cause.DUPLICATED_ROW).alias("cause"), pl.col("currency").alias("their_currency"))
    )
