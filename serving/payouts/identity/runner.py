"""Moves every pending check on by one question to its provider. Run it often; run it after a crash; run two."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from serving.payouts.identity import checks, states
from serving.payouts.identity.checks import Check, Desk
from serving.payouts.identity.provider import IdentityProvider, Waiting
from serving.payouts.identity.states import Identity, State
from serving.payouts.runner import Begin

CHECKS_MAX: Final = 500


@dataclass(frozen=True, slots=True, repr=False)
class Begun:
    """`address`: where the person shows a document; None while the provider has not said, or nothing is to be shown."""

    identity: Identity
    address: str | None


def begin_check(begin: Begin, provider: IdentityProvider, user_id: str, desk: Desk, now: int) -> Begun:
    """A person wants to show a document, or comes back to it. Raises `ChecksSpent`."""
    with begin() as connection:
        check = checks.claim(connection, user_id, provider.name, desk.policy, now)
        if check is None or check.provider != provider.name:
            return Begun(states.get(connection, user_id), None)
    answer = checks.ask(provider, check)
    with begin() as connection:
        identity = checks.learn(connection, check.key, answer, desk, now)
    return Begun(identity, answer.address if isinstance(answer, Waiting) else None)


def advance_checks(
    begin: Begin, provider: IdentityProvider, desk: Desk, now: int, limit: int = CHECKS_MAX
) -> Counter[State]:
    """Ask about at most `limit` checks; how many people are now in each state."""
    with begin() as connection:
        waiting = checks.due(connection, provider.name, now, min(limit, CHECKS_MAX))
    return Counter(_advance(begin, provider, check, desk, now) for check in waiting)


def _advance(begin: Begin, provider: IdentityProvider, check: Check, desk: Desk, now: int) -> State:
    answer = checks.ask(provider, check)
    with begin() as connection:
        return checks.learn(connection, check.key, answer, desk, now).state
