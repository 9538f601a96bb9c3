"""Any table becomes payments, and one that cannot says what to change."""

from datetime import date

import numpy as np
import polars as pl
import pytest

from training.stream.payments import PaymentsError, payments_of

ROW = {"TX_DATETIME": "2024-03-04 10:00:00", "CUSTOMER_ID": 4, "TERMINAL_ID": 9, "TX_AMOUNT": 1.25, "TX_FRAUD": 0}


def table(**changed: object) -> pl.DataFrame:
    return pl.DataFrame([ROW, ROW | {"TX_DATETIME": "2024-03-05 10:00:00"} | changed], strict=False)


def test_amounts_become_micros_and_times_microseconds() -> None:
    payments = payments_of(table(TX_AMOUNT=0.1), {})
    assert payments.amounts.tolist() == [1_250_000, 100_000]
    assert np.diff(payments.times).tolist() == [86_400_000_000]
    assert payments.days.tolist() == [(date(2024, 3, 4) - date(1970, 1, 1)).days + more for more in (0, 1)]


def test_a_file_out_of_order_is_put_in_order_and_ties_keep_theirs() -> None:
    rows = [ROW | {"TX_DATETIME": f"2024-03-04 10:00:0{second}", "TX_AMOUNT": amount} for second, amount in _shuffled()]
    payments = payments_of(pl.DataFrame(rows), {})
    assert payments.amounts.tolist() == [3_000_000, 1_000_000, 4_000_000, 2_000_000]
    assert payments.out_of_order == 1


def _shuffled() -> list[tuple[int, float]]:
    return [(2, 1.0), (3, 2.0), (1, 3.0), (2, 4.0)]


def test_columns_of_other_names_are_named() -> None:
    renamed = table().rename({"TX_DATETIME": "paid_at", "CUSTOMER_ID": "card"})
    assert len(payments_of(renamed, {"time": "paid_at", "customer": "card"})) == 2


@pytest.mark.parametrize(
    ("written", "hours"),
    [("2024-03-04 10:00", 10), ("2024-03-04T10:00:00Z", 10), ("2024-03-04T10:00:00+02:00", 8), ("2024-03-04", 0)],
)
def test_times_are_read_as_people_write_them_and_without_an_offset_as_utc(written: str, hours: int) -> None:
    payments = payments_of(pl.DataFrame([ROW | {"TX_DATETIME": written}]), {})
    assert payments.times[0] % (24 * 3_600_000_000) == hours * 3_600_000_000


@pytest.mark.parametrize(
    ("broken", "named", "message"),
    [
        (table().drop("TX_FRAUD"), {}, "no column TX_FRAUD or .* for the label.*--columns label=COLUMN"),
        (table(), {"amount": "TX_AMOUNTS"}, "no column TX_AMOUNTS for the amount; did you mean TX_AMOUNT"),
        (table(), {"colour": "TX_AMOUNT"}, "colour is no role"),
        (table().clear(), {}, "no rows"),
        (table(CUSTOMER_ID=None), {}, "CUSTOMER_ID .customer. is empty in 1 rows"),
        (table(TX_FRAUD=2), {}, "TX_FRAUD must hold 1 for fraud and 0"),
        (table(TX_AMOUNT=float("nan")), {}, "TX_AMOUNT holds amounts of 9,007,199,255 or more, or none"),
        (table(TX_AMOUNT=1e10), {}, "TX_AMOUNT holds amounts of"),
        (table(TX_DATETIME="yesterday"), {}, "holds a text that is no time"),
        (table().with_columns(TX_DATETIME=pl.lit(7)), {}, "must hold times"),
        (table().with_columns(TX_AMOUNT=pl.lit("7")), {}, "must hold amounts as numbers"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(broken: pl.DataFrame, named: dict[str, str], message: str) -> None:
    with pytest.raises(PaymentsError, match=message):
        payments_of(broken, named)


def test_a_wide_table_is_not_listed_to_its_last_column() -> None:
    wide = table().drop("TX_FRAUD").with_columns(pl.lit(0).alias(f"V{number}") for number in range(200))
    with pytest.raises(PaymentsError, match=r"for the label.*V7, \.\.\.; name the column") as refused:
        payments_of(wide, {})
    assert "V8" not in str(refused.value)
