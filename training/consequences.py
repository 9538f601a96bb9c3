"""What decisions do to money and to people: fraud stopped, honest people refused, honest money delayed.

A model is not judged by its curve alone: the same threshold that stops a farm keeps somebody from a day's earnings.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.costs import Costs
from training.estimates import Estimate
from training.evaluate import Bootstrap, interval

Floats = NDArray[np.float64]

MICROS: Final = 1e6


@dataclass(frozen=True)
class Remedy:
    """What an action does: the share of fraud that it stops, the days that money waits, whether a person looks."""

    stops: float = 0.0
    days: float = 0.0
    is_reviewed: bool = False
    is_refusal: bool = False


def remedies(costs: Costs, hold_days: float) -> dict[str, Remedy]:
    """By action. A challenge is answered by the person in the app; it is counted as a day's work for a reviewer too."""
    looked_at = Remedy(1.0, costs.review_days, is_reviewed=True)
    return {
        "approve": Remedy(),
        "hold": Remedy(costs.hold_stops_share, hold_days),
        "challenge": looked_at,
        "review": looked_at,
        "decline": Remedy(1.0, is_refusal=True),
    }


@dataclass(frozen=True)
class Decided:
    """n decided rows: labels 0.0 or 1.0, money at stake in micros, the action, and who is behind it as codes 0..k-1."""

    labels: Floats
    stakes: Floats
    actions: Sequence[str]
    people: NDArray[np.int64]


def consequences(
    decided: Decided, costs: Costs, by_action: Mapping[str, Remedy], bootstrap: Bootstrap
) -> dict[str, Estimate]:
    """Figures with intervals; people are resampled, not rows. Money is in units of the currency.

    `fraud_at_stake`, `fraud_stopped`, `fraud_stopped_share`; `honest_people_refused`, as a share too;
    `honest_delayed_currency_days` (units x days waited by honest money) and `honest_delayed_days_per_unit`;
    `review_share` of all rows; `saved`: fraud stopped less reviews, refusals and waiting at `costs`.
    Raises KeyError for an action without a remedy.
    """
    columns = _columns(decided, costs, by_action)
    sums = np.column_stack(list(columns.values()))
    whole = _figures(dict(zip(columns, sums.sum(axis=0), strict=True)))
    drawn = [
        list(_figures(dict(zip(columns, weights @ sums, strict=True))).values())
        for weights in bootstrap.weights(decided.people)
    ]
    resampled = np.array(drawn).reshape(-1, len(whole))
    return {name: interval(value, resampled[:, at]) for at, (name, value) in enumerate(whole.items())}


def _columns(decided: Decided, costs: Costs, by_action: Mapping[str, Remedy]) -> dict[str, Floats]:
    """Addends of every figure, one for each row."""
    done = [by_action[action] for action in decided.actions]
    stops, days = np.array([one.stops for one in done]), np.array([one.days for one in done])
    reviewed, refused = (
        np.array([getattr(one, name) for one in done], float) for name in ("is_reviewed", "is_refusal")
    )
    stakes, fraud = decided.stakes / MICROS, decided.labels
    honest = 1 - fraud
    delayed = honest * stakes * days
    spent = reviewed * costs.review_micros / MICROS + delayed * costs.waiting_share_per_day
    lost = honest * refused * (stakes + costs.honest_refused_micros / MICROS)
    return {
        "rows": np.ones(len(fraud)),
        "at_stake": fraud * stakes,
        "stopped": fraud * stakes * stops,
        "honest_people": _once(honest, decided),
        "refused_people": _once(honest * refused, decided),
        "honest_stakes": honest * stakes,
        "delayed": delayed,
        "reviewed": reviewed,
        "saved": fraud * stakes * stops - spent - lost,
    }


def _once(applies: Floats, decided: Decided) -> Floats:
    """1 in the first row of each person to whom it applies at least once."""
    rows = np.flatnonzero(applies)
    _, first = np.unique(decided.people[rows], return_index=True)
    marked = np.zeros(len(applies))
    marked[rows[first]] = 1.0
    return marked


def _figures(sums: Mapping[str, float]) -> dict[str, float]:
    return {
        "fraud_at_stake": sums["at_stake"],
        "fraud_stopped": sums["stopped"],
        "fraud_stopped_share": _share(sums["stopped"], sums["at_stake"]),
        "honest_people_refused": sums["refused_people"],
        "honest_people_refused_share": _share(sums["refused_people"], sums["honest_people"]),
        "honest_delayed_currency_days": sums["delayed"],
        "honest_delayed_days_per_unit": _share(sums["delayed"], sums["honest_stakes"]),
        "review_share": _share(sums["reviewed"], sums["rows"]),
        "saved": sums["saved"],
    }


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


@dataclass(frozen=True)
class CostCurve:
    """Expected cost, in units of the currency, of reviewing every row that scores at or above each threshold."""

    thresholds: Floats
    costs: Floats
    review_shares: Floats

    def cheapest(self, review_share_max: float) -> int:
        """Where the cost is least among the thresholds that reviewers can keep up with."""
        within = self.review_shares <= review_share_max
        return int(np.argmin(np.where(within, self.costs, np.inf)))


def cost_curve(decided: Decided, scores: Floats, costs: Costs) -> CostCurve:
    """One point for each distinct score, highest first, after a first one above every score: review nobody.

    Below the threshold fraud is paid; at or above it a person looks, which costs their time and an honest wait.
    """
    order = np.argsort(-scores, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(scores[order]) != 0, True))
    stakes, fraud = decided.stakes[order] / MICROS, decided.labels[order]
    waiting = (1 - fraud) * stakes * costs.review_days * costs.waiting_share_per_day
    spent = np.cumsum(costs.review_micros / MICROS + waiting - fraud * stakes)[ends]
    total = float((fraud * stakes).sum())
    thresholds = np.concatenate(([np.nextafter(scores.max(), np.inf)], scores[order][ends]))
    return CostCurve(thresholds, total + np.concatenate(([0.0], spent)), np.concatenate(([0], ends + 1)) / len(scores))
