"""Files of payments: CSV, parquet, folders, and the mappings that name their columns."""

from pathlib import Path

import polars as pl
import pytest

from training.stream.payments import PaymentsError
from training.stream.reading import read_columns, read_payments


def test_csv_parquet_and_a_folder_of_parts_read_alike(table: pl.DataFrame, tmp_path: Path) -> None:
    table.write_csv(tmp_path / "all.csv")
    table.write_parquet(tmp_path / "all.parquet")
    parts = tmp_path / "parts"
    parts.mkdir()
    table[:1000].write_parquet(parts / "1.parquet")
    table[1000:].write_parquet(parts / "2.parquet")
    one, *others = (read_payments(tmp_path / name, {}) for name in ("all.csv", "all.parquet", "parts"))
    for other in others:
        assert (one.times == other.times).all()
        assert (one.amounts == other.amounts).all()
        assert (one.customers == other.customers).all()


def test_a_short_yaml_or_a_mapping_of_ingest_names_the_columns(tmp_path: Path) -> None:
    short = tmp_path / "columns.yaml"
    short.write_text("time: paid_at\ncustomer: card\n")
    assert read_columns(short) == {"time": "paid_at", "customer": "card"}
    assert read_columns("handbook") == {
        "customer": "CUSTOMER_ID",
        "terminal": "TERMINAL_ID",
        "amount": "TX_AMOUNT",
        "time": "TX_DATETIME",
        "label": "TX_FRAUD",
    }


def test_a_mapping_without_payments_says_so(tmp_path: Path) -> None:
    with pytest.raises(PaymentsError, match="neither a YAML file nor a shipped mapping"):
        read_columns(tmp_path / "absent.yaml")
    with pytest.raises(PaymentsError, match="no event with amount_micros"):
        read_columns("talkingdata")


def test_a_file_that_cannot_be_read_says_what_would_do(tmp_path: Path) -> None:
    (tmp_path / "days.pkl").write_bytes(b"-")
    (tmp_path / "broken.parquet").write_bytes(b"-")
    with pytest.raises(PaymentsError, match="does not exist"):
        read_payments(tmp_path / "absent.csv", {})
    with pytest.raises(PaymentsError, match=r"is no [.]csv"):
        read_payments(tmp_path / "days.pkl", {})
    with pytest.raises(PaymentsError, match="cannot be read"):
        read_payments(tmp_path / "broken.parquet", {})
    (tmp_path / "broken.parquet").unlink()
    with pytest.raises(PaymentsError, match=r"holds no [.]csv"):
        read_payments(tmp_path, {})
