"""Moves every unfinished payout on by one question to its provider. Run it often; run it after a crash; run two.

Of two runners at once: a sending begins within LEAVE_MICROS of a commit at which its claim was the newest, by the clock
of the runner, or not at all. Whoever took longer finds out before it sends, and, where it had sent before, before it
gives money back or calls the payment unknown. Both may send under one key, which pays once; nobody sends what a person
has ruled was never paid, for who rules so waits until all that had leave is over (see `reviews.QUIET_MICROS`). Not
guaranteed: that a process which is stopped for that long between its last look and its request will not wake up and
send, or that a network delivers no request so late.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Final

from sqlalchemy import Connection

from serving.payouts.attempts import Attempt
from serving.payouts.claims import GROUP_MAX, LEAVE_MICROS, claim_each
from serving.payouts.desk import OPEN_DESK, Desk
from serving.payouts.phases import ask_each, learn_each, reopen
from serving.payouts.provider import BatchProvider, Provider, Undone
from serving.payouts.saga import State

PAYOUTS_MAX: Final = 15_000
"""Payouts in one run; the rest waits for the next."""
SINGLE_GROUP_MAX: Final = 100
"""Payouts in one commit where each is a call of its own: what was answered is on record within a minute or so."""

Begin = Callable[[], AbstractContextManager[Connection]]
"""Opens a unit of work that commits when its block ends well, e.g. `engine.begin`."""


class Leave:
    """To send what was claimed: the claim's own commit gives it for a while, afterwards a commit of its own does."""

    def __init__(self, begin: Begin, claimed: Sequence[Attempt], now: int, clock: Callable[[], int]) -> None:
        self._begin, self._clock, self._until = begin, clock, now + LEAVE_MICROS
        self.versions = {one.provider_key: one.version for one in claimed}

    def may_send(self, attempt: Attempt) -> bool:
        key, now = attempt.provider_key, self._clock()
        if attempt.is_first and now < self._until:
            return True
        with self._begin() as connection:
            version = reopen(connection, key, self.versions[key], now)
        if version is None:
            return False
        self.versions[key] = version
        return True


def advance_payouts(
    begin: Begin,
    provider: Provider,
    now: int,
    limit: int = PAYOUTS_MAX,
    advance: Callable[[int], object] = lambda _: None,
    desk: Desk = OPEN_DESK,
    clock: Callable[[], int] | None = None,
) -> Counter[State]:
    """Ask `provider` about at most `limit` due payments, group by group; how many payouts ended in each state.

    Claim and commit a group; ask with no transaction open; apply and commit. What is sent again, or late, has a commit
    before it. Without a `clock` it is `now` all the while.
    """
    clock = clock or (lambda: now)
    group_max = min(provider.batch_max, GROUP_MAX) if isinstance(provider, BatchProvider) else SINGLE_GROUP_MAX
    reached: Counter[State] = Counter()
    left = min(limit, PAYOUTS_MAX)
    while left > 0:
        size, at = min(left, group_max), clock()
        with begin() as connection:
            claimed = claim_each(connection, provider.name, at, size, desk)
        if not claimed:
            break
        leave = Leave(begin, claimed, at, clock)
        answers = ask_each(provider, claimed, at, leave.may_send)
        with begin() as connection:
            learned = learn_each(connection, answers, clock(), leave.versions)
        reached.update(payout.state for payout in learned)
        left -= len(claimed)
        advance(len(claimed))
        if any(isinstance(one, Undone) for one in answers.values()):
            break  # it takes nothing just now: what was not begun is left to the next run
    return reached
