"""Small payouts of one person to one destination that are paid as one, for one fee. Pure.

Each withdrawal stays a payout with a state of its own; what is sent together is answered together.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from serving.payouts.fees import shared_fee
from serving.payouts.saga import Payout
from serving.policy_payouts import FeeRule

BUNDLE_MAX: Final = 50
"""Payouts that are one payment."""


def bundled(payouts: Sequence[Payout]) -> list[list[Payout]]:
    """Payments: those that may wait for company with their like, any other alone; each in the order of approval."""
    alone = [[one] for one in payouts if not one.bundle_micros]
    together: dict[tuple[str, str, str], list[Payout]] = {}
    for one in payouts:
        if one.bundle_micros:
            together.setdefault(one.bundle_key, []).append(one)
    return alone + [
        alike[start : start + BUNDLE_MAX] for alike in together.values() for start in range(0, len(alike), BUNDLE_MAX)
    ]


def shares(payments: Sequence[Sequence[Payout]], rules: Mapping[str, FeeRule]) -> dict[str, int]:
    """The fee of each payout by its id: as it was quoted alone, its part of one fee in company."""
    fees: dict[str, int] = {}
    for payment in payments:
        quoted = [one.fee_micros or 0 for one in payment]
        currency = payment[0].currency
        if len(payment) > 1 and currency in rules:
            quoted = shared_fee([one.amount_micros for one in payment], quoted, currency, rules[currency])
        fees |= {one.id: fee for one, fee in zip(payment, quoted, strict=True)}
    return fees
