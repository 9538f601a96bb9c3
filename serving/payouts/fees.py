"""What being paid costs: fixed parts and shares in whole micros, known before anything is asked for. Pure."""

from collections.abc import Sequence
from typing import Final

from features.money import payable
from serving.policy_payouts import FeeRule

PPM: Final = 1_000_000


def fee_of(amount_micros: int, currency: str, rule: FeeRule | None) -> int:
    """In micros: fixed part and share, at most the rule's own, rounded down to what can be paid in `currency`, so that
    the amount less its fee can be paid, too. No rule: nothing.
    """
    if rule is None:
        return 0
    fee = rule.fixed_micros + amount_micros * rule.share_ppm // PPM
    return payable(fee if rule.fee_micros_max is None else min(fee, rule.fee_micros_max), currency)


def shared_fee(amounts: Sequence[int], quoted: Sequence[int], currency: str, rule: FeeRule) -> list[int]:
    """The one fee of a payment, borne by its parts in proportion to what each was `quoted`, and never more than that.

    Exact: the parts add up to the fee, each a whole number of payable units.
    """
    most = sum(quoted)
    fee = min(fee_of(sum(amounts), currency, rule), most)
    parts = [payable(fee * one // most, currency) if most else 0 for one in quoted]
    left = fee - sum(parts)
    for place, one in enumerate(quoted):
        more = min(one - parts[place], left)
        parts[place] += more
        left -= more
    return parts
