"""The daily curve against ten accounts of one person, and on honest people who look alike: `assay bench daily`.

Nothing is given: every offer, start, completion and withdrawal goes through the flows that serve, the feature engine
finds the links, and the money is what leaves the ledger.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy import Connection

from features.events import Event, Kind, instant_of
from features.home import Home
from pipelines.bench.daily_honest import Honest, honest_in
from pipelines.console import BenchRow, progress, report
from serving.contract import OfferRequest
from serving.decision import Action
from serving.flows import score_event, score_withdrawal
from serving.knowledge import Clock
from serving.ledger.maturity import mature
from serving.ledger.wallets import wallet
from serving.parts import Parts, assemble
from serving.policy import HOUR, Policy, load_policy
from serving.pricing.daily import total_micros
from serving.pricing.offers import make_offers
from serving.records import Unit
from training.splitting import ACCOUNTS, DAYS, FAMILIES, TASKS_A_DAY, WAYS, Act, Way, acts

GAIN_MAX: Final = 0.01
UNITS_A_DAY: Final = (100, 500)
"""Worth of a day's tasks, in units: twice and ten times what is paid in full."""

CURRENCY: Final = "CNY"
MATURE_MICROS: Final = 30 * 24 * HOUR
ASKS_MAX: Final = 2
"""A withdrawal that is settled finds less than it asked for; who asks for what is left gets it."""


@dataclass(frozen=True)
class Outcome:
    """What a way was paid in a month above what its people are with an account each, as a share: as locked, and as
    received in the end.
    """

    way: str
    people: int
    is_told: bool
    units_a_day: int
    locked_gain: float
    received_gain: float


class Platform:
    """A service on an empty home, without a model: what it pays, and what leaves it."""

    def __init__(self, parts: Parts, connection: Connection) -> None:
        self.parts, self.connection = parts, connection
        self.locked, self.received = 0, 0
        self._payouts: dict[str, dict[str, Any] | None] = {}

    def take(self, act: Act) -> None:
        """One event of the person; a start is offered its task before, and completed after."""
        event = Event.model_validate(act.body)
        self._payouts.setdefault(act.user_id, None)
        if event.kind is Kind.WITHDRAWAL_REQUESTED:
            self._payouts[act.user_id] = act.body
            self._withdraw(act.body, event.event_time)
        elif act.reward_micros:
            self._work(event, act.body, act.reward_micros)
        else:
            score_event(event, self.parts, self._unit(event.event_time))

    def end(self) -> None:
        """Who has withdrawn before does so again, and what is left in any wallet counts, too."""
        now = self.parts.knowledge.as_of
        for at, (user_id, body) in enumerate(self._payouts.items()):
            later = now + MATURE_MICROS + at * HOUR
            if body is not None:
                self._withdraw(body | {"event_id": f"last-{user_id}", "occurred_at": instant_of(later)}, later)
            left = wallet(self.connection, user_id, CURRENCY)
            self.received += left.available_micros + left.pending_micros

    def _work(self, event: Event, body: dict[str, Any], reward_micros: int) -> None:
        at = event.event_time
        offer = make_offers(self._unit(at), _asked(event, reward_micros), self.parts.terms).offers[0]
        assert offer.reward_micros == reward_micros, "the ladder has one level"
        score_event(Event.model_validate(body | {"offer_id": offer.offer_id}), self.parts, self._unit(at))
        done = {"event_id": f"{event.event_id}-done", "kind": Kind.TASK_COMPLETED, "offer_id": offer.offer_id}
        later = {"occurred_at": instant_of(at + 1)}
        answer = score_event(Event.model_validate(body | done | later), self.parts, self._unit(at + 1))
        self.locked += answer.reward_micros or 0

    def _withdraw(self, body: dict[str, Any], now: int) -> None:
        while mature(self.connection, now):
            pass
        for asking in range(ASKS_MAX):
            available = wallet(self.connection, body["user_id"], CURRENCY).withdrawable_micros
            if not available:
                return
            asked = {"event_id": f"{body['event_id']}-{asking}", "amount_micros": available}
            answer = score_withdrawal(Event.model_validate(body | asked), self.parts, self._unit(now))
            if answer.decision != Action.DECLINE:
                self.received += available
                return

    def _unit(self, now: int) -> Unit:
        return Unit(self.connection, now)


def _asked(event: Event, reward_micros: int) -> OfferRequest:
    candidate = {"task_id": "t", "campaign_id": "c", "value_micros": 2 * reward_micros, "currency": CURRENCY}
    when = {"occurred_at": event.occurred_at, "request_id": f"{event.event_id}-asked"}
    return OfferRequest.model_validate({"user_id": event.user_id, "candidates": [candidate]} | when)


def measured(way: Way, units_a_day: int, policy: Policy, days: int = DAYS) -> Outcome:
    """`days` days of one way, beside what its people are due for the same work, each through one account."""
    daily = units_a_day * 1_000_000
    made = list(acts(way, daily, days))
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        home = Home(Path(folder))
        home.manifest_file.write_text(json.dumps({"clock": Clock.EVENTS}))
        parts = assemble(home, _one_price(policy, daily // TASKS_A_DAY), home.records)
        with parts.engine.begin() as connection:
            platform = Platform(parts, connection)
            for act in made:
                platform.take(act)
            platform.end()
        parts.engine.dispose()
    due = _due(made, policy)
    gains = (paid / due - 1 for paid in (platform.locked, platform.received))
    return Outcome(way.name, way.people, way.is_told, units_a_day, *gains)


def _due(made: Sequence[Act], policy: Policy) -> int:
    """Of every person and day one curve."""
    begun: Counter[tuple[int, int]] = Counter()
    for act in made:
        begun[act.person, act.day] += act.reward_micros
    return sum(total_micros(micros, policy.daily) for micros in begun.values())


def _one_price(policy: Policy, reward_micros: int) -> Policy:
    """The policy with a ladder of one level, so that every way does work of one price, and payouts of any size.

    Without a model every event is held: for a day here, as long as a task matures anyway.
    """
    event = policy.event.model_copy(update={"hold_hours": 24.0})
    reward = policy.reward.model_copy(update={"ladder_micros": (reward_micros,), "exploration": 0.0})
    limits = policy.withdrawal_limits.model_copy(
        update={"amount_micros_min": 1, "amount_micros_max": 2**52, "currencies": {}}
    )
    open_ended = {"event": event, "reward": reward, "withdrawal_limits": limits, "partner_credit_micros_max": 2**52}
    return policy.model_copy(update=open_ended)


def run(seed: int, worlds: int = 3) -> None:
    """Every way of splitting, then honest people in `worlds` simulated worlds: a table and a JSON object."""
    policy = load_policy()
    ways = (*WAYS, *FAMILIES)
    with progress("daily", len(ways) * len(UNITS_A_DAY) + 1) as advance:
        outcomes = []
        for way in ways:
            for units in UNITS_A_DAY:
                outcomes.append(measured(way, units, policy))
                advance(1)
        honest = honest_in([seed + at for at in range(worlds)], policy.daily)
        advance(1)
    lines, figures = rows(outcomes, honest)
    report(f"one person over {ACCOUNTS} accounts, {DAYS} days", lines, figures | {"worlds": worlds, "seed": seed})


def rows(outcomes: Sequence[Outcome], honest: dict[str, Honest]) -> tuple[list[BenchRow], dict[str, Any]]:
    """The table's lines, and the figures behind them."""
    return [*map(_split_line, outcomes), *_honest_lines(honest)], _figures(outcomes, honest)


def _split_line(outcome: Outcome) -> BenchRow:
    measured = f"{outcome.received_gain:+.2%} received ({outcome.locked_gain:+.2%} locked before it was settled)"
    name = f"{outcome.way}, {outcome.units_a_day} units a day{'' if outcome.is_told else ': nothing tells'}"
    if not outcome.is_told:
        return BenchRow(name, None, measured)
    if outcome.people == 1:
        return BenchRow(name, f"<= {GAIN_MAX:.0%}", measured, outcome.received_gain <= GAIN_MAX)
    return BenchRow(name, "0 lost", measured, outcome.received_gain == outcome.locked_gain == 0)


def _honest_lines(honest: dict[str, Honest]) -> list[BenchRow]:
    return [
        BenchRow(
            f"honest, {group}: lost to links",
            "0",
            f"{one.lost_micros} micros, {one.steep_lost_micros} under a curve from the first cent on; "
            f"{one.linked} of {one.people:,} ever linked, {one.rewards:,} rewards",
            one.people > 0 and one.lost_micros == one.steep_lost_micros == 0,
        )
        for group, one in honest.items()
    ]


def _figures(outcomes: Sequence[Outcome], honest: dict[str, Honest]) -> dict[str, Any]:
    told, untold = (
        [one.received_gain for one in outcomes if one.people == 1 and one.is_told is is_told]
        for is_told in (True, False)
    )
    families = [one.received_gain for one in outcomes if one.people > 1 and one.is_told]
    return {
        "gain_max": max(told, default=None),
        "gain_max_untold": max(untold, default=None),
        "families_gain_min": min(families, default=None),
        "honest_lost_micros": sum(one.lost_micros for one in honest.values()),
        "honest_steep_lost_micros": sum(one.steep_lost_micros for one in honest.values()),
        "honest_linked": sum(one.linked for one in honest.values()),
        "splits": [asdict(one) for one in outcomes],
        "honest": {group: asdict(one) for group, one in honest.items()},
    }
