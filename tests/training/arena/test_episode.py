"""An arena on a small platform: who is there when, who did what, and that it can be lived again."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from features.log import Log
from training.arena.episode import Fought, Past, Setting
from training.arena.families.patient_farm import PatientFarm
from training.arena.families.takeover import Takeover
from training.arena.loading import SHIPPED
from training.simulator.simulate import Scenario

Lived = tuple[Past, Fought]
TRAINED = {make().name for make in SHIPPED if getattr(make(), "trained", False)}


def test_a_family_that_is_held_out_leaves_no_event_in_the_past(lived: Lived) -> None:
    past, fought = lived
    theirs = set(fought.people.filter("is_fraud", ~pl.col("is_trained"))["owner"].str.split(":").list.last())
    strangers = {user for user in past.frame["user_id"].unique() if len(user) > len("u000000")}
    assert theirs
    assert strangers
    assert not theirs & set(past.frame["user_id"])


def test_every_family_acts_in_the_arena_and_is_marked(lived: Lived) -> None:
    _, fought = lived
    named = {row["family"]: row["is_trained"] for row in fought.people.iter_rows(named=True)}
    assert {make().name for make in SHIPPED} <= named.keys()
    assert {name for name in named if not named[name]} == {make().name for make in SHIPPED} - TRAINED


def test_decisions_come_in_the_order_of_arrival_and_count_each_event_once(lived: Lived) -> None:
    _, fought = lived
    assert fought.decisions["as_of"].is_sorted()
    assert fought.decisions["owner"].null_count() == 0
    assert set(fought.decisions["owner"]) == set(fought.people["owner"])


def test_whoever_takes_over_an_account_is_another_person_than_its_owner(lived: Lived) -> None:
    _, fought = lived
    thieves = fought.people.filter(pl.col("family") == Takeover.name)
    victims = [owner.split(":")[1] for owner in thieves["owner"]]
    owners = fought.people.filter(pl.col("owner").is_in(victims))
    assert victims
    assert not owners["is_fraud"].any()


def test_the_same_seed_is_the_same_arena(fight: Callable[..., Lived], tmp_path: Path) -> None:
    one, two = (fight(tmp_path / name, [PatientFarm, Takeover], 0.8) for name in ("one", "two"))
    assert one[0].frame.equals(two[0].frame)
    assert one[1].decisions.equals(two[1].decisions)
    assert one[1].people.equals(two[1].people)


def test_the_past_knows_nothing_of_the_arena(fight: Callable[..., Lived], tmp_path: Path) -> None:
    """However the model decides, what it learned from is the same."""
    one, two = (fight(tmp_path / name, [Takeover], level)[0] for name, level in (("mild", 2.0), ("strict", 0.0)))
    assert one.frame.equals(two.frame)
    assert one.outcomes.equals(two.outcomes)
    assert one.outcomes["recorded_at"].max() <= one.ends + 24 * 3_600_000_000


def test_where_everything_is_approved_nothing_is_stopped(fight: Callable[..., Lived], tmp_path: Path) -> None:
    _, fought = fight(tmp_path / "log", SHIPPED, 2.0)
    assert fought.people["stopped_micros"].sum() == 0
    assert fought.people["delayed_unit_days"].sum() == 0
    assert fought.people.filter("is_fraud")["paid_micros"].sum() > 0


def test_where_everything_is_reviewed_nobody_is_paid_but_by_a_reviewer(
    fight: Callable[..., Lived], tmp_path: Path
) -> None:
    _, fought = fight(tmp_path / "log", SHIPPED, 0.0)
    fraud, honest = fought.people.filter("is_fraud"), fought.people.filter(~pl.col("is_fraud"))
    assert fraud["paid_micros"].sum() < 0.2 * fraud["stopped_micros"].sum()
    assert honest["delayed_unit_days"].sum() > 0


def test_reviewers_answer_cases_only_once_a_model_decides(fight: Callable[..., Lived], tmp_path: Path) -> None:
    past, _ = fight(tmp_path / "log", [Takeover], 2.0)
    answers = [row for row in Log(tmp_path / "log").rows(["kind", "recorded_at"]) if row["kind"] == "disposition"]
    assert any(row["recorded_at"] <= past.ends for row in answers)
    of_past = 7 * 24 * 3_600_000_000
    assert not [row for row in answers if row["recorded_at"] > past.ends + of_past]


@pytest.mark.parametrize(
    ("setting", "named"),
    [({"test_days": 0}, "test_days"), ({"test_days": 16}, "test_days"), ({"per_family": 0}, "per_family")],
)
def test_a_setting_that_cannot_be_lived_is_refused_by_name(setting: dict[str, int], named: str) -> None:
    scenario = Scenario(users=120, days=16, seed=3, start=date(2026, 1, 5))
    with pytest.raises(ValueError, match=named):
        Setting(scenario, **({"test_days": 5, "per_family": 5} | setting))
