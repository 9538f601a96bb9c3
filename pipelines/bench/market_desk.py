"""The desk that serves, as a policy of a market: what is measured is what runs."""

from collections.abc import Sequence
from datetime import UTC, datetime
from random import Random
from typing import Final

from features.events import instant_of
from serving.policy import Policy
from serving.pricing.desk import PLATFORM, Asked, Budget, Desk, Outcome
from training.market.protocol import KINDS
from training.market.trade import COMPLETE, Offer
from training.market.world import HOUR, Market

CURRENCY: Final = "CNY"
MONDAY: Final = datetime(2026, 1, 5, tzinfo=UTC)


class Desked:
    """The desk that serves, as a market's policy: the same code, the same policy file, one offer a visit."""

    def __init__(self, market: Market, policy: Policy, seed: int, known_after: int = COMPLETE) -> None:
        self.desk = Desk(policy)
        self._market, self._known_after = market, known_after
        self._dice = Random(seed)  # noqa: S311  # prices are drawn, no secrets
        self._begins = int((MONDAY - instant_of(0)).total_seconds()) * 1_000_000
        self._begins -= policy.pricing.utc_offset_hours * HOUR
        self._standing: dict[tuple[int, str], Asked] = {}
        self._levels = {micros: at for at, micros in enumerate(policy.reward.ladder_micros)}

    def offer(self, at: int, segment: str, open_now: Sequence[int], left_micros: Sequence[int]) -> Offer | None:
        asked = [
            self._standing.get((place, segment)) or self._asked(place, segment, left_micros[place])
            for place in open_now
        ]
        quoted = self.desk.quotes(asked, self._begins + at, self._dice, most=1)
        if not quoted.offers:
            return None
        place, quote = quoted.offers[0]
        return Offer(open_now[place], self._levels[quote.reward_micros], quote)

    def ended(self, at: int, offer: Offer, segment: str, *, completed: bool, offered_at: int) -> None:
        campaign = self._market.campaigns[offer.campaign]
        outcome = Outcome(
            campaign.campaign_id,
            KINDS[campaign.kind],
            segment,
            CURRENCY,
            offer.note.reward_micros,
            campaign.value_micros,
            campaign.quality,
            completed,
            self._begins + offered_at + self._known_after,
            offer.note.chance,
        )
        self.desk.learn(outcome, self._begins + at)

    def tick(self, at: int, open_now: Sequence[int], unspent_micros: Sequence[int]) -> None:
        campaigns = self._market.campaigns
        budgets = {
            campaigns[place].campaign_id: Budget(
                unspent_micros[place],
                self._begins + campaigns[place].starts_at,
                self._begins + campaigns[place].ends_at,
                CURRENCY,
                KINDS[campaigns[place].kind],
            )
            for place in self._ordered(at, open_now)
        }
        self._standing.clear()
        whole = Budget(unspent_micros[-1], self._begins, self._begins + self._market.ends_at, CURRENCY)
        self.desk.tick(self._begins + at, budgets | {PLATFORM: whole})

    def _ordered(self, at: int, open_now: Sequence[int]) -> list[int]:
        """Those that are open, and those that are ordered and have not begun: the service knows of both."""
        campaigns = self._market.campaigns
        return [*open_now, *(place for place, one in enumerate(campaigns) if one.is_ordered and at < one.starts_at)]

    def _asked(self, place: int, segment: str, left_micros: int) -> Asked:
        one = self._market.campaigns[place]
        # The market asks for nothing that it could not hold, so what is left may be as of the last tick.
        self._standing[place, segment] = asked = Asked(
            one.campaign_id,
            KINDS[one.kind],
            segment,
            one.value_micros,
            CURRENCY,
            one.quality,
            one.quality_low,
            one.floor_micros,
            left_micros,
            self._begins + one.starts_at,
            self._begins + one.ends_at,
        )
        return asked
