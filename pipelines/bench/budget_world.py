"""What a round of the budget bench is made of: campaigns, and events that want more than there is.

Everything follows from a seed and a number, so that a process that was killed, and the one that comes after it, send
the same. The model that prices is broken on purpose: rewards are anything from nothing to far above the value.
"""

from dataclasses import dataclass
from random import Random
from typing import Final

from sqlalchemy import Connection

from serving.ledger import budgets, rewards
from serving.ledger.budgets import Reservation
from serving.ledger.rewards import Deposit, Reward

CAMPAIGNS: Final = 24
PEOPLE: Final = 5_000
CURRENCY: Final = "CNY"


@dataclass(frozen=True, slots=True)
class Task:
    """One started offer: what it reserves and how it ends."""

    reservation: Reservation
    campaign_id: str
    user_id: str
    completes: bool

    def reward(self, claim: int) -> Reward:
        """What the completion by one of the events that claim it earns."""
        return Reward(
            event_id=f"{self.reservation.id}/{claim}",
            user_id=self.user_id,
            reward_micros=self.reservation.reward_micros,
            revenue_micros=self.reservation.value_micros,
            currency=CURRENCY,
            matures_at=0,
            campaign_id=self.campaign_id,
            funder=self.reservation.funder,
            payer=self.reservation.payer,
        )


@dataclass(frozen=True, slots=True)
class World:
    """`tasks` tasks of one round. Their demand is about twice of what was deposited and allocated."""

    seed: int
    tasks: int

    def task(self, number: int) -> Task:
        dice = Random(self.seed * 1_000_003 + number)  # noqa: S311  # a bench, no secrets
        campaign = dice.randrange(CAMPAIGNS)
        value = dice.randrange(100_000, 3_000_000)
        reward = dice.choice((0, value // 2, value // 2, value // 3, value * 5, dice.randrange(1, 2**40)))
        id_ = f"o{self.seed}-{number}"
        return Task(
            Reservation(
                id=id_,
                cause_id=id_,
                funder=budgets.budget_of(f"c{campaign}", CURRENCY),
                value_micros=value,
                payer=budgets.reward_budget_of(f"c{campaign}", CURRENCY) if campaign % 3 else None,
                reward_micros=reward,
                until=1_000,
            ),
            f"c{campaign}",
            f"u{dice.randrange(PEOPLE)}",
            dice.random() < 0.75,
        )

    def open(self, connection: Connection) -> None:
        """Fund every campaign for about half of what will be asked of it; one in eight has nothing at all."""
        for campaign in range(CAMPAIGNS):
            id_, asked = f"c{campaign}", self.tasks // CAMPAIGNS * 1_550_000
            if campaign % 8:
                rewards.fund_campaign(connection, Deposit(f"d-{id_}", id_, asked // 2 + 1, CURRENCY), 0)
            if campaign % 3 and campaign % 5:
                account = budgets.reward_budget_of(id_, CURRENCY)
                budgets.allocate(connection, account, asked // 3 + 1, f"a-{id_}", 0)
