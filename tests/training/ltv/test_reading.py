"""Tables of purchases: read as they are, and refused in one sentence that says what to do."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from training.ltv.purchases import PurchasesError
from training.ltv.reading import read_purchases

ROWS = {
    "customer_id": ["b", "a", "a", "a"],
    "date": ["1997-02-01", "1997-01-01", "1997-01-08", "1997-01-08"],
    "amount": ["5", "10.5", "1", "2"],
}


def written(file: Path, **changed: list[str]) -> Path:
    table = pl.DataFrame({name: changed.get(name, values) for name, values in ROWS.items()})
    if file.suffix == ".parquet":
        table.with_columns(pl.col("date").str.to_date(), pl.col("amount").cast(pl.Float64)).write_parquet(file)
    else:
        table.write_csv(file, separator="\t" if file.suffix == ".tsv" else ",")
    return file


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.parquet"])
def test_a_table_is_read_alike_in_every_format(tmp_path: Path, name: str) -> None:
    purchases = read_purchases(written(tmp_path / name), {})
    assert purchases.start == date(1997, 1, 1)
    assert purchases.customers.tolist() == [0, 0, 1]
    assert purchases.days.tolist() == [0, 7, 31]
    assert purchases.amounts.tolist() == [10.5, 3.0, 5.0]
    assert purchases.cohorts().tolist() == ["1997-01", "1997-02"]


@pytest.mark.parametrize("said", ["19970201", "1997-02-01T09:30:00Z", "1997-02-01 09:30:00"])
def test_a_date_may_be_written_in_several_ways(tmp_path: Path, said: str) -> None:
    purchases = read_purchases(written(tmp_path / "p.csv", date=[said, *ROWS["date"][1:]]), {})
    assert purchases.days.tolist() == [0, 7, 31]


def test_the_text_of_cdnow_is_read_with_and_without_sample_numbers(tmp_path: Path) -> None:
    for number, lines in enumerate((" 00004 0001 19970101  2   29.33\n", " 00004 19970101  2   29.33\n")):
        file = tmp_path / f"{number}.txt"
        file.write_text(lines + lines.replace("0101", "0118"))
        purchases = read_purchases(file, {})
        assert purchases.days.tolist() == [0, 17]
        assert purchases.amounts.tolist() == [29.33, 29.33]


def test_columns_of_other_names_are_named(tmp_path: Path) -> None:
    file = written(tmp_path / "p.csv")
    file.write_text(file.read_text().replace("customer_id,date,amount", "who,when,much"))
    with pytest.raises(PurchasesError, match="--customer COLUMN; there are who, when, much"):
        read_purchases(file, {})
    with pytest.raises(PurchasesError, match="--customer whom: no such column; did you mean who"):
        read_purchases(file, {"customer": "whom"})
    assert len(read_purchases(file, {"customer": "who", "date": "when", "amount": "much"})) == 3


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"amount": ["5", "-1", "1", "2"]}, "amount: row 2 is below zero"),
        ({"amount": ["5", "much", "1", "2"]}, "amount: row 2 has 'much'"),
        ({"amount": ["5", "nan", "1", "2"]}, "amount: row 2"),
        ({"date": ["1997-02-01", "01/02/1997", "1997-01-08", "1997-01-08"]}, "date: row 2 has '01/02/1997'"),
        ({"date": ["1997-02-30", *ROWS["date"][1:]]}, "date: row 1 has '1997-02-30'"),
        ({"date": ["0001-01-01", *ROWS["date"][1:]]}, "date: row 1"),
        ({"customer_id": ["", "a", "a", "a"]}, "customer: row 1"),
    ],
)
def test_a_wrong_cell_is_named(tmp_path: Path, changed: dict[str, list[str]], told: str) -> None:
    with pytest.raises(PurchasesError, match=told):
        read_purchases(written(tmp_path / "p.csv", **changed), {})


def test_files_that_are_no_table_are_refused(tmp_path: Path) -> None:
    for name, text, told in (
        ("empty.csv", "customer,date,amount\n", "holds no purchase"),
        ("nothing.csv", "", "cannot be read"),
        ("p.xlsx", "x", "must end in .csv"),
        ("p.txt", "a b c\n", "line 1"),
        ("p.parquet", "no", "cannot be read"),
    ):
        file = tmp_path / name
        file.write_text(text)
        with pytest.raises(PurchasesError, match=told):
            read_purchases(file, {})
    with pytest.raises(PurchasesError, match="does not exist"):
        read_purchases(tmp_path / "none.csv", {})


@pytest.mark.parametrize("role", ["customer", "date", "amount"])
def test_a_column_that_holds_lists_is_named(tmp_path: Path, role: str) -> None:
    columns = {"customer": ["a"], "date": ["1997-01-01"], "amount": [1.0]}
    file = tmp_path / "p.parquet"
    pl.DataFrame(columns | {role: [columns[role]]}).write_parquet(file)
    with pytest.raises(PurchasesError, match=rf"{role}: a column of List.* --{role} COLUMN"):
        read_purchases(file, {})
