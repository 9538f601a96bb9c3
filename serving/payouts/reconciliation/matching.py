"""Which line of a statement speaks of which of our payments: by our key, by their reference, by amount and date."""

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import polars as pl

from serving.payouts.reconciliation.causes import Side
from serving.payouts.reconciliation.rows import LineState, Standing

_SAME = ["key", "reference", "original", "state", "amount_micros", "currency", "fee_micros", "occurred_at"]
_SAME_REFERENCE = ["reference", "state", "amount_micros", "currency"]


def once_each(lines: pl.DataFrame, side: Side) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Each movement once, and the rows by which a single file repeats one.

    Statements overlap: a line that two of them show is one line. A file that shows their own reference twice repeats a
    row. Without a reference a provider's equal rows count as two payments (to hide one would be worse), and a
    partner's, which name the same transaction, as one.
    """
    name = pl.coalesce("reference", "key")
    is_alone = name.is_not_null() & ~name.is_duplicated()
    alone, shared = lines.filter(is_alone), lines.filter(~is_alone)
    kept, repeated = _of_shared(shared, side)
    return pl.concat([alone, kept]), repeated


def _of_shared(lines: pl.DataFrame, side: Side) -> tuple[pl.DataFrame, pl.DataFrame]:
    named = pl.col("reference").is_not_null()
    is_told_apart = named | pl.col("key").is_not_null() if side is Side.PARTNER else named
    by_reference = lines.filter(named)
    others = lines.filter(~named)
    parts = [_copies(by_reference, _SAME_REFERENCE), _copies(others, _SAME)]
    counted = pl.concat(parts).with_columns(is_told_apart.alias("told_apart"))
    repeated = counted.filter((pl.col("copy") > 0) & pl.col("told_apart"))
    kept = counted.filter((pl.col("copy") == 0) | ~pl.col("told_apart"))
    first = [
        kept.filter(named).unique(_SAME_REFERENCE, keep="first", maintain_order=True),
        kept.filter(~named).unique([*_SAME, "copy"], keep="first", maintain_order=True),
    ]
    return pl.concat(first).select(lines.columns), repeated.select(lines.columns)


def _copies(lines: pl.DataFrame, same: list[str]) -> pl.DataFrame:
    """How many equal rows the same file showed before."""
    return lines.with_columns(pl.int_range(pl.len()).over(["statement", *same]).alias("copy"))


def assigned(lines: pl.DataFrame, ours: pl.DataFrame, near_micros: int) -> pl.DataFrame:
    """`lines` with the `id` of the payment they speak of, None where there is none, and `by`, how it was found.

    By amount and date go only lines that name no key, and only to payments that no line names.
    """
    keys = ours.select("key", "id").drop_nulls().unique("key", keep="first", maintain_order=True)
    by_key = lines.join(keys, on="key", how="left", maintain_order="left")
    known = by_key.filter(pl.col("id").is_not_null()).with_columns(pl.lit("key").alias("by"))
    rest = _by_reference(by_key.filter(pl.col("id").is_null()).drop("id"), known, ours)
    return pl.concat([known, _by_amount(rest, known, ours, near_micros)])


def _by_reference(lines: pl.DataFrame, known: pl.DataFrame, ours: pl.DataFrame) -> pl.DataFrame:
    """Their reference as we have it; or a return that names what it undoes, by our reference or by another line's."""
    references = ours.select("reference", "id").drop_nulls().unique().unique("reference", keep="none")
    found = _joined(_joined(lines, references, "reference"), references, "original")
    found = found.with_columns(pl.coalesce("id_reference", "id_original").alias("id"))
    theirs = pl.concat([part.select("reference", "id").drop_nulls() for part in (known, found)])
    undone = theirs.rename({"reference": "original", "id": "id_undone"}).unique("original", keep="first")
    found = found.join(undone, on="original", how="left", maintain_order="left")
    how = [
        pl.when(pl.col(name).is_not_null()).then(pl.lit(one))
        for name, one in (("id_reference", "reference"), ("id", "original"), ("id_undone", "original"))
    ]
    named = found.with_columns(pl.coalesce("id", "id_undone").alias("id"), pl.coalesce(*how).alias("by"))
    return named.drop("id_reference", "id_original", "id_undone")


def _joined(lines: pl.DataFrame, known: pl.DataFrame, on: str) -> pl.DataFrame:
    named = known.rename({"id": f"id_{on}", known.columns[0]: on})
    return lines.join(named, on=on, how="left", maintain_order="left")


def _by_amount(lines: pl.DataFrame, known: pl.DataFrame, ours: pl.DataFrame, near_micros: int) -> pl.DataFrame:
    numbered = lines.with_row_index("line")
    is_free = pl.col("id").is_null() & pl.col("key").is_null() & (pl.col("state") == LineState.PAID)
    loose = numbered.filter(is_free).rename({"occurred_at": "time"})
    named = pl.concat([part.select("id").drop_nulls() for part in (lines, known)]).unique()
    awaited = ours.filter(pl.col("standing").is_in([Standing.DUE, Standing.OPEN])).join(named, on="id", how="anti")
    if loose.is_empty() or awaited.is_empty():
        return lines
    pairs = list(_pairs(_by_sum(loose, "line"), _by_sum(awaited.rename({"at": "time"}), "id"), near_micros))
    schema: dict[str, Any] = {"line": pl.UInt32, "id_amount": pl.String}
    made = pl.DataFrame(pairs, schema=schema, orient="row")
    joined = numbered.join(made, on="line", how="left", maintain_order="left")
    by_amount = pl.when(pl.col("id_amount").is_not_null()).then(pl.lit("amount and date"))
    return joined.with_columns(
        pl.coalesce("by", by_amount).alias("by"), pl.coalesce("id", "id_amount").alias("id")
    ).drop("line", "id_amount")


def _by_sum(rows: pl.DataFrame, name: str) -> dict[tuple[str, int], list[tuple[int, Any]]]:
    """(currency, amount) -> (time, name), in order of time."""
    found: dict[tuple[str, int], list[tuple[int, Any]]] = defaultdict(list)
    for currency, amount, time, one in rows.sort("time", name).select("currency", "amount_micros", "time", name).rows():
        found[currency, amount].append((time, one))
    return found


def _pairs(
    lines: dict[tuple[str, int], list[tuple[int, Any]]],
    ours: dict[tuple[str, int], list[tuple[int, Any]]],
    near_micros: int,
) -> Iterator[tuple[Any, Any]]:
    """Both in order of time, whoever comes too early is passed over: as many pairs as there can be."""
    for amount, theirs in lines.items():
        waiting, at = ours.get(amount, []), 0
        for time, line in theirs:
            while at < len(waiting) and waiting[at][0] < time - near_micros:
                at += 1
            if at < len(waiting) and waiting[at][0] <= time + near_micros:
                yield line, waiting[at][1]
                at += 1
