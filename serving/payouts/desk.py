"""What stands between an approved payout and its provider: the gate, the vault of destinations, the fees."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from sqlalchemy import Connection

from serving.payouts import taxes
from serving.payouts.destinations import Vault, kept_since
from serving.payouts.identity.gate import Waits
from serving.payouts.permits import required
from serving.payouts.routes import NoRoute, kind_of, route
from serving.payouts.saga import Payout
from serving.payouts.taxes import Columns
from serving.policy import Policy
from serving.policy_payouts import FeeRule

DESTINATION_NEEDED: Final = "destination_needed"
DESTINATION_CHANGED: Final = "destination_changed"
"""Its destination was kept anew, as a kind that whoever was promised it does not pay: it finds another provider."""
PROVIDER_NEEDED: Final = "provider_needed"
"""No configured provider pays this, or the one that began to is configured no more."""
_MINUTE: Final = 60 * 1_000_000
_AGAIN_MICROS: Final = {Waits.MACHINE: _MINUTE, Waits.PERSON: 5 * _MINUTE, Waits.REVIEWER: 5 * _MINUTE}
"""When a parked payout is looked at again, by whose turn it is; `wake` does not wait for it."""

Accounts = Mapping[str, frozenset[str]]
"""Other accounts of the same person, by user id."""


@dataclass(frozen=True, slots=True)
class Parked:
    """Why a payout waits, in a word, and when it is looked at again."""

    reason: str
    until: int


@dataclass(frozen=True, slots=True)
class Desk:
    """Without a policy nobody is asked for a proof; without a vault a destination is paid as it was named, which only
    a provider that pays nobody can do. `accounts_of` is asked with no transaction open. `providers`: all who pay here,
    by name; empty: whoever asks first pays what nobody was promised.
    """

    policy: Policy | None = None
    vault: Vault | None = None
    accounts_of: Callable[[Collection[str]], Accounts] | None = None
    accounts: Accounts = field(default_factory=dict)
    providers: frozenset[str] = frozenset()

    def knowing(self, user_ids: Collection[str]) -> "Desk":
        """The desk once it has asked who else these people are."""
        if self.accounts_of is None or not user_ids:
            return self
        return replace(self, accounts=self.accounts_of(user_ids))

    def knows(self, user_id: str) -> bool:
        """Whether it was asked who else this person is; whoever came since waits for the next run."""
        return self.accounts_of is None or user_id in self.accounts

    def addresses(self, connection: Connection, payouts: Sequence[Payout]) -> dict[str, str]:
        """Where to pay, by the payouts' destinations; one that is not kept is left out. Raises `Unsealable`."""
        digests = {one.destination for one in payouts}
        if self.vault is None:
            return {one: one for one in digests}
        return self.vault.open_each(connection, digests)

    def parked(
        self, connection: Connection, payouts: Sequence[Payout], addresses: Mapping[str, str], now: int
    ) -> dict[str, Parked]:
        """What may not be paid yet, by id. Nobody is refused here."""
        parked = {one.id: waiting(DESTINATION_NEEDED, now) for one in payouts if one.destination not in addresses}
        if self.policy is None:
            return parked
        asked = [one for one in payouts if one.id not in parked]
        for id_, missing in required(connection, asked, now, self.policy, self.accounts).items():
            parked[id_] = Parked(missing.reason, now + _AGAIN_MICROS[missing.waits_for])
        return parked

    def kept_later(self, connection: Connection, since: Mapping[Payout, int]) -> list[Payout]:
        """Of these payouts, those whose destination was kept after the instant of each: it may be another."""
        if self.vault is None:
            return []
        kept = kept_since(connection, {one.destination for one in since})
        return [one for one, instant in since.items() if kept.get(one.destination, instant) > instant]

    def misled(
        self, connection: Connection, payouts: Sequence[Payout], addresses: Mapping[str, str], provider: str
    ) -> list[Payout]:
        """Those whose destination was kept anew, as a kind that somebody else pays."""
        if self.policy is None or not self.providers:
            return []
        later = self.kept_later(connection, {one: one.created_at for one in payouts if one.destination in addresses})
        return [one for one in later if not self._leads(one, addresses[one.destination], provider)]

    def _leads(self, payout: Payout, address: str, provider: str) -> bool:
        assert self.policy is not None, "asked by `misled` alone"
        try:
            return route(payout.currency, kind_of(address), self.policy.payouts).provider == provider
        except NoRoute:
            return False

    def taxes(self, connection: Connection, payouts: Sequence[Payout], now: int) -> dict[str, Columns]:
        """What is withheld of payouts that begin, by id, once `parked` has locked their people; all or none have it."""
        return {} if self.policy is None else taxes.of_each(connection, payouts, now, self.policy.tax, self.accounts)

    def promised_to(self, provider: str) -> tuple[str, ...]:
        """Whose payouts a provider takes up: its own, and nobody's, where no routing says whose those are."""
        return (provider,) if self.providers else ("", provider)

    def rules_of(self, provider: str) -> Mapping[str, FeeRule]:
        """What the provider's payments cost, by currency."""
        return {} if self.policy is None else self.policy.payouts.fees.get(provider, {})


def waiting(reason: str, now: int) -> Parked:
    """For a person at the platform."""
    return Parked(reason, now + _AGAIN_MICROS[Waits.PERSON])


OPEN_DESK: Final = Desk()
