"""Statements as files: amounts to the micro, times in their zones, awkward files read whole or refused."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.events import micros_of
from features.ingest.mapping import Read
from features.money import EXPONENTS
from pipelines.reconcile.cells import amount_read, currency_read, time_read
from pipelines.reconcile.mapping import Amount, Currency, StatementError, load_mapping, parse_mapping, shipped
from pipelines.reconcile.reading import NotPlain, plain_parts
from pipelines.reconcile.statement import lines_of
from serving.payouts.reconciliation.rows import LINES

AT = micros_of(datetime(2026, 3, 1, 9, 30, tzinfo=UTC))
HEADER = "key,reference,amount,currency,state,at"


def amounts(texts: Sequence[str], currency: str = "USD", **how: Any) -> list[int | None]:
    cells = pl.DataFrame({"a": texts, "c": [currency] * len(texts)}, schema={"a": pl.String, "c": pl.String})
    return (
        cells.select(amount_read(Amount(column="a", **how), currency_read(Currency(column="c")))).to_series().to_list()
    )


@settings(max_examples=200, deadline=None)
@given(st.decimals(-(10**9), 10**9, places=6, allow_nan=False), st.booleans())
def test_every_amount_is_read_to_the_micro(number: Decimal, grouped: bool) -> None:
    text = f"{number:,.6f}" if grouped else f"{number:.6f}"
    assert amounts([text]) == [int(number * 10**6)]
    swapped = text.translate(str.maketrans(",.", ".,"))
    assert amounts([swapped], decimal=",") == [int(number * 10**6)]


def test_amounts_as_people_write_them() -> None:
    good = {"5": 5_000_000, "5.": 5_000_000, ".5": 500_000, "-.07": -70_000, "+1,234.5": 1_234_500_000}
    good |= {"0.1": 100_000, "0.3": 300_000, "1.10000000": 1_100_000, "007": 7_000_000}
    assert amounts(list(good)) == list(good.values())
    bad = [
        "",
        ".",
        "-",
        "1,23",
        "1,2345",
        "1e3",
        "0.0000001",
        "NaN",
        "١",
        "1 2",
        "--1",
        "(5)",
        "$5",
        "9007199254.740992",
    ]
    assert amounts(bad) == [None] * len(bad)


@pytest.mark.parametrize(("currency", "micros"), [("USD", 50_000), ("JPY", 5_000_000), ("KWD", 5_000), ("usd", 50_000)])
def test_minor_units_follow_the_currency(currency: str, micros: int) -> None:
    assert amounts(["5", "-5"], currency, unit="minor") == [micros, -micros]
    assert amounts(["5.0", "9" * 16], currency, unit="minor") == [None, None]


def test_currencies_are_those_of_iso_4217() -> None:
    cells = pl.DataFrame({"c": [*EXPONENTS, "XBT", "US", ""]})
    read = cells.select(currency_read(Currency(column="c"))).to_series().to_list()
    assert read == [*EXPONENTS, None, None, None]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("2026-03-01T09:30:00Z", {}),
        ("2026-03-01 09:30", {}),
        ("2026-03-01T10:30:00.000000+01:00", {}),
        ("2026-03-01 17:30:00", {"time_zone": "Asia/Shanghai"}),
        ("03/01/2026 09:30:00", {"time_format": "%m/%d/%Y %H:%M:%S"}),
        (str(AT // 1_000_000), {"time_format": "epoch_seconds"}),
        (str(AT), {"time_format": "epoch_micros"}),
    ],
)
def test_times_as_statements_write_them(text: str, how: dict[str, Any]) -> None:
    cells = pl.DataFrame({"t": [text, "soon", "1931-01-01", "9" * 16]})
    assert cells.select(time_read(Read(**how), ["t"])).to_series().to_list() == [AT, None, None, None]


def lines(folder: Path, text: str | bytes, mapping: str = "fake") -> list[dict[str, Any]]:
    place = folder / "statement.csv"
    place.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lines_of(place, load_mapping(mapping)).to_dicts()


ROW = "k,r,5.01,CNY,settled,2026-03-01T09:30:00Z"


@pytest.mark.parametrize(
    "text",
    [
        f"{HEADER}\n{ROW}\n",
        f"{HEADER}\r\n{ROW}",
        f"\ufeff{HEADER}\n{ROW}\n",
        f"{HEADER}\n\n{ROW}\n\n",
        f'{HEADER},note\n{ROW},"two\nlines"\n',
        f"at,{HEADER.removesuffix(',at')}\n2026-03-01T09:30:00Z,{ROW.rsplit(',', 1)[0]}\n",
    ],
)
def test_awkward_files_say_the_same_as_plain_ones(tmp_path: Path, text: str) -> None:
    row = {"statement": "statement.csv", "row": 1, "key": "k", "reference": "r", "original": None, "state": "paid"}
    row |= {"amount_micros": 5_010_000, "currency": "CNY", "fee_micros": 0, "occurred_at": AT}
    assert lines(tmp_path, text) == [row]


@pytest.mark.parametrize("tail", ['"k,r,5', f'{ROW}\n"k,r,5\n{ROW}\n{ROW}\n', f"{ROW}\nk,r,5", f"{ROW}\n{ROW},more\n"])
def test_a_file_that_is_cut_off_or_torn_loses_no_row_in_silence(tmp_path: Path, tail: str) -> None:
    with pytest.raises(StatementError):
        lines(tmp_path, f"{HEADER}\n{tail}")


def test_the_fast_reader_gives_way_where_a_quote_swallows_lines(tmp_path: Path) -> None:
    place = tmp_path / "a.csv"
    place.write_text(f'{HEADER}\n{ROW}\n"k,r,5\n{ROW}\n')
    with pytest.raises(NotPlain):
        list(plain_parts(place, Read(), ["key"]))


def test_a_parquet_file_with_decimals_is_read_exactly(tmp_path: Path) -> None:
    place = tmp_path / "a.parquet"
    row = {"key": "k", "reference": "r", "amount": Decimal("0.100001"), "currency": "USD", "state": "settled"}
    pl.DataFrame([row | {"at": datetime(2026, 3, 1, 9, 30, tzinfo=UTC)}]).write_parquet(place)
    found = lines_of(place, load_mapping("fake")).row(0, named=True)
    assert (found["amount_micros"], found["occurred_at"]) == (100_001, AT)


PAYPAL = "Date,Time,TimeZone,Name,Type,Status,Currency,Gross,Fee,Net,Transaction ID,Reference Txn ID,Custom Number"


def test_paypals_activity_is_read(tmp_path: Path) -> None:
    text = (
        f"{PAYPAL}\n"
        '03/01/2026,09:30:00,GMT,Ann,Mass Pay Payment,Completed,USD,"-1,000.00",-0.25,"-1,000.25",T1,,key1\n'
        "03/02/2026,09:30:00,GMT,Ann,Mass Pay Reversal,Completed,USD,1000.00,0.25,1000.25,T2,T1,\n"
        "03/02/2026,09:30:00,GMT,Bo,Mass Pay Payment,Unclaimed,USD,-1.00,0.00,-1.00,T3,,key3\n"
        "03/02/2026,09:30:00,GMT,Shop,Website Payment,Completed,USD,7.00,0.00,7.00,T4,,\n"
    )
    paid, returned = lines(tmp_path, text, "paypal")
    names = ("key", "reference", "original", "state", "amount_micros", "fee_micros")
    assert [paid[name] for name in names] == ["key1", "T1", None, "paid", 1_000_000_000, 250_000]
    assert [returned[name] for name in names] == [None, "T2", "T1", "returned", 1_000_000_000, 250_000]
    assert paid["occurred_at"] == AT


def test_stripes_balance_transactions_are_read(tmp_path: Path) -> None:
    header = "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Available On (UTC),Description,Transfer Group"
    text = (
        f"{header}\n"
        "txn_1,transfer,tr_1,-824.08,0.00,-824.08,usd,2026-03-01 09:30,2026-03-02 00:00,,key1\n"
        "txn_2,transfer_refund,tr_1,824.08,0.00,824.08,usd,2026-03-03 09:30,2026-03-04 00:00,,\n"
        "txn_3,charge,ch_1,30.00,1.17,28.83,usd,2026-03-01 09:30,2026-03-08 00:00,,\n"
    )
    paid, returned = lines(tmp_path, text, "stripe")
    names = ("key", "reference", "original", "state", "amount_micros", "currency", "row")
    assert [paid[name] for name in names] == ["key1", "txn_1", "tr_1", "paid", 824_080_000, "USD", 1]
    assert [returned[name] for name in names] == [None, "txn_2", "tr_1", "returned", 824_080_000, "USD", 2]
    assert paid["occurred_at"] == AT


def test_a_payment_with_the_sign_of_a_return_is_refused(tmp_path: Path) -> None:
    text = f"{PAYPAL}\n03/01/2026,09:30:00,GMT,Ann,Payout,Completed,USD,5.00,0,5.00,T1,,k\n"
    with pytest.raises(
        StatementError, match="row 1, column Gross: must not be zero, and negative where money was paid"
    ):
        lines(tmp_path, text, "paypal")


@pytest.mark.parametrize("name", shipped())
def test_every_shipped_mapping_can_be_read(name: str) -> None:
    assert load_mapping(name).name == name


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("[", "is not YAML"),
        ("a", "must hold keys"),
        ("name: x\nname: y", "given twice"),
        ("name: x\nside: nobody", "side"),
        ("name: x\nsides: provider", "unknown key sides; did you mean side?"),
        ("name: x\nside: partner\namount: a\ncurrency: c\noccurred_at: t\npatience: 2d", "name its column as `key`"),
        ("name: x\nside: provider\namount: a\ncurrency: {value: ABC}\noccurred_at: t\npatience: 2d", "ISO 4217"),
        ("name: x\nside: provider\namount: a\ncurrency: c\noccurred_at: t\npatience: soon", "minutes, hours or days"),
    ],
)
def test_a_mapping_that_is_wrong_says_where(text: str, told: str) -> None:
    with pytest.raises(StatementError, match=told.replace("?", r"\?")):
        parse_mapping(text, "own.yaml")


def test_the_columns_of_lines_are_in_their_order(tmp_path: Path) -> None:
    place = tmp_path / "a.csv"
    place.write_text(f"{HEADER}\n{ROW}\n")
    found = lines_of(place, load_mapping("fake"))
    assert dict(found.schema) == LINES
