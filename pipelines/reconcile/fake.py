"""The fake provider's memory as the statement that a real one would send."""

import csv
from pathlib import Path

from features.home import Home
from pipelines.console import UserError
from pipelines.instants import instant_shown
from serving.payouts.fake import FakeProvider, Payment


def write_statement(home: Home, place: Path, at: int) -> int:
    """Every payment that it ever decided upon, dated `at`, because it keeps no dates; how many there are."""
    memory = home.root / "fake-provider.db"
    if not memory.exists():
        raise UserError(f"{home.root} has no fake provider: `assay up` makes one")
    payments = FakeProvider(memory).payments()
    with place.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("key", "reference", "amount", "currency", "state", "at"))
        writer.writerows(_row(payment, at) for payment in payments)
    return len(payments)


def _row(payment: Payment, at: int) -> tuple[str, ...]:
    whole, fraction = divmod(payment.amount_micros, 1_000_000)
    amount = f"{whole}.{fraction:06d}"
    reference = f"fake-{payment.key[:12]}"
    return payment.key, reference, amount, payment.currency, payment.state, instant_shown(at)
