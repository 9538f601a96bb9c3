"""What proofs of identity need done unasked: every open check is asked about, whether or not its provider tells."""

from collections.abc import Callable
from typing import Final

from serving.payouts.duties import PERIOD_SECONDS, Books, Duty
from serving.payouts.identity import checks
from serving.payouts.identity.checks import Desk
from serving.payouts.identity.provider import IdentityProvider
from serving.payouts.identity.runner import advance_checks

CHECKS_PER_ROUND: Final = 50
"""Each is a call to a provider, one after the other: a service that stops waits for no more than these."""


def identity_duties(books: Books, provider: IdentityProvider, desk: Desk, clock: Callable[[], int]) -> dict[str, Duty]:
    """By name. It may run in two processes at once."""

    def advance() -> None:
        now = clock()
        with books.look() as connection:
            is_due = bool(checks.due(connection, provider.name, now, 1))
        if is_due:
            advance_checks(books.begin, provider, desk, now, CHECKS_PER_ROUND)

    return {f"identity-{provider.name}": (advance, PERIOD_SECONDS)}
