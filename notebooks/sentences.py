"""What the figures of a feature's profile say, in sentences."""

from typing import Final

from features.vector import ALL
from notebooks.distribution import Spread
from notebooks.relation import Rate, Relation
from notebooks.wording import share, unit, value
from training.estimates import Estimate
from training.labels import Target
from training.monitoring.bins import between
from training.monitoring.drift import PSI_MUCH, PSI_SOME, Drift

PSI_MEANING: Final = (
    "**PSI** (population stability index) compares how the values fall into ten bins of the earlier period, missing "
    f"ones in a bin of their own. 0: the same shares; below {PSI_SOME}: hardly moved; from {PSI_MUCH} on: another "
    "population. *By chance* is what two samples of these sizes show when nothing moved."
)
KS_MEANING: Final = (
    "**KS** (Kolmogorov-Smirnov) is the widest gap between the shares of events at or below a value in the two "
    "periods, over the known values: 0 the same, 1 without overlap. It has no meaning for categories."
)
# From here on a change of the missing share is worth a sentence.
MISSING_MOVED: Final = 0.01
# What an event with the label is called, and one without it.
CALLED: Final[dict[Target, tuple[str, str]]] = {
    "fraud": ("fraudulent", "genuine"),
    "reversal": ("reversed", "unreversed"),
}
_ANSWERED: Final = {feature.name for feature in ALL if feature.unit == "1 or 0"}


def of_spread(name: str, spread: Spread, *, categorical: bool) -> str:
    """The values of both periods together. Raises KeyError for a name that is no feature's."""
    if not spread.rows:
        return "No such event lies in either period: choose other days, or another kind."
    if not spread.different:
        return f"None of the {spread.rows:,} events has a value: the feature is always missing."
    missing = f"**{share(spread.missing_share)}** of the {spread.rows:,} events of both periods have no value. "
    if spread.different == 1:
        return f"{missing}Wherever it is known it is the same: **{_said(name, spread.middle)}**."
    if categorical:
        return f"{missing}The others have {spread.different:,} different ones, without an order."
    if name in _ANSWERED:
        return f"{missing}Of the others **{share(spread.mean)}** say yes."
    scale = " The axis is logarithmic: most values are small, and a few are very large." if spread.skewed else ""
    if spread.is_stretched:
        scale = " The last bar stands for a wide range: it holds the largest hundredth of the values."
    reach = between(_said(name, spread.low), _said(name, spread.high))
    return f"{missing}The others have {reach}, the middle one **{value(name, spread.middle, {})}**.{scale}"


def _said(name: str, number: float) -> str:
    return f"{value(name, number, {})} {unit(name, None)}".strip()


def of_drift(drift: Drift | None) -> str:
    if drift is None:
        return "One of the periods has no events, so there is nothing to compare."
    if drift.missing_before == drift.missing_after == 1:
        return "It is missing in both periods, so there is nothing to compare."
    gone = drift.missing_after - drift.missing_before
    missing = "" if abs(gone) < MISSING_MOVED else f" It is missing {'more' if gone > 0 else 'less'} often than before."
    if drift.ks is None:
        return f"The feature **{drift.in_words}**.{missing}"
    gap = f"Between the two periods the share of events at or below a value differs by {share(drift.ks)} at most."
    return f"The feature **{drift.in_words}**. {gap}{missing}"


def of_psi(psi: float) -> str:
    """With three digits, and never 0.000 for what is more."""
    return "under 0.001" if 0 < psi < 0.0005 else f"{psi:.3f}"


def of_labels(labelled: int, events: int) -> str:
    return (
        f"{labelled:,} of {events:,} events, in either period or neither, have a final label. The others are too new, "
        "or nobody ever said what became of them; they are left out, because silence is not innocence."
    )


def of_rate(rate: Rate) -> dict[str, str]:
    """A row of a table."""
    low, high = rate.interval
    return {"Labelled events": f"{rate.rows:,}", "Share": share(rate.value), "95%": f"{low:.1%} to {high:.1%}"}


def of_relation(found: Relation | None, labelled: int, target: Target) -> str:
    if not labelled:
        return "No event has a final label yet, so nothing can be said of the relation."
    if found is None:
        return "No labelled event has a value of this feature, so nothing can be said of the relation."
    overall = f"Of all labelled events {share(found.overall.value)} are {CALLED[target][0]}. "
    return overall + of_auc(found.auc, target)


def of_auc(auc: Estimate, target: Target) -> str:
    """The area under the curve as what it is: how often a pair is in the right order."""
    if auc.value is None:
        return f"How well the value ranks cannot be told: {auc.reason}."
    bad, good = CALLED[target]
    bounds = f" (95%: {auc.low:.3f} to {auc.high:.3f})" if auc.low is not None and auc.high is not None else ""
    return (
        f"AUC of the value alone: **{auc.value:.3f}**{bounds}. Of one {bad} and one {good} event, the {bad} one has "
        f"the higher value {auc.value * 100:.0f} times in 100, a tie counting half; 50 would tell "
        f"nothing. {_direction(auc)}."
    )


def _direction(auc: Estimate) -> str:
    if auc.low is None or auc.high is None or auc.low <= 0.5 <= auc.high:
        return "This cannot be told from 50"
    return "High values are suspicious" if auc.low > 0.5 else "Low values are suspicious"
