"""Moves every unfinished payout on by one question to its provider. Run it often; run it after a crash; run two."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import Connection

from serving.payouts.attempts import Attempt
from serving.payouts.claims import GROUP_MAX, claim_each
from serving.payouts.desk import OPEN_DESK, Desk
from serving.payouts.phases import ask_each, learn_each, reopen
from serving.payouts.provider import BatchProvider, Provider
from serving.payouts.saga import State

PAYOUTS_MAX: Final = 15_000
"""Payouts in one run; the rest waits for the next."""
SINGLE_GROUP_MAX: Final = 100
"""Payouts in one commit where each is a call of its own: what was answered is on record within a minute or so."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a unit of work that commits when its block ends well, e.g. `engine.begin`."""


def advance_payouts(
    begin: Begin,
    provider: Provider,
    now: int,
    limit: int = PAYOUTS_MAX,
    advance: Callable[[int], object] = lambda _: None,
    desk: Desk = OPEN_DESK,
) -> Counter[State]:
    """Ask `provider` about at most `limit` due payments, group by group; how many payouts ended in each state.

    Claim and commit a group; ask with no transaction open; apply and commit. What is sent again has a commit before it.
    """
    group_max = min(provider.batch_max, GROUP_MAX) if isinstance(provider, BatchProvider) else SINGLE_GROUP_MAX
    reached: Counter[State] = Counter()

    def may_send(attempt: Attempt) -> bool:
        with begin() as connection:
            return reopen(connection, attempt.provider_key, now)

    left = min(limit, PAYOUTS_MAX)
    while left > 0:
        size = min(left, group_max)
        with begin() as connection:
            claimed = claim_each(connection, provider.name, now, size, desk)
        if not claimed:
            break
        answers = ask_each(provider, claimed, now, may_send)
        with begin() as connection:
            reached.update(payout.state for payout in learn_each(connection, answers, now))
        left -= len(claimed)
        advance(len(claimed))
    return reached
