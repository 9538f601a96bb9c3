"""A candidate price policy judged on logged offers, and the judgement that a rollout asks for before it starts."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from features.home import Home
from pipelines.repriced import Repriced, Span, repriced
from serving.policy import HOUR, Policy, load_policy
from serving.pricing.rolled import differing
from training.gate import Verdict
from training.offpolicy.gate import Assessment, assessed

WINDOW: Final = 24 * HOUR
"""How long, from a person's first offer, what they bring counts as theirs."""
_QUANTILE: Final = 0.99
AS_IT_IS: Final = Span()


@dataclass(frozen=True)
class Evaluated:
    """`person_margin_micros_max`: what 99 of 100 people brought at most within a day of their first offer."""

    candidate: str
    incumbent: str
    as_of: int
    repriced: Repriced
    assessment: Assessment
    person_margin_micros_max: int


def folder_of(home: Home) -> Path:
    """Where rollouts, candidates and what was judged of them lie."""
    return home.root / "pricing"


def evaluate(table: pl.DataFrame, policy_file: Path, span: Span = AS_IT_IS) -> Evaluated:
    """`table` is an offer log (`pipelines.offered`). Raises ValueError, with the remedy, for one that cannot be judged,
    and for a policy that differs in more than its prices.
    """
    usual, candidate = load_policy(), load_policy(policy_file)
    others = differing(usual, candidate)
    if others:
        raise ValueError(f"{policy_file} differs outside of reward and pricing, too: {', '.join(others)}")
    found = repriced(table, candidate, usual, span)
    known = table.filter(pl.col("currency") == found.currency)
    return Evaluated(
        candidate=candidate.version,
        incumbent=usual.version,
        as_of=found.as_of,
        repriced=found,
        assessment=assessed(found.logged, found.candidate, found.guardrails),
        person_margin_micros_max=_usual_most(known, found.as_of, usual),
    )


def margins(table: pl.DataFrame, until: int, policy: Policy) -> pl.DataFrame:
    """`user_id`, `first`, `margin_micros` of everybody whose first day of offers has ended and is known, oldest first.

    `table` has user_id, offered_at, value_micros, reward_micros and completed.
    """
    first = pl.col("offered_at").min().over("user_id")
    hours = policy.reward.complete_hours + policy.reward.late_hours
    gained = pl.col("completed").fill_null(value=False).cast(pl.Int64) * (
        pl.col("value_micros") - pl.col("reward_micros")
    )
    return (
        table.with_columns(first=first)
        .filter(pl.col("offered_at") < pl.col("first") + WINDOW, pl.col("first") + WINDOW + hours * HOUR <= until)
        .group_by("user_id", "first")
        .agg(margin_micros=gained.sum())
        .sort("first", "user_id")
    )


def _usual_most(table: pl.DataFrame, until: int, policy: Policy) -> int:
    found = margins(table, until, policy)["margin_micros"].to_numpy()
    return max(1, int(np.quantile(found, _QUANTILE))) if len(found) else 1


def told(found: Evaluated) -> dict[str, Any]:
    """Everything that was found, as plain values."""
    one = found.assessment
    return {
        "candidate": found.candidate,
        "incumbent": found.incumbent,
        "as_of": found.as_of,
        "passed": one.verdict.passed,
        "reasons": list(one.verdict.reasons),
        "refused": [refusal.name for refusal in one.refused],
        "offers": one.rows,
        "people": one.people,
        "left_out": dict(found.repriced.left_out),
        "currency": found.repriced.currency,
        "effective_share": one.effective_share,
        "margin_micros_per_offer": {name: asdict(value) for name, value in (one.values or {}).items()},
        "logged_margin_micros_per_offer": None if one.logged_value is None else asdict(one.logged_value),
        "uplift_micros_per_offer": None if one.uplift is None else asdict(one.uplift),
        "uplift_low_micros_per_offer": one.uplift_low,
        "person_margin_micros_max": found.person_margin_micros_max,
    }


def keep(home: Home, found: Evaluated) -> None:
    """Beside the rollouts, under the candidate's version; a later judgement of the same replaces it."""
    file = _file(home, found.candidate)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(told(found), indent=1), encoding="utf-8")


def kept(home: Home, candidate: str) -> Mapping[str, Any] | None:
    """What `keep` wrote of a version, if anything."""
    file = _file(home, candidate)
    body: dict[str, Any] | None = json.loads(file.read_text(encoding="utf-8")) if file.exists() else None
    return body


def verdict_of(body: Mapping[str, Any]) -> Verdict:
    return Verdict(bool(body["passed"]), tuple(body["reasons"]))


def _file(home: Home, version: str) -> Path:
    return folder_of(home) / "verdicts" / f"{version}.json"
