"""What a candidate price policy would have offered where another one did: the desk's own menus, replayed on the log.

The candidate learns from the logged outcomes as they became known, renews its menus when the logged desk did, and
prices under the pressures of budgets that were logged with every offer: those of the policy that served, for what the
candidate itself would have spent is not known. It begins knowing nothing, so that the log's first part only teaches it.
Judged is the stratum `local`: the few offers of the others are made alike under both policies. A log without pressures
is replayed as while no budget binds, its menus renewed every hour; where budgets moved prices far from those, the gate
refuses.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from features.digests import digest_of
from features.events import instant_of
from pipelines.offered import filled
from serving.policy import HOUR, Policy
from serving.pricing.desk import Asked, Desk, Outcome
from serving.pricing.exploration import LOCAL
from serving.pricing.guardrails import ceiling_micros
from serving.pricing.menus import Menu
from serving.pricing.value import Duals
from training.offpolicy.gate import Guardrail
from training.offpolicy.logged import Floats, Logged

NO_OFFER: Final = 0
"""The level that stands for offering nothing at all: it earns nothing."""
WARM_UP: Final = 0.3
"""Share of the log's time in which the candidate only learns, as the desk that it would take over has learned."""
_KINDS_MAX: Final = 20


@dataclass(frozen=True)
class Repriced:
    """What the gate needs, in micros of `currency`; `left_out` rows by reason."""

    logged: Logged
    candidate: Floats
    guardrails: tuple[Guardrail, ...]
    currency: str
    as_of: int
    left_out: Mapping[str, int]


@dataclass(frozen=True)
class Span:
    """What to judge of a log that ends at `as_of` (microseconds; left out: with the last that it tells), in which
    `currency` may be left out where there is one.
    """

    as_of: int | None = None
    currency: str | None = None
    warm_up: float = WARM_UP


def repriced(table: pl.DataFrame, policy: Policy, usual: Policy, span: Span) -> Repriced:
    """`table` is as `pipelines.offered` reads it, `usual` the policy that serves. An offer counts once its outcome must
    be known, by its time alone: of the younger ones only those would be known that were completed. Raises ValueError
    for a log of two currencies, or of nothing that can be judged.
    """
    if table.is_empty():
        raise ValueError("the log holds no offer")
    currency = _currency(table, span.currency)
    late = usual.reward.late_hours * HOUR
    as_of = _end_of(table, late) if span.as_of is None else span.as_of
    of_currency = filled(table).filter(pl.col("currency") == currency)
    known = of_currency.filter(pl.col("complete_by") + late <= as_of)
    is_warm = _is_warm(known["offered_at"].to_numpy(), span.warm_up)
    of_stratum = (known["stratum"] == LOCAL).to_numpy()
    judged = of_stratum & is_warm
    if not judged.any():
        raise ValueError(_nothing_to_judge(of_currency, known, as_of, late, tried=bool(of_stratum.any())))
    left_out = {
        "another currency": len(table) - len(of_currency),
        "too young": len(of_currency) - len(known),
        "another stratum": int((~of_stratum).sum()),
        "the candidate was still learning": int((of_stratum & ~is_warm).sum()),
    }
    chances = [one for one, keep in zip(_replayed(known, policy, usual), judged, strict=True) if keep]
    rows = known.filter(pl.Series(judged))
    levels = sorted({NO_OFFER, *rows["reward_micros"], *(level for row in chances for level in row)})
    candidate = _matrix(chances, levels)
    logged = _logged(rows, levels, candidate)
    return Repriced(logged, candidate, _guardrails(rows, levels, candidate, policy, usual), currency, as_of, left_out)


def _end_of(table: pl.DataFrame, late: int) -> int:
    """The last offer, or the last instant at which it was noted that nobody had completed one in time."""
    known_until = table.filter(~pl.col("completed"))["complete_by"].max()
    last = int(table["offered_at"][-1])
    return last if not isinstance(known_until, int) else max(last, known_until + late)


def _nothing_to_judge(offers: pl.DataFrame, known: pl.DataFrame, as_of: int, late: int, *, tried: bool) -> str:
    if known.is_empty():
        from_ = instant_of(int((offers["complete_by"] + late).min()))  # type: ignore[arg-type]  # of integers
        return (
            f"of none of {len(offers):,} offers is it known yet whether it was completed: the log ends at "
            f"{instant_of(as_of).isoformat()}, and the first is known from {from_.isoformat()} on. Wait until then, or "
            "give --as-of with a later instant if the log goes on to it"
        )
    if not tried:
        return (
            f"none of {len(known):,} known offers was drawn by lot: the policy that served had static prices, or was "
            "still learning. Let it try levels out (pricing.is_static: false), then judge the offers made since"
        )
    return f"all {len(known):,} known offers fall into the time that only teaches: give a smaller --warm-up"


def _is_warm(offered_at: npt.NDArray[np.int64], warm_up: float) -> npt.NDArray[np.bool_]:
    if not len(offered_at):
        return np.zeros(0, dtype=np.bool_)
    first, last = int(offered_at[0]), int(offered_at[-1])
    return np.asarray(offered_at >= first + warm_up * (last - first))


def _currency(table: pl.DataFrame, asked: str | None) -> str:
    found = sorted(table["currency"].unique().to_list())
    if asked is None and len(found) > 1:
        raise ValueError(f"the log holds {', '.join(found)}: amounts of two cannot be added, give --currency")
    if asked is not None and asked not in found:
        raise ValueError(f"--currency {asked}: the log holds {', '.join(found) or 'nothing'}")
    return asked or (found[0] if found else "")


class _Replayed(Desk):
    """The desk itself, asked with which chances it would offer each level instead of which one it offers, and told the
    pressures of the budgets instead of finding them.
    """

    told = Duals()

    def chances(self, asked: Asked, told: Duals, now: int) -> Mapping[int, float]:
        """By level, within the stratum `local`; all on NO_OFFER where the policy has no price."""
        self.told = told
        menu = self._menu(asked, now)
        if not isinstance(menu, Menu):
            return {NO_OFFER: 1.0}
        return {self.policy.reward.ladder_micros[place]: chance for place, chance in menu.local.items()}

    def duals(self, campaign_id: str, currency: str) -> Duals:  # the desk's own shape
        return self.told


def _replayed(known: pl.DataFrame, policy: Policy, usual: Policy) -> Iterator[Mapping[int, float]]:
    """For every row, what the candidate would have done then, from what was known then."""
    desk, late, since = _Replayed(policy), usual.reward.late_hours * HOUR, 0
    for row in known.iter_rows(named=True):
        desk.learn(_outcome(row, late), 0)  # and the desk itself waits until a tick finds it known
    for row in known.iter_rows(named=True):
        ticked_at = _ticked_at(row, since)
        if ticked_at != since:
            since = ticked_at
            desk.tick(since, {})
        yield desk.chances(_asked(row, usual), _told(row), row["offered_at"])


def _ticked_at(row: Mapping[str, Any], since: int) -> int:
    """When menus were renewed last, as logged; where it was not, they are with the first offer of every hour."""
    if row["ticked_at"] is not None:
        return int(row["ticked_at"])
    now = int(row["offered_at"])
    return now if now // HOUR != since // HOUR else since


def _told(row: Mapping[str, Any]) -> Duals:
    return Duals(row["value_pressure"] or 0.0, row["reward_pressure"] or 0.0)


def _outcome(row: Mapping[str, Any], late: int) -> Outcome:
    """To be learned when the desk that was logged learned it: `late` (microseconds) after it had to be completed, or as
    of when it was noted to be known.
    """
    return Outcome(
        campaign_id=row["campaign_id"],
        kind=row["task_kind"],
        segment=row["segment"],
        currency=row["currency"],
        reward_micros=row["reward_micros"],
        value_micros=row["value_micros"],
        quality=1.0,
        completed=bool(row["completed"]),
        complete_by=max(row["complete_by"] + late, row["known_at"] or 0),
        chance=0.0,  # what it was expected to spend: nothing is paced here
    )


def _asked(row: Mapping[str, Any], usual: Policy) -> Asked:
    """What the price could read then. The floor and the least quality are not logged: they are read off what was
    allowed.
    """
    allowed, value = json.loads(row["allowed_micros"]), row["value_micros"]
    beyond = next((level for level in usual.reward.ladder_micros if level > allowed[-1]), None)
    low = 1.0
    if beyond is not None and beyond <= ceiling_micros(value, 1.0, usual):
        low = min(1.0, allowed[-1] / (value * (1 - usual.reward.margin_min)) + 1e-9)
    quality = low if row["quality"] is None else row["quality"]
    return Asked(
        campaign_id=row["campaign_id"],
        kind=row["task_kind"],
        segment=row["segment"],
        value_micros=value,
        currency=row["currency"],
        quality=quality,
        quality_low=min(low, quality),
        floor_micros=allowed[0],
        remaining_micros=value,
    )


def _matrix(chances: list[Mapping[int, float]], levels: list[int]) -> Floats:
    places = {level: at for at, level in enumerate(levels)}
    matrix = np.zeros((len(chances), len(levels)))
    for row, one in enumerate(chances):
        for level, chance in one.items():
            matrix[row, places[level]] = chance
    return matrix


def _logged(rows: pl.DataFrame, levels: list[int], candidate: Floats) -> Logged:
    """Payoff is the margin: value less reward, where the task was completed."""
    arm = np.searchsorted(levels, rows["reward_micros"].to_numpy()).astype(np.int64)
    gain = rows["value_micros"].to_numpy()[:, None].astype(np.float64) - np.array(levels, dtype=np.float64)
    possible = candidate > 0
    possible[np.arange(len(arm)), arm] = True
    possible[:, levels.index(NO_OFFER)] = False
    return Logged(
        context=_context(rows),
        arm=arm,
        propensity=rows["propensity"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        outcome=rows["completed"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        gain=np.where(possible, gain, 0.0),
        person=np.array([digest_of(user) for user in rows["user_id"]], dtype=np.int64),
    )


def _context(rows: pl.DataFrame) -> Floats:
    """Ones, the value in units of its mean, and the commonest kinds and segments."""
    value = rows["value_micros"].to_numpy().astype(np.float64)
    columns = [np.ones(len(rows)), value / value.mean()]
    for name in ("task_kind", "segment"):
        common = rows[name].value_counts(sort=True)[name].to_list()[1 : 1 + _KINDS_MAX]
        columns += [(rows[name] == one).to_numpy().astype(np.float64) for one in common]
    return np.column_stack(columns)


def _guardrails(
    rows: pl.DataFrame, levels: list[int], candidate: Floats, policy: Policy, usual: Policy
) -> tuple[Guardrail, ...]:
    """What the candidate would have offered, by the limits of the policy that serves; and its own limits by theirs."""
    grid, at = np.array(levels), np.arange(len(rows))
    ceilings = np.array([ceiling_micros(value, 1.0, usual) for value in rows["value_micros"]])[:, None]
    arm = np.searchsorted(levels, rows["reward_micros"].to_numpy())
    broken = {
        "margin": grid[None, :] > ceilings,
        "floor": np.broadcast_to((grid > NO_OFFER) & (grid < usual.pricing.floor_micros), candidate.shape),
    }
    found = [
        Guardrail.of(
            f"offers that break the {name}", float((candidate * mask).sum() / len(rows)), float(mask[at, arm].mean())
        )
        for name, mask in broken.items()
    ]
    ours, theirs = policy.pricing, usual.pricing
    found.append(Guardrail.of("1 less margin_min", 1 - policy.reward.margin_min, 1 - usual.reward.margin_min))
    found.append(Guardrail.of("steps_per_hour_max", ours.steps_per_hour_max, theirs.steps_per_hour_max))
    found.append(Guardrail.of("similar_ratio_max", ours.similar_ratio_max, theirs.similar_ratio_max))
    found.append(Guardrail.of("floor_micros below the one that serves", -ours.floor_micros, -theirs.floor_micros))
    return tuple(found)
