"""Attackers against the model and the policy that serve: recall, money stopped, and what it costs the honest."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import polars as pl

from features.events import Event, Kind
from features.vector import CATEGORICAL, FEATURES, VERSION
from pipelines.console import BenchRow, progress, report
from serving.decision import Score, decide_event, decide_withdrawal
from serving.policy import HOUR, Policy, load_policy
from training.arena.book import HOLD, Rules
from training.arena.episode import Episode, Fought, Past, Setting
from training.arena.loading import SHIPPED, load_family
from training.arena.measures import Measured, measure
from training.arena.yardstick import fit_tree
from training.evaluate import Bootstrap
from training.labels import settling_times
from training.models import Model
from training.simulator.simulate import Scenario
from training.splits import Boundaries
from training.train import Spec, train

START: Final = datetime(2026, 1, 1, tzinfo=UTC).date()
TEST_SHARE: Final = 1 / 3
# Accounts of a family, for each person on the platform: few beside the honest who join meanwhile, since a storm of
# attackers would teach that whoever is new is a fraud.
FAMILY_SHARE: Final = 0.006
PEOPLE_PER_FAMILY_MIN: Final = 24
# Of the past whose labels have settled: what the boosters learn from, and where the calibration ends.
TRAIN_SHARE, CALIBRATED_SHARE = 0.75, 0.97
# Each figure of a total: words, floor, aim, and whether more is better.
TARGETS: Final = {
    "recall_at_1pct_fpr": ("recall at 1% of the honest", 0.80, 0.90, True),
    "rings_held_before_first_payout": ("rings of 5 or more held before their first payout", 0.90, 0.95, True),
    "honest_held": ("honest people held", 0.01, 0.005, False),
    "held_out_money_stopped": ("families never trained on: money stopped", 0.50, 0.75, True),
}


def run(seed: int, family: str | None, users: int, days: int, policy: Path | None = None) -> None:
    """Simulate the past, train on it, let the attackers come, and report."""
    makers = [*SHIPPED, *([load_family(family)] if family else [])]
    scenario = Scenario(users=users, days=days, seed=seed, start=START)
    setting = Setting(
        scenario,
        test_days=max(1, round(days * TEST_SHARE)),
        per_family=max(PEOPLE_PER_FAMILY_MIN, round(FAMILY_SHARE * users)),
    )
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        decisions = rules(load_policy(policy))
        measured = measure(fought(setting, makers, decisions, Path(folder) / "log"), Bootstrap(400))
    _report(measured, seed)


def fought(setting: Setting, makers: Sequence[Any], decisions: Rules, folder: Path) -> Fought:
    """The past, a model trained on it as `assay retrain` does, and the arena under the decisions that are given."""
    episode = Episode(setting, makers, decisions, folder)
    with progress("the past", setting.past_days) as advance:
        past = episode.past(advance)
    with progress("train") as advance:
        model = trained(past, advance)
    scores = {"model": model.score, "tree": fit_tree(past)}
    with progress("the arena", setting.test_days) as advance:
        return episode.fight(scores, advance)


def trained(past: Past, advance: Any = lambda _: None) -> Model:
    """A model of the past, with the features and the settings that serve."""
    settling = settling_times(past.frame, past.outcomes)
    spec = Spec(
        features=FEATURES,
        categorical=CATEGORICAL,
        features_version=VERSION,
        trained_at=past.ends,
        settling=settling,
        bounds=_bounds(past, max(settling.values(), default=0)),
        bootstrap=Bootstrap(20),
    )
    return train(past.frame, past.outcomes, spec, advance=advance).model


def _bounds(past: Past, wait: int) -> Boundaries:
    """The arena is the test, so a sliver will do for the trainer's own; all that is known when the past ends may be
    read, of events old enough that silence means something.
    """
    begins = int(past.frame["as_of"].min())  # type: ignore[arg-type]  # a column of integers
    span = past.ends - wait - begins
    calibrate_from, test_from = (begins + int(share * span) for share in (TRAIN_SHARE, CALIBRATED_SHARE))
    return Boundaries(calibrate_from, test_from, past.ends, gap=0, patient=False)


def rules(policy: Policy) -> Rules:
    """The decisions that serve, under a policy, as plain callables."""

    def event(kind: str, revenue_micros: int | None, reward_micros: int, probability: float) -> str:
        # What was parsed once is not parsed again: a decision reads two fields of the event.
        fields: dict[str, Any] = {"kind": Kind(kind), "offer_id": None, "revenue_micros": revenue_micros}
        seen = Event.model_construct(**fields)
        return str(decide_event(seen, Score(probability), reward_micros, policy).action)

    def withdrawal(probability: float) -> str:
        return str(decide_withdrawal(Score(probability), policy).action)

    def wait(kind: str, action: str) -> int:
        usual = policy.maturity(kind)
        return max(usual, int(policy.event.hold_hours * HOUR)) if action == HOLD else usual

    return Rules(event, withdrawal, wait)


def _report(measured: Measured, seed: int) -> None:
    totals = measured.totals
    rows = [
        BenchRow(words, f"{floor:g}, aim {aim:g}", str(totals[name]), _met(totals[name].value, floor, rises=rises))
        for name, (words, floor, aim, rises) in TARGETS.items()
    ]
    rows += [BenchRow(_named(one), None, _described(one)) for one in measured.families.to_dicts()]
    rows += [BenchRow(f"honest: {one['family']}", None, _harmed(one)) for one in measured.honest.to_dicts()]
    figures = {name: estimate.value for name, estimate in totals.items()}
    intervals = {name: [estimate.low, estimate.high] for name, estimate in totals.items()}
    tables: dict[str, Any] = {"thresholds_at_1pct": measured.thresholds}
    tables |= {"families": _by_family(measured.families), "honest": _by_family(measured.honest)}
    report(f"the arena, seed {seed}", rows, figures | {"intervals": intervals, "seed": seed} | tables)


def _met(value: float | None, floor: float, *, rises: bool) -> bool | None:
    return None if value is None else (value >= floor if rises else value <= floor)


def _named(one: dict[str, Any]) -> str:
    marks = [word for word, holds in (("held out", one["is_held_out"]), ("easy", one["is_easy"])) if holds]
    return " ".join([one["family"], *(f"({mark})" for mark in marks)])


def _described(one: dict[str, Any]) -> str:
    rings = "" if one["rings"] is None else f", rings {one['rings_held']:.2f} of {one['rings']}"
    return (
        f"{one['people']} people, recall {one['recall']:.2f} (tree {one['tree_recall']:.2f}), "
        f"money stopped {_share(one['money_stopped'])} of {one['stopped_units'] + one['paid_units']:,.0f}{rings}"
    )


def _share(value: float | None) -> str:
    return "-" if value is None or value != value else f"{value:.2f}"  # noqa: PLR0124  # NaN: nothing was at stake


def _harmed(one: dict[str, Any]) -> str:
    return f"{one['people']} people, {one['held']:.2%} held, {one['delayed_unit_days']:,.0f} unit-days delayed"


def _by_family(table: pl.DataFrame) -> dict[str, dict[str, Any]]:
    return {one.pop("family"): one for one in table.to_dicts()}
