"""What attackers can see and do: live an ordinary day, visit once, look at their balance, change their ways."""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from features.log import body_of
from features.money import MICROS_PER_UNIT
from training.arena.purse import Purse
from training.simulator.batch import SECOND
from training.simulator.cast import Cast, Change
from training.simulator.catalogue import APP, PARTNERS
from training.simulator.sessions import Day

Body = dict[str, Any]
VICTIM_UNITS_MIN: Final = 5


@dataclass
class World:
    """One family's side of the platform on one day. Accounts are named by their user ids."""

    cast: Cast
    purse: Purse
    day: Day
    closed: set[str] = field(default_factory=set)
    taken: dict[str, str] = field(default_factory=dict)
    """Accounts of others by user id, and whose phone is in them."""

    @property
    def people(self) -> list[str]:
        """The accounts in the order in which `people` described them."""
        return self.cast.user_ids

    @property
    def members(self) -> list[str]:
        """The accounts that have joined and were not closed."""
        joined = self.cast.people.span.join <= self.day.number
        return [name for name, here in zip(self.people, joined, strict=True) if here and name not in self.closed]

    def live(self, only: Collection[str] | None = None) -> list[Body]:
        """What the accounts (or only some) do on an ordinary day: sessions, ads, tasks, apps, withdrawals of all that
        they may withdraw. Habits decide who comes at all.
        """
        chosen = set(self.members if only is None else only) - self.closed
        acting = np.array([name in chosen for name in self.people])
        balance = np.array([self.purse.available(name, self.day.begins) for name in self.people])
        return self._bodies(self.cast.live(self.day, acting, balance))

    def visit(self, user_id: str, kinds: Collection[str], second: float, step_seconds: float = 20.0) -> list[Body]:
        """One session of an account, from its phone and address: events of these kinds, about `step_seconds` apart,
        from the `second` of the day on. Tasks and amounts are left to the caller.
        """
        account = self.people.index(user_id)
        start = self.day.begins + int(second * SECOND)
        return self._bodies(self.cast.visit(self.day, account, list(kinds), start, step_seconds))

    def withdrawal(self, user_id: str, second: float, amount_micros: int) -> Body:
        """A request for an amount, to the account's destination."""
        (body,) = self.visit(user_id, ["withdrawal_requested"], second)
        return body | {"amount_micros": amount_micros, "currency": "CNY"}

    def available(self, user_id: str) -> int:
        """Micros that the account could withdraw as the day begins."""
        return self.purse.available(user_id, self.day.begins)

    def change(self, user_id: str, change: Change) -> None:
        """Change an account's ways from tomorrow on."""
        self.cast.change(self.people.index(user_id), change, self.day)

    def victims(self, rng: np.random.Generator, count: int) -> list[tuple[str, int]]:
        """Honest accounts worth taking over, each with its balance in micros: at most `count`."""
        people, balance = self.cast.platform.people, self.cast.platform.balance
        here = (people.span.join < self.day.number) & (self.day.number < people.span.end) & ~people.circle.is_fraud
        worth = np.flatnonzero(here & (balance >= VICTIM_UNITS_MIN * MICROS_PER_UNIT))
        chosen = rng.choice(worth, min(count, len(worth)), replace=False)
        return [(self.cast.platform.lexicon.user_ids[user], int(balance[user])) for user in chosen]

    def taken_over(self, member: str, victim: str, bodies: list[Body]) -> list[Body]:
        """The events of one's own account as if they were the victim's: same phone and address, another account."""
        self.taken[victim] = member
        return [body | {"user_id": victim} for body in bodies]

    def offers(self) -> list[Body]:
        """The apps that pay for an install and for goals, the best paid first, with the fields of an event."""
        catalogue = self.cast.platform.catalogue
        apps = np.flatnonzero(catalogue.style == APP)
        best = apps[np.argsort(-catalogue.reward[apps], kind="stable")]
        return [
            {
                "task_id": f"task-{task:03d}",
                "campaign_id": f"campaign-{catalogue.campaign[task]:02d}",
                "partner_id": PARTNERS[catalogue.partner[task]].name,
                "reward_micros": int(catalogue.reward[task]),
                "revenue_micros": int(catalogue.revenue[task]),
            }
            for task in best
        ]

    def _bodies(self, table: Any) -> list[Body]:
        return [body_of(row) for row in table.to_pylist()]
