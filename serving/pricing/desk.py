"""The pricing desk: one object that chooses every price, that learns, and that paces every budget.

How to use it (the service and the market bench do exactly this):

    desk = Desk(policy)                                  # or Desk.loads(bytes, policy): all that was learned is in them
    quoted = desk.quotes(asked, now, dice)               # candidates of one person -> Quoted(offers, refusals)
    desk.learn(Outcome(...), now)                        # once an offer is done, or its complete_by has passed
    desk.tick(now, {campaign_id: Budget(...), PLATFORM: Budget(...)})   # every few minutes: duals and curves move

`asked` is one `Asked` a candidate, in any order; `Quoted` names each by its place in it, the offers best first. Every
`Quote` that is returned counts as offered: it is expected to spend, and its outcome is waited for. What it says
(propensity, stratum, policy version, allowed_micros, chance) belongs in the offer log. `now` is in microseconds since
1970. A campaign that `tick` was never told of is not paced; its `remaining_micros` still bounds it. One that it is told
of before it begins is made room for. Not thread-safe: one desk belongs to the service's one writer.

Whatever cannot be priced rightly is refused or priced by the static ladder, with its reason; it is never guessed.
"""

import heapq
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from math import nan
from random import Random
from typing import Any, Final, NamedTuple

from serving.policy import HOUR, Policy
from serving.pricing.exploration import STATIC, Draw, Purse, full, local
from serving.pricing.guardrails import Reading
from serving.pricing.menus import Chances, Menu, Menus, Refusal
from serving.pricing.outlook import CANDIDATES_MAX, Known, Outlook
from serving.pricing.pacing import Pacer, Traffic
from serving.pricing.response import Key, Response
from serving.pricing.value import Duals, worth

FORMAT: Final = 2
DAY: Final = 24 * HOUR
PLATFORM: Final = "platform"
"""The name under which `tick` is told of the platform's own budget, from which rewards are paid."""
FRESH: Final = 40
"""Curves are drawn anew once one in so many of the outcomes they rest on is new."""
USUAL: Final = "the usual reward for this task"
TRIAL: Final = "we are trying out a different reward for this task"


class Asked(NamedTuple):
    """A candidate. The first eight fields, and no others, are what its price may read (`guardrails.Reading`).

    `quality` is the share of completions that are valid and `quality_low` what it is believed to be at least.
    `remaining_micros` is what the ledger could still hold of the campaign's budget, `taken_today` how often the person
    has completed this campaign today, `multiplier` that of the person's daily curve.
    """

    campaign_id: str
    kind: str
    segment: str
    value_micros: int
    currency: str
    quality: float
    quality_low: float
    floor_micros: int
    remaining_micros: int
    starts_at: int = 0
    ends_at: int = 2**62
    fraud: float = 0.0
    multiplier: float = 1.0
    taken_today: int = 0


READS: Final = len(Reading._fields)
assert Asked._fields[:READS] == Reading._fields, (
    "a price reads the first fields of Asked: they must be the allowed ones"
)


class Quote(NamedTuple):
    """A price, and all that is needed to learn from it later. `fallback` names what was missing, if anything was.

    `duals`: the pressures that it was chosen under; None where it is static.
    """

    reward_micros: int
    propensity: float
    stratum: str
    policy_version: str
    reason: str
    allowed_micros: tuple[int, ...]
    chance: float
    worth: float
    fallback: str | None = None
    duals: Duals | None = None


@dataclass(frozen=True)
class Quoted:
    """Places of `asked` with what became of them."""

    offers: list[tuple[int, Quote]]
    refusals: list[tuple[int, Refusal]]


@dataclass(frozen=True)
class Budget:
    """A budget as the ledger knows it: `unspent_micros` is what is not settled yet, held or not. `kind` is that of the
    campaign's tasks, where it is known: by it one that has not begun is foreseen.
    """

    unspent_micros: int
    starts_at: int
    ends_at: int
    currency: str
    kind: str = ""


class Outcome(NamedTuple):
    """What became of an offer. `chance` is the quote's; without it the curve's of today stands in for it."""

    campaign_id: str
    kind: str
    segment: str
    currency: str
    reward_micros: int
    value_micros: int
    quality: float
    completed: bool
    complete_by: int
    chance: float = nan


ENDED: Final = Refusal("ended", "this campaign is not running now")
SPENT: Final = Refusal("spent", "the campaign's budget cannot pay for another completion")
CAPPED: Final = Refusal("capped", "this person has done as many tasks of the campaign today as one may")
PACED: Final = Refusal("paced", "the campaign's budget is kept for others who are still to come")
CURRENCY: Final = Refusal("currency", "the campaign's budget is in another currency")


class Desk:
    """See the module's docstring."""

    def __init__(self, policy: Policy) -> None:
        pricing = policy.pricing
        self.policy = policy
        self.traffic = Traffic(pricing.traffic_by_hour, pricing.weekend_level, pricing.utc_offset_hours)
        self.menus = Menus(policy)
        self.outlook = Outlook(policy)
        self.responses: dict[str, Response] = {}
        self.pacers: dict[str, Pacer] = {}
        self.currencies: dict[str, str] = {}
        self.ticked_at: int | None = None
        self.purses: defaultdict[str, Purse] = defaultdict(lambda: Purse(pricing.full_ladder_cost_max))
        self._waiting: list[tuple[int, int, Outcome]] = []
        self._arrived = 0
        self._folded = self._fresh = 0
        self._curves: dict[tuple[str, str, str], Chances | None] = {}
        self._standing: dict[tuple[Any, ...], tuple[Menu | Refusal, Pacer | None]] = {}

    def quotes(self, asked: Sequence[Asked], now: int, dice: Random, most: int | None = None) -> Quoted:
        """Prices of the candidates of one person, the best first; beyond `most` of them nothing is offered."""
        ranked: list[tuple[float, int, Menu]] = []
        refusals: list[tuple[int, Refusal]] = []
        capped = self.policy.pricing.completions_per_person_day_max
        for at, one in enumerate(asked):
            found: Menu | Refusal
            if not one.starts_at <= now < one.ends_at:
                found = ENDED
            elif not one.remaining_micros >= one.value_micros:
                found = SPENT
            elif one.taken_today >= capped:
                found = CAPPED
            else:
                found = self._menu(one, now)
            if isinstance(found, Refusal):
                refusals.append((at, found))
                continue
            fraud = one.fraud if 0 <= one.fraud <= 1 else 0.0
            value = worth(found.gain, found.cost, fraud, one.multiplier)
            if value > 0 or found.fallback is not None:
                ranked.append((-value, at, found))
            else:
                refusals.append((at, PACED))
        now_open = [one for one in asked[:CANDIDATES_MAX] if one.starts_at <= now < one.ends_at]
        self.outlook.saw(Reading._make(one[:READS]) for one in now_open)
        ranked.sort(key=lambda one: one[:2])
        if PLATFORM in self.pacers:
            self.pacers[PLATFORM].asked += 1
        offers = [(at, self._quote(asked[at], menu, -value, dice)) for value, at, menu in ranked[:most]]
        return Quoted(offers, refusals)

    def learn(self, outcome: Outcome, now: int) -> None:
        """What became of an offer, once it is done or can no longer be. Its curve learns when `complete_by` has passed.

        Before, only completions would be known of the offers of the last hours, and the chance would look too high.
        """
        chance = self._chance(outcome)
        self._settle(outcome.campaign_id, outcome.currency, chance * outcome.value_micros * outcome.quality)
        self._settle(PLATFORM, outcome.currency, chance * outcome.reward_micros)
        self._arrived += 1
        heapq.heappush(self._waiting, (max(outcome.complete_by, now), self._arrived, outcome))

    def tick(self, now: int, budgets: Mapping[str, Budget]) -> None:
        """Judge what was spent, learn what is mature, and let every price be chosen anew."""
        self.ticked_at = now
        for name, budget in budgets.items():
            if name not in self.pacers:
                self.pacers[name] = Pacer(budget.starts_at, budget.ends_at)
            self.currencies[name] = budget.currency
            self.pacers[name].ends_at = budget.ends_at
            ahead = self.outlook.ahead(name, now, budget.ends_at, self.traffic)
            self.pacers[name].tick(now, budget.unspent_micros, self.traffic, ahead)
        for name in [name for name, pacer in self.pacers.items() if pacer.ends_at < now - DAY]:
            del self.pacers[name], self.currencies[name]
        if self._mature(now):
            self._curves.clear()
        self._foresee(now, budgets)
        self._standing.clear()
        self.menus.renew(now)

    def dumps(self) -> bytes:
        """All that was learned and is kept in mind, as JSON."""
        kept = {
            "format": FORMAT,
            "responses": {name: one.dumps().decode() for name, one in sorted(self.responses.items())},
            "pacers": {name: asdict(one) for name, one in sorted(self.pacers.items())},
            "currencies": self.currencies,
            "purses": {name: one.left for name, one in sorted(self.purses.items())},
            "menus": self.menus.dump(),
            "outlook": self.outlook.dump(),
            "waiting": [[until, order, list(outcome)] for until, order, outcome in sorted(self._waiting)],
            "arrived": self._arrived,
        }
        return json.dumps(kept, separators=(",", ":"), sort_keys=True).encode()

    @classmethod
    def loads(cls, kept: bytes, policy: Policy) -> "Desk":
        """The desk that `dumps` wrote, under a policy. Raises ValueError for other bytes."""
        try:
            found = json.loads(kept)
            if found["format"] != FORMAT:
                raise ValueError(f"format: {found['format']}, and this code reads {FORMAT}; start from the offer log")
            desk = cls(policy)
            desk.responses = {name: Response.loads(one.encode()) for name, one in found["responses"].items()}
            desk.pacers = {name: Pacer(**one) for name, one in found["pacers"].items()}
            desk.currencies = found["currencies"]
            for name, left in found["purses"].items():
                desk.purses[name].left = left
            desk.menus.restore(found["menus"])
            desk.outlook.restore(found["outlook"])
            desk._waiting = [(until, order, Outcome(*one)) for until, order, one in found["waiting"]]
            desk._arrived = found["arrived"]
        except (KeyError, TypeError, UnicodeDecodeError) as failure:
            raise ValueError("desk: these bytes are no dump of a desk; start from the offer log") from failure
        return desk

    def _foresee(self, now: int, budgets: Mapping[str, Budget]) -> None:
        """A budget that was never judged begins with the pressure that is foreseen for it."""
        known = {
            name: Known(self.pacers[name].left, one.starts_at, one.ends_at, one.currency, one.kind)
            for name, one in budgets.items()
            if name != PLATFORM and name in self.pacers
        }
        rewards = self.pacers[PLATFORM].pressure if PLATFORM in self.pacers else 0.0
        for name, pressure in self.outlook.look(now, known, self._chances_of, rewards, self.traffic).items():
            if not self.pacers[name].judgements:
                self.pacers[name].pressure = pressure

    def _chances_of(self, reading: Reading) -> Sequence[float] | None:
        curve = self._curve(reading.currency, reading.kind, reading.segment)
        return None if curve is None else curve.chance

    def _menu(self, one: Asked, now: int) -> Menu | Refusal:
        """The menu that stands until the next tick; that this campaign was asked for is counted."""
        reading = one[:READS]
        known = self._standing.get(reading)
        if known is None:
            known = self._standing[reading] = self._made(Reading._make(reading), now), self.pacers.get(one.campaign_id)
        menu, pacer = known
        if pacer is not None:
            pacer.asked += 1
        return menu

    def _made(self, reading: Reading, now: int) -> Menu | Refusal:
        name, currency = reading.campaign_id, reading.currency
        if self.currencies.get(name, currency) != currency:
            return CURRENCY
        duals = self.duals(name, currency)
        return self.menus.make(reading, lambda segment: self._curve(currency, reading.kind, segment), duals, now)

    def duals(self, campaign_id: str, currency: str) -> Duals:
        """The pressures of the two budgets that an offer would spend, which stand until the next tick."""
        return Duals(self._pressure(campaign_id, currency), self._pressure(PLATFORM, currency))

    def _curve(self, currency: str, kind: str, segment: str) -> Chances | None:
        """The chance at each level and its upper bound, read once between two ticks; None where NaN says nothing."""
        key = currency, *self._key(kind, segment)
        if key not in self._curves:
            response = self._response(currency)
            curve, offered = response.curve(key[1:]), response.offered(key[1:]).tolist()
            chance, high = curve.chance.tolist(), curve.high.tolist()
            sound = all(0 <= one <= 1 for one in (*chance, *high))
            self._curves[key] = Chances(chance, high, offered) if sound else None
        return self._curves[key]

    def _quote(self, one: Asked, menu: Menu, value: float, dice: Random) -> Quote:
        draw = self._draw(one, menu, value, dice)
        reward, chance = self.policy.reward.ladder_micros[draw.level], menu.chance[draw.level]
        self._spend(one.campaign_id, one.currency, chance, one.value_micros * one.quality)
        self._spend(PLATFORM, one.currency, chance, reward)
        return Quote(
            reward_micros=reward,
            propensity=draw.propensity,
            stratum=draw.stratum,
            policy_version=self.policy.version,
            reason=USUAL if draw.level == menu.base else TRIAL,
            allowed_micros=menu.allowed_micros,
            chance=chance,
            worth=value,
            fallback=menu.fallback or (None if _is_share(one.fraud) else "fraud"),
            duals=menu.duals,
        )

    def _draw(self, one: Asked, menu: Menu, value: float, dice: Random) -> Draw:
        if menu.fallback is not None:
            return Draw(menu.base, 1.0, STATIC)
        purse = self.purses[one.currency]
        purse.put_by(value)
        if dice.random() < self.policy.pricing.full_ladder and purse.spend(menu.full_loss):
            return full(menu.inside, dice)
        return local(menu.local, dice)

    def _spend(self, name: str, currency: str, chance: float, amount: float) -> None:
        if name in self.pacers and self.currencies[name] == currency:
            self.pacers[name].spend(chance, amount)

    def _settle(self, name: str, currency: str, expected: float) -> None:
        if name in self.pacers and self.currencies[name] == currency:
            self.pacers[name].settle(expected)

    def _pressure(self, name: str, currency: str) -> float:
        pacer = self.pacers.get(name)
        return pacer.pressure if pacer is not None and self.currencies[name] == currency else 0.0

    def _chance(self, outcome: Outcome) -> float:
        if _is_share(outcome.chance):
            return outcome.chance
        response = self._response(outcome.currency)
        return float(response.chance(self._key(outcome.kind, outcome.segment), outcome.reward_micros)[0])

    def _mature(self, now: int) -> bool:
        """Fold the outcomes whose time is over, key by key. Whether there is enough that is new to draw curves anew."""
        ready: defaultdict[tuple[str, Key, int], list[Outcome]] = defaultdict(list)
        while self._waiting and self._waiting[0][0] <= now:
            until, _, outcome = heapq.heappop(self._waiting)
            ready[outcome.currency, self._key(outcome.kind, outcome.segment), until // DAY].append(outcome)
        for (currency, key, epoch), outcomes in ready.items():
            rewards, completed = [one.reward_micros for one in outcomes], [int(one.completed) for one in outcomes]
            self._response(currency).learn(key, rewards, completed, epoch)
            self._fresh += len(outcomes)
            self._folded += len(outcomes)
        if self._fresh * FRESH < self._folded or not self._fresh:
            return False
        self._fresh = 0
        return True

    def _key(self, kind: str, segment: str) -> Key:
        return kind, segment if segment in self.policy.pricing.segments else ""

    def _response(self, currency: str) -> Response:
        """Amounts of two currencies are not comparable, so each has curves of its own."""
        if currency not in self.responses:
            half_life = self.policy.pricing.response_half_life_days
            self.responses[currency] = Response(self.policy.reward.ladder_micros, half_life_epochs=half_life)
        return self.responses[currency]


def _is_share(number: float) -> bool:
    return 0 <= number <= 1
