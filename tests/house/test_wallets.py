"""Matured balances never expire: all that may take from what a person can withdraw is listed here, with its reason."""

import ast
from pathlib import Path

from serving.ledger.transfer import ENDS_A_BALANCE, TransferKind

NAMES_THE_WALLET = {
    "serving/ledger/accruals.py": "posts what was accrued into it",
    "serving/ledger/adjustments.py": "a named person puts it right, with a reason",
    "serving/ledger/debts.py": "a quarter of a reward that has just matured pays what is owed",
    "serving/ledger/freezes.py": "sets tainted rewards aside in it, and takes nothing",
    "serving/ledger/maturity.py": "puts in what has matured",
    "serving/ledger/orders.py": "what a platform orders, by a named person and with a reason",
    "serving/ledger/payslip.py": "reads its history",
    "serving/ledger/points.py": "the person turns points into money",
    "serving/ledger/proof/erasure.py": "forgets whose it was, and takes nothing",
    "serving/ledger/recovered.py": "completes a clawback of what came back",
    "serving/ledger/reversals.py": "takes back for fraud, gives back what was taken",
    "serving/ledger/rewards.py": "puts in what is due at once",
    "serving/ledger/transfer.py": "declares it",
    "serving/ledger/wallets.py": "holds what the person withdraws, and shows it",
    "serving/pricing/settling.py": "settles the daily curve of one person's several accounts, which every offer says",
}
TIME_MAY_NOT = ("expire", "lapse", "dormant", "inactive", "forfeit", "breakage", "inactivity")


def test_only_known_places_touch_what_a_person_can_withdraw(product: dict[Path, str]) -> None:
    found = {
        str(file)
        for file, text in product.items()
        if file.parts[0] == "serving" and "payouts" not in file.parts and "WALLET_AVAILABLE" in attributes(text)
    }
    new = found - NAMES_THE_WALLET.keys()
    assert not new, (
        f"say in this list why {sorted(new)} may touch wallets; nothing may take from them because time passed"
    )
    assert not NAMES_THE_WALLET.keys() - found, "delete from this list what no longer touches wallets"


def test_no_kind_of_transfer_takes_from_a_wallet_because_time_passed() -> None:
    assert frozenset(TransferKind) >= ENDS_A_BALANCE
    assert not [kind for kind in TransferKind if any(word in kind for word in TIME_MAY_NOT)]


def attributes(text: str) -> set[str]:
    return {node.attr for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute)}
