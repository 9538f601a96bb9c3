"""A market under any policy: the book cannot be overdrawn, chance is the market's own, and no one beats the bound."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from training.market.bound import allowed_levels, bound_of
from training.market.families import Fatigue, LogitJump
from training.market.measures import measured, pacing_error, rmse
from training.market.trade import Book, Offer, trade
from training.market.world import SHOCK_DAY, SHOCK_HOURS, Market, Setting, found, hour_weights

LADDER = (50_000, 100_000, 200_000, 500_000, 1_000_000)
SETTING = Setting(LADDER, 0.3, people=500, days=2, completions_large_min=100)


class Flat:
    """Offers the open campaign that is worth most, at the same place of its allowed levels to everybody."""

    def __init__(self, market: Market, place: int = 0) -> None:
        self.market, self.place = market, place
        self.levels = [np.flatnonzero(row) for row in allowed_levels(market)]
        self.told: list[tuple[int, int, bool]] = []
        self.ticks: list[int] = []

    def offer(self, at: int, segment: str, open_now: Sequence[int], left_micros: Sequence[int]) -> Offer | None:
        best = max(open_now, key=lambda one: self.market.campaigns[one].value_micros)
        levels = self.levels[best]
        return Offer(best, int(levels[min(self.place, len(levels) - 1)]), at) if len(levels) else None

    def ended(self, at: int, offer: Offer, segment: str, *, completed: bool, offered_at: int) -> None:
        assert offer.note == offered_at
        self.told.append((at, offered_at, completed))

    def tick(self, at: int, open_now: Sequence[int], unspent_micros: Sequence[int]) -> None:
        self.ticks.append(at)


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("make", [LogitJump, Fatigue])
def test_no_flat_price_earns_more_than_the_bound(make: type[LogitJump], seed: int) -> None:
    market = found(SETTING, make, seed)
    bound = bound_of(market)
    for place in range(4):
        run = measured(market, bound, trade(market, Flat(market, place), seed))
        assert run.overspend_micros == run.margin_breaches == run.floor_breaches == 0
        assert 0 < run.value_over_bound < 1.02  # above 1 only by the luck of a few hundred completions


def test_a_policy_that_spends_all_at_once_spends_no_more_than_there_is() -> None:
    market = found(SETTING, LogitJump, 3)
    poor = replace(
        market, campaigns=tuple(replace(one, budget_micros=5 * one.value_micros) for one in market.campaigns)
    )
    traded = trade(poor, Flat(poor, 3), 3)
    assert traded.book.overspent_micros() == 0
    assert traded.book.left == traded.book.unspent()  # nothing stays held
    assert traded.completions > 5


def test_a_dear_or_a_cheap_offer_is_counted() -> None:
    market = replace(found(SETTING, LogitJump, 3), platform_micros=10**12)

    class Greedy(Flat):
        def offer(self, at: int, segment: str, open_now: Sequence[int], left_micros: Sequence[int]) -> Offer | None:
            return Offer(open_now[0], 4, at)

    floors = tuple(replace(one, floor_micros=10**9) for one in market.campaigns)
    assert trade(market, Greedy(market), 1).margin_breaches > 0
    assert trade(replace(market, campaigns=floors), Greedy(market), 1).floor_breaches > 0


def test_every_offer_is_told_of_once_and_never_before_it_ended() -> None:
    market = found(SETTING, LogitJump, 4)
    policy = Flat(market)
    traded = trade(market, policy, 4)
    assert len(policy.told) == traded.offers
    assert sum(done for *_, done in policy.told) == traded.completions
    assert all(offered < at for at, offered, _ in policy.told)
    assert [at for at, *_ in policy.told] == sorted(at for at, *_ in policy.told)
    assert len(policy.ticks) == 2 * 24 * 6


def test_a_seed_gives_the_same_market_and_another_one_another() -> None:
    one, same, other = (
        trade(found(SETTING, LogitJump, seed), Flat(found(SETTING, LogitJump, seed)), seed) for seed in (5, 5, 6)
    )
    assert (one.earned_micros, one.spent) == (same.earned_micros, same.spent)
    assert one.earned_micros != other.earned_micros


def test_the_book_refuses_to_hold_what_is_not_there() -> None:
    book = Book([100])
    book.hold(0, 60)
    with pytest.raises(ValueError, match="40 left"):
        book.hold(0, 41)
    book.settle(0, 60, 50)
    assert (book.left, book.settled, book.unspent(), book.overspent_micros()) == ([50], [50], [50], 0)


def test_visits_have_the_hourly_shape_and_a_shock_adds_to_its_hours_only() -> None:
    setting = replace(SETTING, people=20_000, days=7)
    calm, shocked = (found(replace(setting, shock=shock), LogitJump, 7) for shock in (False, True))
    hours = [np.bincount(one.visits.at // 3_600_000_000, minlength=168) for one in (calm, shocked)]
    planned = np.concatenate([hour_weights(day) for day in range(7)]) * 20_000 * setting.visits_per_day
    assert hours[0] == pytest.approx(planned, rel=0.25)
    noon = slice(SHOCK_DAY * 24 + SHOCK_HOURS[0], SHOCK_DAY * 24 + SHOCK_HOURS[1])
    assert hours[1][noon].sum() > 1.6 * hours[0][noon].sum()
    assert hours[1].sum() - hours[1][noon].sum() == pytest.approx(hours[0].sum() - hours[0][noon].sum(), rel=0.02)
    assert [one.campaign_id for one in shocked.campaigns][-1] == "sudden"


def test_spending_along_the_visits_is_no_pacing_error_and_spending_at_once_is_one() -> None:
    market = found(SETTING, LogitJump, 8)
    traded = trade(market, Flat(market), 8)
    budget = market.campaigns[0].budget_micros
    came = [int(np.searchsorted(market.visits.at, (hour + 1) * 3_600_000_000)) for hour in range(48)]
    traded.spent = [[budget * one // len(market.visits.at)] for one in came]
    assert pacing_error(market, traded, 0) == pytest.approx(0, abs=1e-6)
    traded.spent = [[budget]] * 48
    assert pacing_error(market, traded, 0) > 0.3
    assert rmse([3.0, 4.0]) == pytest.approx(12.5**0.5)
    assert rmse([]) is None
