"""Moves every unfinished payout on by one question to its provider. Run it often; run it after a crash; run two."""

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import Connection

from serving.payouts.phases import ask, claim, due, learn
from serving.payouts.provider import Provider
from serving.payouts.saga import State

PAYOUTS_MAX: Final = 500
"""Payouts in one run; the rest waits for the next."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a unit of work that commits when its block ends well, e.g. `engine.begin`."""


def advance_payouts(
    begin: Begin,
    provider: Provider,
    now: int,
    limit: int = PAYOUTS_MAX,
    advance: Callable[[int], object] = lambda _: None,
) -> Counter[State]:
    """Ask `provider` about at most `limit` due payouts; how many ended this run in each state."""
    with begin() as connection:
        waiting = due(connection, now, min(limit, PAYOUTS_MAX))
    reached: Counter[State] = Counter()
    for payout_id in waiting:
        state = advance_payout(begin, provider, payout_id, now)
        if state is not None:
            reached[state] += 1
        advance(1)
    return reached


def advance_payout(begin: Begin, provider: Provider, payout_id: str, now: int) -> State | None:
    """Claim and commit; ask with no transaction open; apply and commit. None: another run has it."""
    with begin() as connection:
        attempt = claim(connection, payout_id, provider.name, now)
    if attempt is None:
        return None
    answer = ask(provider, attempt, now)
    with begin() as connection:
        return learn(connection, attempt.provider_key, answer, now).state
