"""What a task may be offered at until the next tick: the allowed levels, the usual one, and what each is worth."""

from collections.abc import Callable, Mapping, Sequence
from math import exp, isfinite
from typing import Any, Final, NamedTuple

from serving.policy import HOUR, Policy
from serving.pricing.exploration import local_chances
from serving.pricing.guardrails import Reading, Steps, allowed, ceiling_micros, moved, similar
from serving.pricing.value import Duals, costs, gains

CHANCE_UNKNOWN: Final = 0.5
"""Stands in for a curve that is not to be had, in ranking only: a static price does not depend on it."""
KNOWN: Final = 40
"""Outcomes of a kind of task at a level from which on they say what the level and those beside it are worth: a chance
of a half is then known to .08. Until then the prior alone would say it, which knows no kind of task and is too hopeful
of low pay. By these steps a price leaves the static one, each on outcomes of the one before, however late they come.
"""
YIELD_MAX: Final = 0.7
"""A static price gives way to the pressure of its campaign by half at most: as long as no outcome is known, pressures,
too, rest on the prior, and a hopeful one sees budgets run dry on which nobody draws.
"""

Key = tuple[Any, ...]


class Chances(NamedTuple):
    """By level of the ladder: the chance of completion, the upper end of its interval, and how many outcomes of offers
    of this kind of task are known, an old one counting for less.
    """

    chance: Sequence[float]
    high: Sequence[float]
    outcomes: Sequence[float]


CurveOf = Callable[[str], Chances | None]
"""From a segment (blank: everybody) to its chances; None where the curve is not to be had."""


class Refusal(NamedTuple):
    """Why a candidate has no price: `code` for machines, `reason` for people."""

    code: str
    reason: str


UNCLEAR: Final = Refusal("unclear", "value, quality or floor is not a number that can be priced")
MARGIN: Final = Refusal("margin", "worth less than the lowest reward and our margin")


class Menu(NamedTuple):
    """`inside` are the allowed places of the ladder, `base` the usual one, `local` how likely each one beside it is.

    `gain` and `cost` are those of the usual level, in micros, as one may hope: who is little known is tried before it
    is passed over. `full_loss` is what a draw from all of `inside` loses on average. `fallback` names why a price is
    static, with one level; without `duals`, for none was asked.
    """

    inside: range
    base: int
    local: Mapping[int, float]
    chance: Sequence[float]
    gain: float
    cost: float
    full_loss: float
    allowed_micros: tuple[int, ...]
    fallback: str | None
    duals: Duals | None


class _Task(NamedTuple):
    """A task with its allowed levels and the prices of its budgets."""

    reading: Reading
    inside: range
    ladder: tuple[int, ...]
    duals: Duals

    def worths(self, chance: Sequence[float]) -> list[float]:
        """What an offer is worth, by level of the ladder."""
        won = gains(chance, self.reading.value_micros * self.reading.quality, self.duals)
        return [gain - cost for gain, cost in zip(won, costs(chance, self.ladder, self.duals), strict=True)]

    def menu(self, local: Mapping[int, float], curve: Chances, full_loss: float, fallback: str | None = None) -> Menu:
        """`local` begins with the usual level."""
        base = next(iter(local))
        hoped, value = curve.high[base], self.reading.value_micros * self.reading.quality
        (gain,), (cost,) = gains([hoped], value, self.duals), costs([hoped], [self.ladder[base]], self.duals)
        allowed_micros = self.ladder[self.inside.start : self.inside.stop]
        duals = self.duals if fallback is None else None
        return Menu(self.inside, base, local, curve.chance, gain, cost, full_loss, allowed_micros, fallback, duals)


class Menus:
    """Makes menus. The caller keeps them until `renew`, so that all who are asked between two ticks see the same."""

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        self._ladder = policy.reward.ladder_micros
        self._made: dict[Reading, Menu] = {}
        self._steps: dict[Key, Steps] = {}
        self._anchors: dict[Key, tuple[int, int]] = {}

    def make(self, reading: Reading, curve_of: CurveOf, duals: Duals, now: int) -> Menu | Refusal:
        """The menu of a reading. Refused where no level keeps floor and margin, or a number cannot be meant."""
        made = self._menu(reading, curve_of, duals, now)
        if isinstance(made, Menu) and made.fallback is None:
            self._made[reading] = made
        return made

    def renew(self, now: int) -> None:
        """All menus end. What was usual until now is remembered for an hour."""
        for reading, menu in self._made.items():
            self._steps[_stepping(reading)].use(menu.base, now)
        self._made.clear()
        self._steps = {key: steps for key, steps in self._steps.items() if steps.recent(now)}
        self._anchors = {key: kept for key, kept in self._anchors.items() if kept[0] >= now // HOUR - 1}

    def dump(self) -> dict[str, Any]:
        """The memory of usual prices, as JSON knows it; `restore` is the inverse."""
        steps = [[list(key), sorted(one.used.items())] for key, one in sorted(self._steps.items())]
        return {"steps": steps, "anchors": [[list(key), list(kept)] for key, kept in sorted(self._anchors.items())]}

    def restore(self, kept: Mapping[str, Any]) -> None:
        self._steps = {tuple(key): Steps(dict(used)) for key, used in kept["steps"]}
        self._anchors = {tuple(key): (hour, place) for key, (hour, place) in kept["anchors"]}

    def _menu(self, reading: Reading, curve_of: CurveOf, duals: Duals, now: int) -> Menu | Refusal:
        if not _is_clear(reading):
            return UNCLEAR
        top = ceiling_micros(reading.value_micros, reading.quality_low, self._policy)
        inside = allowed(self._ladder, reading.floor_micros, top, self._policy)
        if not inside:
            return MARGIN
        if self._policy.pricing.is_static:
            return self._static(reading, inside, "kill switch")
        if not (isfinite(duals.value) and isfinite(duals.reward)):
            return self._static(reading, inside, "pacing")
        own, pooled = curve_of(reading.segment), curve_of("")
        if own is None or pooled is None:
            return self._static(reading, inside, "response")
        task = _Task(reading, inside, self._ladder, duals)
        return self._learned(task, self._anchor(task, pooled, now), own, now)

    def _learned(self, task: _Task, anchor: int, curve: Chances, now: int) -> Menu:
        rules, worths = self._policy.pricing, task.worths(curve.chance)
        near = similar(self._ladder, anchor, task.inside, rules.similar_ratio_max)
        steps = self._steps.setdefault(_stepping(task.reading), Steps())
        base = self._best(task, curve, worths, steps.within(near, now, rules.steps_per_hour_max))
        steps.use(base, now)
        local = local_chances(base, near, worths, self._policy.reward.exploration)
        loss = worths[base] - sum(worths[at] for at in task.inside) / len(task.inside)
        return task.menu(local, curve, max(loss, 0.0))

    def _best(self, task: _Task, curve: Chances, worths: Sequence[float], may: range) -> int:
        """Of the levels that may be, the static one and those that are known or next to one that is, that of most
        worth; where none is among them, the one nearest to the static price.
        """
        static = self._static_place(task.reading, task.inside, task.duals)
        known = [count >= KNOWN for count in curve.outcomes]
        told = [at for at in may if at == static or any(known[max(at - 1, 0) : at + 2])]
        return max(told, key=worths.__getitem__) if told else min(max(static, may[0]), may[-1])

    def _anchor(self, task: _Task, pooled: Chances, now: int) -> int:
        """Where the campaign's prices lie in this hour: at everybody's best, a step from where they lay before."""
        key, hour = _anchoring(task.reading), now // HOUR
        kept_hour, place = self._anchors.get(key, (None, 0))
        if kept_hour != hour:
            best = self._best(task, pooled, task.worths(pooled.chance), task.inside)
            place = moved(place, best, self._policy.pricing.steps_per_hour_max) if kept_hour == hour - 1 else best
            self._anchors[key] = hour, place
        return place

    def _static(self, reading: Reading, inside: range, why: str) -> Menu:
        base, unknown = self._static_place(reading, inside, Duals()), [CHANCE_UNKNOWN] * len(self._ladder)
        curve = Chances(unknown, unknown, unknown)
        return _Task(reading, inside, self._ladder, Duals()).menu({base: 1.0}, curve, 0.0, why)

    def _static_place(self, reading: Reading, inside: range, duals: Duals) -> int:
        """The highest allowed level within the policy's share of the value; where none is, the lowest.

        Budgets that are short make the value less and a reward dearer, and so the share of it smaller.
        """
        kept = exp(-min(duals.value, YIELD_MAX) - duals.reward)
        aim = reading.value_micros * self._policy.reward.share_of_value * kept
        return max((at for at in inside if self._ladder[at] <= aim), default=inside[0])


def _is_clear(reading: Reading) -> bool:
    numbers = 0 <= reading.quality_low <= reading.quality <= 1
    return numbers and reading.value_micros > 0 and reading.floor_micros >= 0


def _stepping(reading: Reading) -> Key:
    """Whose usual price moves by steps: a task, at its value, for a segment."""
    return reading.campaign_id, reading.kind, reading.value_micros, reading.currency, reading.segment


def _anchoring(reading: Reading) -> Key:
    """Among whom prices are similar: all who are offered a task of this campaign, kind and value."""
    return reading.campaign_id, reading.kind, reading.value_micros, reading.currency
