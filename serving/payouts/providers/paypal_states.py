"""PayPal's words for what became of an item or a batch, in ours."""

from collections.abc import Callable
from typing import Any, Final

from serving.payouts.provider import Accepted, Answer, Refused, Returned, Settled, Unknown

STATES: Final[dict[str, Callable[[str], Answer]]] = {
    "SUCCESS": Settled,
    "FAILED": lambda _: Refused("FAILED"),
    "PENDING": Accepted,
    "UNCLAIMED": Accepted,  # returned after 30 days
    "ONHOLD": Accepted,
    # PayPal does not say that a blocked item can never go on, so it gives no money back: its return does.
    "BLOCKED": Accepted,
    "RETURNED": Returned,
    "REFUNDED": Returned,
    "REVERSED": Returned,
}
_OVER_WITHOUT_ITEMS: Final = frozenset({"DENIED", "CANCELED"})


def state_of(item: dict[str, Any]) -> Answer:
    status = item.get("transaction_status", "PENDING")
    if status not in STATES:
        return Unknown(f"an item status that PayPal does not document: {status!r}"[:100])
    return STATES[status](str(item["payout_item_id"]))


def of_batch(keys: list[str], header: dict[str, Any]) -> dict[str, Answer]:
    """What the batch alone says of each of its items."""
    status = header["batch_status"]
    reference = str(header["payout_batch_id"])
    answer: Answer = Refused(status) if status in _OVER_WITHOUT_ITEMS else Accepted(reference)
    return dict.fromkeys(keys, answer)
