"""The export is read by Beancount's own `bean-check`, where it is installed, and always by a strict reader of ours."""

import io
import re
import shutil
import subprocess
import sys
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine, select

from serving.ledger.accounts import ACCOUNT, TRANSFER
from serving.ledger.proof import beancount
from serving.ledger.transfer import AccountKind

KEY = b"k" * 32
BEAN_CHECK = shutil.which("bean-check", path=str(Path(sys.executable).parent)) or shutil.which("bean-check")


@pytest.fixture
def exported(filled: Engine) -> str:
    return written(filled, KEY)


def written(engine: Engine, key: bytes | None) -> str:
    out = io.StringIO()
    with engine.connect() as connection:
        count = beancount.write(connection, out, key)
        assert count == len(connection.execute(select(TRANSFER.c.sequence)).all())
    return out.getvalue()


@pytest.mark.skipif(BEAN_CHECK is None, reason="bean-check is not installed: `pip install beancount` beside the tests")
@pytest.mark.parametrize("key", [KEY, None])
def test_bean_check_accepts_the_book(filled: Engine, tmp_path: Path, key: bytes | None) -> None:
    file = tmp_path / "book.beancount"
    file.write_text(written(filled, key))
    ran = subprocess.run([str(BEAN_CHECK), file], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stderr) == (0, "")


@pytest.mark.skipif(BEAN_CHECK is None, reason="as above")
def test_bean_check_refuses_a_changed_amount(exported: str, tmp_path: Path) -> None:
    file = tmp_path / "book.beancount"
    file.write_text(exported.replace("1.000007 ", "1.000008 ", 1))
    assert subprocess.run([str(BEAN_CHECK), file], capture_output=True, check=False).returncode == 1


def test_every_transaction_balances_and_comes_to_what_the_book_keeps(filled: Engine, exported: str) -> None:
    sums: Counter[str] = Counter()
    opened = set(re.findall(r"(?m)^\d{4}-\d\d-\d\d open (\S+) [A-Z]{3}$", exported))
    for transaction in re.split(r"\n\n", exported):
        legs = re.findall(r"(?m)^  ([A-Z]\S+)  (-?[\d.]+) ([A-Z]{3})$", transaction)
        assert sum(Decimal(amount) for _, amount, _ in legs) == 0
        assert len({asset for _, _, asset in legs}) <= 1
        for account, amount, _ in legs:
            sums[account] += Decimal(amount)  # type: ignore[assignment]  # a Counter adds whatever adds
    asserted = re.findall(r"(?m)^\d{4}-\d\d-\d\d balance (\S+) (-?[\d.]+) ~ 0 [A-Z]{3}$", exported)
    assert {account for account, _ in asserted} == opened
    assert {account: sums[account] for account, _ in asserted} == {account: Decimal(sum_) for account, sum_ in asserted}
    with filled.connect() as connection:
        assert len(opened) == len(connection.execute(select(ACCOUNT.c.number)).all())


def test_currencies_tell_their_exponent(exported: str) -> None:
    assert "commodity CNY\n  exponent: 2\n" in exported
    assert "commodity JPY\n  exponent: 0\n" in exported


def test_people_are_digests_unless_their_ids_are_asked_for(filled: Engine, exported: str) -> None:
    assert "user-" not in exported
    assert "event-" not in exported
    assert exported == written(filled, KEY)
    assert '  owner: "user-7"\n' in written(filled, None)
    assert '  id: "event-7/reward"\n' in written(filled, None)


def test_every_kind_of_account_has_a_root() -> None:
    assert set(beancount.ROOTS) <= set(AccountKind)
    assert set(beancount.ROOTS.values()) <= {"Assets", "Liabilities", "Equity", "Income", "Expenses"}


def test_an_empty_book_is_an_empty_file_that_is_read(engine: Engine) -> None:
    assert "txn" not in written(engine, KEY)


def test_amounts_are_exact_to_the_last_digit(connection: Connection) -> None:
    assert str(beancount._decimal(2**62)) == "4611686018427.387904"
    assert str(beancount._decimal(-1)) == "-0.000001"
