"""Words of the model card: what each figure means, and how money and shares are written."""

from collections.abc import Mapping
from typing import Any, Final

from training.estimates import Estimate

_WORDS: Final = {
    "auc": "AUC: how often a positive outranks a negative",
    "ap": "AP: average precision over all recalls",
    "ap_rare": "AP of the rarer class, mostly fraud",
    "precision_at_review_budget": "precision among the {review_share} that reviewers can look at",
    "recall_at_rule": "recall of the model, refusing as many honest as the rule",
    "rule_recall": "recall of the one-line rule",
    "rule_false_positive_rate": "honest events that the rule refuses",
    "recall_gain_over_rule": "recall of the model above that of the rule",
    "base_rate": "share of positives",
    "brier": "Brier score: mean squared error of the probability",
    "log_loss": "log loss of the probability",
    "calibration_error": "calibration error: mean gap of predicted and observed, by tenths",
    "calibration_intercept": "calibration intercept: 0 is right",
    "calibration_slope": "calibration slope: 1 is right",
    "top_decile_observed_over_expected": "observed over expected in the highest tenth: 1 is right",
    "fraud_at_stake": "money at stake in fraud",
    "fraud_stopped": "money of it that is stopped",
    "fraud_stopped_share": "share of it that is stopped",
    "honest_people_refused_share": "share of honest people refused",
    "honest_delayed_currency_days": "honest money times the days that it waits",
    "honest_delayed_days_per_unit": "days that a unit of honest money waits",
    "review_share": "share that people review",
}
_RECALL_AT: Final = "recall_at_fpr_"
_MONEY: Final = frozenset({"fraud_at_stake", "fraud_stopped", "honest_delayed_currency_days", "saved"})


def said(name: str, params: Mapping[str, Any]) -> str:
    """A figure's name in words; `params` of the training hold the share that reviewers can look at."""
    if name.startswith(_RECALL_AT):
        return f"recall, refusing {float(name.removeprefix(_RECALL_AT)):.1%} of the honest"
    words = _WORDS.get(name, name.replace("_", " "))
    return words.format(review_share=f"{params['review_share']:.1%}") if "{" in words else words


def money_said(name: str, estimate: Estimate) -> str:
    """Money with two decimals and separators, shares in percent, people as whole numbers."""
    if estimate.value is None:
        return str(estimate)
    if name in _MONEY or name.endswith("days_per_unit"):
        return _written(estimate, "{:,.2f}")
    return _written(estimate, "{:.1%}" if name.endswith("share") else "{:,.0f}")


def _written(estimate: Estimate, form: str) -> str:
    value = form.format(estimate.value)
    if estimate.low is None or estimate.high is None:
        return value
    return f"{value} ({form.format(estimate.low)} to {form.format(estimate.high)})"
