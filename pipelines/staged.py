"""A rollout of a price policy: started on a verdict, judged on live figures, moved with a reason.

A stage compares everybody by lot, whatever they were then offered, once their first day of offers is known. People keep
their side from stage to stage, so that each stage is judged anew, at its own share of the error.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from features.home import Home
from features.log import recorded_now
from features.secrets import secret_of
from pipelines.console import UserError
from pipelines.evaluated import folder_of, kept, margins, verdict_of
from pipelines.offered import offers_of_home
from serving.policy import Policy, load_policy
from serving.pricing import rolled
from serving.pricing.guardrails import ceiling_micros
from serving.pricing.rollout import (
    Judgement,
    Live,
    Rollout,
    Rules,
    Step,
    advanced,
    judged,
    position,
    rolled_back,
    started,
)
from training.offpolicy.live import ratio

AUTOMATIC: Final = "the rollout itself"
NONE: Final = "there is no rollout: `assay price rollout start` begins one"


def key_of(home: Home) -> bytes:
    """The key of who gets what: the service's own, for the service must draw the same people."""
    return secret_of(home.root / "offer.key")


def start(home: Home, policy_file: Path, reason: str, by: str, *, force: bool = False) -> Rollout:
    """Give the candidate to the first people. Raises UserError without a verdict that passed, unless `force`."""
    folder, usual = folder_of(home), load_policy()
    before = rolled.read(folder)
    if before is not None and before.share and before.incumbent == usual.version and before.candidate != usual.version:
        raise UserError(
            f"the candidate {before.candidate} has {before.share:.0%} of people: install it, or roll it back"
        )
    candidate = load_policy(policy_file)
    verdict = kept(home, candidate.version)
    if force:
        reason = f"{reason} (forced)" if reason.strip() else reason
    else:
        _assert_passed(verdict, candidate, usual)
    most = int(verdict["person_margin_micros_max"]) if verdict else usual.reward.ladder_micros[-1]
    rollout = started(usual.version, candidate.version, most, recorded_now(), reason, by)
    rolled.keep(folder, policy_file)
    rolled.write(folder, rollout)
    return rollout


def _assert_passed(verdict: Mapping[str, Any] | None, candidate: Policy, usual: Policy) -> None:
    if verdict is None:
        raise UserError(f"nothing was judged of {candidate.version}: run `assay price evaluate` first, or give --force")
    if verdict["incumbent"] != usual.version:
        raise UserError(
            f"{candidate.version} was judged against {verdict['incumbent']}, which serves no more: judge anew"
        )
    found = verdict_of(verdict)
    if not found.passed:
        raise UserError(f"the gate refused {candidate.version}: {found.reasons[0]}. Give --force to start nevertheless")


def is_begun(home: Home) -> bool:
    """Whether the home has a rollout, even one that is over."""
    return rolled.read(folder_of(home)) is not None


def present(home: Home) -> Rollout:
    """The rollout of the home. Raises UserError where there is none."""
    rollout = rolled.read(folder_of(home))
    if rollout is None:
        raise UserError(NONE)
    return rollout


def judge(home: Home, rules: Rules | None = None) -> tuple[Rollout, Live, Judgement]:
    """What the live figures say now; nothing moves."""
    rollout, now = present(home), recorded_now()
    live = figures(offers_of_home(home, rollout.since), rollout, key_of(home), load_policy(), now)
    return rollout, live, judged(rollout, live, rules or Rules(), now)


def move(home: Home, rules: Rules | None = None) -> tuple[Rollout, Live, Judgement]:
    """Judge, and do at once what is said: advance, roll back, or stay. The reasons are kept with the move."""
    rollout, live, judgement = judge(home, rules)
    if judgement.step is not Step.STAY:
        act = advanced if judgement.step is Step.ADVANCE else rolled_back
        rollout = act(rollout, recorded_now(), "; ".join(judgement.reasons), AUTOMATIC)
        rolled.write(folder_of(home), rollout)
    return rollout, live, judgement


def roll_back(home: Home, reason: str, by: str) -> Rollout:
    """By a person's decision, whatever the figures say."""
    rollout = rolled_back(present(home), recorded_now(), reason, by)
    rolled.write(folder_of(home), rollout)
    return rollout


def figures(offers: pl.DataFrame, rollout: Rollout, key: bytes, usual: Policy, now: int) -> Live:
    """Of the present stage, from the offers that the service made since it began."""
    breaches = _breaches(offers, rollout.candidate, usual)
    people = margins(offers, now, usual)
    places = np.array([position(user, rollout.candidate, key) for user in people["user_id"]])
    has_candidate = places < rollout.share
    counts = (int(has_candidate.sum()), int((~has_candidate).sum()))
    if not rollout.is_open:
        return Live(*counts, 0.0, float("inf"), breaches)
    margin = people["margin_micros"].to_numpy().astype(np.float64)
    found = ratio(margin, has_candidate, rollout.share, float(rollout.person_margin_micros_max))
    return Live(*counts, found.low, found.high, breaches)


def _breaches(offers: pl.DataFrame, candidate: str, usual: Policy) -> int:
    """Offers of the candidate above the margin's ceiling or below the floor of the policy that serves."""
    made = offers.filter(pl.col("policy_version").str.starts_with(candidate))
    pairs = zip(made["value_micros"], made["reward_micros"], strict=True)
    floor = usual.pricing.floor_micros
    return sum(not floor <= reward <= ceiling_micros(value, 1.0, usual) for value, reward in pairs)
