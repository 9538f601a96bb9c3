"""Several groups of linked transfers in one call: each group is posted whole or not at all, whatever becomes of others.

One group alone is what `book.post` takes.
"""

from collections.abc import Sequence

from sqlalchemy import Connection

from serving.ledger import book
from serving.ledger.refusals import Refusal
from serving.ledger.transfer import Transfer

Group = Sequence[Transfer]


def post_linked(connection: Connection, groups: Sequence[Group], now: int) -> list[Refusal | None]:
    """Post the groups; per group None, or why it was refused and nothing of it was written. A retry has no effect.

    All that can be posted together costs as much as one batch; only if a group is refused are they judged one by one,
    in their order. Raises ValueError for more transfers in a group than `book.post` takes.
    """
    transfers = [one for group in groups for one in group]
    if len(transfers) <= book.TRANSFERS_MAX:
        try:
            book.post(connection, transfers, now)
        except Refusal:
            pass
        else:
            return [None] * len(groups)
    return [_refusal(connection, group, now) for group in groups]


def _refusal(connection: Connection, group: Group, now: int) -> Refusal | None:
    try:
        book.post(connection, group, now)
    except Refusal as refusal:
        return refusal
    return None
