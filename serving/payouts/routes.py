"""Which provider pays whom: by currency and by what kind of destination it is. The policy decides; pure."""

import re
from typing import ClassVar, Final

from serving.ledger.refusals import Refusal
from serving.policy_payouts import PayoutPolicy, Route

DIGEST: Final = "digest"
"""The kind of a destination of which nothing but its digest is known."""
_SHAPES: Final = (
    ("wallet_address", re.compile(r"0x[0-9a-fA-F]{40}")),
    ("stripe_account", re.compile(r"acct_\w+")),
    ("email", re.compile(r"[^@\s]+@[^@\s]+")),
    ("telephone", re.compile(r"\+[0-9]{6,15}")),
    ("alipay_user", re.compile(r"2088[0-9]{12}")),
)


class NoRoute(Refusal):
    """No provider pays this currency to this kind of destination."""

    status: ClassVar[int] = 422


def kind_of(destination: str) -> str:
    """By its shape: wallet_address, stripe_account, email, telephone, alipay_user, or account."""
    return next((kind for kind, shape in _SHAPES if shape.fullmatch(destination)), "account")


def route(currency: str, kind: str, policy: PayoutPolicy) -> Route:
    """The first that fits. Raises `NoRoute`."""
    for one in policy.routes:
        if (not one.currencies or currency in one.currencies) and (not one.kinds or kind in one.kinds):
            return one
    raise NoRoute(
        f"payout_destination: nobody pays {currency} to a destination of the kind {kind}: choose another "
        "destination or currency",
        field="payout_destination",
        currency=currency,
        kind=kind,
    )
