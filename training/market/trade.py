"""A week of a market under a policy: visits by time, one offer each, and a book that no policy can overdraw."""

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from training.market.bound import open_sets
from training.market.protocol import SEGMENTS
from training.market.world import DAY, HOUR, Market

TICK: Final = HOUR // 6
ACCEPT: Final = HOUR // 2
"""What was not begun by then is released."""
COMPLETE: Final = HOUR
"""What was begun is done by then; most are done in a few minutes."""
MINUTES_MEAN: Final = 12.0


class Offer(NamedTuple):
    """A campaign, by its place, at a level of the ladder; `note` is the policy's own, given back with the outcome."""

    campaign: int
    level: int
    note: Any = None


class Policy(Protocol):
    """What is tried in a market. Times are microseconds since the market's beginning, a Monday at local midnight.

    It never learns who comes, only in which segment; and of an offer what became of it, once that is settled.
    """

    def offer(self, at: int, segment: str, open_now: Sequence[int], left_micros: Sequence[int]) -> Offer | None:
        """What to offer a visitor: one of the campaigns that are `open_now`, or nothing. `left_micros`: by campaign."""

    def ended(self, at: int, offer: Offer, segment: str, *, completed: bool, offered_at: int) -> None:
        """What became of an offer."""

    def tick(self, at: int, open_now: Sequence[int], unspent_micros: Sequence[int]) -> None:
        """Every ten minutes: what is not settled of each campaign's budget, and, last, of the platform's."""


class Book:
    """Budgets in micros, by campaign and, last, the platform's: an offer holds what it may cost until it has ended."""

    def __init__(self, budgets: Sequence[int]) -> None:
        self.budgets = list(budgets)
        self.settled = [0] * len(budgets)
        self.left = list(budgets)

    def hold(self, place: int, micros: int) -> None:
        """Raises ValueError for more than is left: a policy that is offered what is left has no reason to."""
        if micros > self.left[place]:
            raise ValueError(f"budget {place}: {micros} micros asked for, {self.left[place]} left")
        self.left[place] -= micros

    def settle(self, place: int, held_micros: int, micros: int) -> None:
        """Of what was held, so much is paid and the rest is free again."""
        self.left[place] += held_micros - micros
        self.settled[place] += micros

    def unspent(self) -> list[int]:
        return [budget - settled for budget, settled in zip(self.budgets, self.settled, strict=True)]

    def overspent_micros(self) -> int:
        return sum(max(-unspent, 0) for unspent in self.unspent())


@dataclass
class Traded:
    """What happened. `spent` is what was settled of each budget by the end of each hour, micros: (hour, budget)."""

    book: Book
    spent: list[list[int]]
    earned_micros: int = 0
    offers: int = 0
    completions: int = 0
    margin_breaches: int = 0
    floor_breaches: int = 0


class _Open(NamedTuple):
    """An offer on its way: to whom, and how it will end."""

    offer: Offer
    segment: str
    offered_at: int
    completed: bool
    valid: bool


def trade(market: Market, policy: Policy, seed: int, advance: Callable[[int], object] = lambda _: None) -> Traded:
    """The market under the policy. Chance is drawn by visit, so that it is the same for every policy of a seed."""
    floor = _Floor(market, policy, seed)
    hours = market.setting.days * 24
    for hour in range(hours):
        for tick in range(hour * HOUR, (hour + 1) * HOUR, TICK):
            floor.until(tick)
            policy.tick(tick, floor.open_at(tick), floor.book.unspent())
            floor.visited(tick + TICK)
        floor.traded.spent.append(list(floor.book.settled))
        advance(1)
    floor.until(hours * HOUR + COMPLETE)
    floor.traded.spent[-1] = list(floor.book.settled)
    return floor.traded


class _Floor:
    """Where it happens: visits in their order, offers on their way, and the book."""

    def __init__(self, market: Market, policy: Policy, seed: int) -> None:
        rng = np.random.default_rng([seed, 9])
        visits = len(market.visits.at)
        self.market, self.policy = market, policy
        self.book = Book([*(one.budget_micros for one in market.campaigns), market.platform_micros])
        self.traded = Traded(self.book, [])
        self._luck = rng.random((visits, 2)).tolist()
        self._delays = (np.minimum(rng.exponential(MINUTES_MEAN, visits), 59.0) * 60_000_000).astype(np.int64).tolist()
        self._states, self._days = market.begins.tolist(), [0] * len(market.begins)
        self._chances, self._following = market.people.chances.tolist(), market.people.following.tolist()
        sets, table = open_sets(market)
        self._sets, self._open = sets.tolist(), [np.flatnonzero(row).tolist() for row in table]
        self._visits = [column.tolist() for column in (market.visits.at, market.visits.person, market.visits.segment)]
        self._limits = [(market.floor_micros(one), market.ceiling_micros(one)) for one in market.campaigns]
        self._next, self._serial = 0, 0
        self._due: list[tuple[int, int, _Open]] = []

    def open_at(self, at: int) -> list[int]:
        return [place for place, one in enumerate(self.market.campaigns) if one.starts_at <= at < one.ends_at]

    def visited(self, until: int) -> None:
        """All visits before `until`, and what is settled meanwhile."""
        times = self._visits[0]
        while self._next < len(times) and times[self._next] < until:
            self.until(times[self._next])
            self._visit(self._next)
            self._next += 1

    def until(self, at: int) -> None:
        """Settle what ends by then."""
        while self._due and self._due[0][0] <= at:
            ended_at, _, one = heapq.heappop(self._due)
            self._settle(one)
            self.policy.ended(ended_at, one.offer, one.segment, completed=one.completed, offered_at=one.offered_at)

    def _visit(self, place: int) -> None:
        at, person, segment = (column[place] for column in self._visits)
        if self._days[person] != at // DAY:
            self._days[person], self._states[person] = at // DAY, int(self.market.begins[person])
        left, name = self.book.left, SEGMENTS[segment]
        open_now = [one for one in self._open[self._sets[place]] if self._is_payable(one, left)]
        offer = self.policy.offer(at, name, open_now, left) if open_now else None
        if offer is None:
            return
        self._hold(offer)
        campaign, state = self.market.campaigns[offer.campaign], self._states[person]
        completed = self._luck[place][0] < self._chances[campaign.kind][segment][state][offer.level]
        self._states[person] = self._following[state][offer.level][completed]
        self._serial += 1
        valid = completed and self._luck[place][1] < campaign.quality
        ends_at = at + (self._delays[place] if completed else ACCEPT)
        heapq.heappush(self._due, (ends_at, self._serial, _Open(offer, name, at, completed, valid)))

    def _is_payable(self, place: int, left: Sequence[int]) -> bool:
        """Whether the book could hold a completion at the dearest reward that is allowed."""
        return left[place] >= self.market.campaigns[place].value_micros and left[-1] >= self._limits[place][1]

    def _hold(self, offer: Offer) -> None:
        reward, (floor, ceiling) = self.market.setting.ladder_micros[offer.level], self._limits[offer.campaign]
        self.book.hold(offer.campaign, self.market.campaigns[offer.campaign].value_micros)
        self.book.hold(len(self._limits), reward)
        self.traded.offers += 1
        self.traded.margin_breaches += reward > ceiling
        self.traded.floor_breaches += reward < floor

    def _settle(self, one: _Open) -> None:
        """The person is paid for a completion, the advertiser for a valid one."""
        value = self.market.campaigns[one.offer.campaign].value_micros
        reward = self.market.setting.ladder_micros[one.offer.level]
        billed, paid = value if one.valid else 0, reward if one.completed else 0
        self.book.settle(one.offer.campaign, value, billed)
        self.book.settle(len(self._limits), reward, paid)
        self.traded.earned_micros += billed - paid
        self.traded.completions += one.completed
