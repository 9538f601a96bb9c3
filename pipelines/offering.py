"""Offers that simulated people take up, through the code that serves: for a look at prices where there is no traffic.

Every offer is priced by `make_offers`, every start and completion goes through `score_event`, so the offer log, the
ledger and the daily curve are what a served home would hold. People come and take up offers by a logit of the reward;
what they are like (country, city, phone) changes neither what they are offered nor what they do.
"""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any, Final

import numpy as np

from features.events import Event, instant_of, micros_of
from features.home import Home
from pipelines.console import UserError
from serving.contract import Campaign, Offer, OfferRequest
from serving.database import reading
from serving.flows import follow_offers, score_event
from serving.knowledge import Clock
from serving.ledger.rewards import Deposit, fund_campaign
from serving.parts import Parts, assemble
from serving.policy import HOUR
from serving.pricing import campaigns
from serving.pricing.offers import make_offers
from serving.records import Unit

START: Final = micros_of(datetime(2026, 3, 2, tzinfo=UTC))
DAY: Final = 24 * HOUR
SHOWN: Final = 4
VISITS_A_DAY: Final = 1.5
KINDS: Final = {"survey": (-1.6, 0.9), "install": (-2.2, 1.1), "game": (-3.0, 1.3)}
"""Of a kind of task: log odds of completion at a reward of a hundredth, and how they rise with its logarithm."""
COUNTRIES: Final = (("CN", 0.8), ("MY", 0.1), ("SG", 0.1))


@dataclass(frozen=True)
class Task:
    campaign_id: str
    kind: str
    value_micros: int


@dataclass
class Made:
    """So far."""

    offers: int = 0
    completions: int = 0


def offering(home: Home, people: int, days: int, seed: int, advance: Callable[[int], object] = lambda _: None) -> Made:
    """Fill an empty home. Raises UserError for one that holds anything."""
    if home.log.exists() or home.records.exists():
        raise UserError(f"{home.root} is not empty: set ASSAY_HOME to a folder that does not exist yet")
    home.root.mkdir(parents=True, exist_ok=True)
    home.manifest_file.write_text(json.dumps({"clock": Clock.EVENTS}))
    parts = assemble(home, place=home.records)
    try:
        market = _Market(parts, Random(seed), people, days)  # noqa: S311  # a simulation, no secrets
        market.open()
        for day in range(days):
            market.live(day)
            advance(1)
        market.close()
    finally:
        parts.engine.dispose()
    return market.made


class _Market:
    """A few campaigns with budgets, and people who come back."""

    def __init__(self, parts: Parts, dice: Random, people: int, days: int) -> None:
        self.parts, self.dice, self.people, self.days = parts, dice, people, days
        self.made = Made()
        self.tasks = [
            Task(f"c-{kind}-{at}", kind, round(dice.lognormvariate(0, 0.5) * 10) * 100_000 + 200_000)
            for kind in KINDS
            for at in range(3)
        ]
        self.like = [self._like() for _ in range(people)]
        self.keen = [dice.gauss(0, 0.8) for _ in range(people)]

    def open(self) -> None:
        """Each campaign is ordered for the whole time and funded for about as much as is asked of it."""
        ends = instant_of(START + self.days * DAY)
        visits = self.people * self.days * VISITS_A_DAY
        with self.parts.engine.begin() as connection:
            for task in self.tasks:
                body = {"currency": "CNY", "starts_at": instant_of(START), "ends_at": ends, "task_kind": task.kind}
                campaigns.order(Unit(connection, START), task.campaign_id, Campaign.model_validate(body))
                wanted = round(visits * SHOWN / len(self.tasks) * self.dice.uniform(0.15, 0.5)) * task.value_micros
                deposit = Deposit(f"{task.campaign_id}/deposit", task.campaign_id, wanted, "CNY")
                fund_campaign(connection, deposit, START)

    def live(self, day: int) -> None:
        """The visits of a day, most of them in the evening; every hour the service does what it does unasked."""
        begins = START + day * DAY
        count = np.random.default_rng([day, self.people]).poisson(self.people * VISITS_A_DAY)
        weights = self.parts.policy.pricing.traffic_by_hour
        hours = Counter((hour - 8) % 24 for hour in self.dice.choices(range(24), weights=weights, k=int(count)))
        for hour in range(24):
            with self.parts.engine.begin() as connection:
                for at in sorted(self.dice.randrange(HOUR) for _ in range(hours[hour])):
                    self._visit(connection, begins + hour * HOUR + at)
            self._follow(begins + (hour + 1) * HOUR)

    def close(self) -> None:
        """Time passes until every outcome is known."""
        now = START + (self.days + 30) * DAY
        last = {"event_id": "last", "kind": "login", "user_id": "u00000", "occurred_at": instant_of(now)}
        with self.parts.engine.begin() as connection:
            score_event(Event.model_validate(last), self.parts, Unit(connection, now))
        while self._follow(now):
            pass

    def _follow(self, now: int) -> int:
        """What ran out is released, what became known is learned, prices move; how much was released or known."""
        pricer = self.parts.pricer
        with self.parts.engine.begin() as connection:
            done = follow_offers(Unit(connection, now), self.parts)
        with reading(self.parts.engine) as connection:
            pricer.learn(pricer.news(connection))
            pricer.tick(now, campaigns.plans(connection))
        return done

    def _visit(self, connection: Any, at: int) -> None:
        person, unit = self.dice.randrange(self.people), Unit(connection, at)
        shown = self.dice.sample(self.tasks, SHOWN)
        request = OfferRequest.model_validate(
            {
                "request_id": f"r{at}-{person}",
                "user_id": f"u{person:05d}",
                "occurred_at": instant_of(at),
                "candidates": [
                    {
                        "task_id": f"t-{task.campaign_id}",
                        "campaign_id": task.campaign_id,
                        "value_micros": task.value_micros,
                        "currency": "CNY",
                        "task_kind": task.kind,
                    }
                    for task in shown
                ],
            }
        )
        kinds = {task.campaign_id: task.kind for task in self.tasks}
        for offer in make_offers(unit, request, self.parts.terms).offers:
            self.made.offers += 1
            self._consider(unit, person, offer, kinds[offer.campaign_id], at)

    def _consider(self, unit: Unit, person: int, offer: Offer, kind: str, at: int) -> None:
        start, slope = KINDS[kind]
        odds = np.exp(start + slope * np.log1p(offer.reward_micros / 10_000) / 2 + self.keen[person] - 1.5)
        if self.dice.random() < odds / (1 + odds):
            self._do("task_started", unit, person, offer, at + 1)
            self._do("task_completed", unit, person, offer, at + 2)
            self.made.completions += 1

    def _do(self, kind: str, unit: Unit, person: int, offer: Offer, at: int) -> None:
        event = {
            "event_id": f"{offer.offer_id}-{kind}",
            "kind": kind,
            "occurred_at": instant_of(at),
            "user_id": f"u{person:05d}",
            "offer_id": offer.offer_id,
            "campaign_id": offer.campaign_id,
            "partner_id": "p-demo",
        }
        score_event(Event.model_validate(event | self.like[person]), self.parts, Unit(unit.connection, at))

    def _like(self) -> dict[str, Any]:
        country = self.dice.choices([name for name, _ in COUNTRIES], weights=[share for _, share in COUNTRIES])[0]
        tier, price = self.dice.randint(1, 4), self.dice.randint(1, 5)
        return {"country": country, "city_tier": tier, "fingerprint": {"price_tier": price}}
