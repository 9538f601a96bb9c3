"""Families of attackers: they look like people, and those that watch change."""

from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from features.log import Log, body_of
from training.arena.cohort import Cohort
from training.arena.crews import crews
from training.arena.families.click_flooder import ClickFlooder
from training.arena.families.mule_ring import MuleRing
from training.arena.families.patient_farm import PATIENCE_DAYS, PatientFarm
from training.arena.families.replayer import Replayer
from training.arena.families.sleeper import Sleeper
from training.arena.loading import SHIPPED, check
from training.arena.protocol import Attackers, Seen
from training.simulator.sessions import Day, day_of
from training.simulator.simulate import Scenario, found

Enter = Callable[[Attackers], Cohort]


def seen(user: str, kind: str, action: str) -> Seen:
    return Seen("e1", user, kind, action, 0)


def lived(cohort: Cohort, days: list[Day]) -> list[dict[str, object]]:
    return [row for day in days for row in cohort.due(day)]


@pytest.mark.parametrize("make", SHIPPED)
def test_a_family_keeps_the_protocol_and_acts(make: Callable[[], Attackers], enter: Enter, days: list[Day]) -> None:
    family = make()
    check(family, "shipped")
    rows = lived(enter(family), days)
    assert rows
    assert all(days[0].begins <= row["event_time"] for row in rows)


def test_no_family_sends_a_field_that_people_never_send(enter: Enter, days: list[Day]) -> None:
    """A field of its own, or a value of another form, would give a family away."""
    honest: dict[str, set[str]] = defaultdict(set)
    many = found(Scenario(users=800, days=8, seed=4, start=days[0].date))
    for row in [row for at in range(8) for row in many.live(day_of(days[0].date, at)).to_pylist()]:
        honest[row["kind"]] |= body_of(row).keys()
    for family in [make() for make in SHIPPED]:
        for row in lived(enter(family), days):
            if row["kind"] in honest:
                assert body_of(row).keys() <= honest[row["kind"]], (family.name, row["kind"])


@pytest.mark.usefixtures("lived")
@pytest.mark.parametrize("kind", ["ad_viewed", "task_completed", "login"])
def test_no_column_that_a_client_fills_gives_the_attackers_away(folder: Path, kind: str) -> None:
    """Nor does its absence: what the families differ in is spread between people, as honest habits are."""
    rows = Log(folder).read().to_pandas()
    rows = rows[rows["kind"] == kind]
    theirs = rows["user_id"].str.len() > len("u000000")
    columns = rows.filter(regex="interaction_|fingerprint_is|price_tier|city_tier").astype(float)
    columns["late"] = (rows["recorded_at"] - rows["event_time"]).astype(float)
    assert 100 < theirs.sum() < len(rows) - 100
    for name, values in columns.items():
        known = values.notna()
        assert abs(known[theirs].mean() - known[~theirs].mean()) < 0.15, name
        if values[known].nunique() > 1 and known[theirs].sum() > 50:
            assert 0.15 < roc_auc_score(theirs[known], values[known]) < 0.85, name


def test_people_of_a_family_come_as_the_family_says(enter: Enter) -> None:
    cohort = enter(PatientFarm())
    devices = cohort.world.cast.fleet.handset[:12]
    assert len(cohort.world.people) == len(set(cohort.world.people)) == 12
    assert len(set(devices.tolist())) == len({(one.phone) for one in cohort.persons})
    assert set(cohort.ring_of) == set(cohort.world.people)


def test_crews_have_their_sizes_and_fill_the_count() -> None:
    placed = list(crews(np.random.default_rng(0), 40, 3, 6))
    sizes = np.bincount([crew for crew, _ in placed])
    assert len(placed) == 40
    assert all(3 <= size <= 6 for size in sizes[:-1])


def test_a_patient_farm_lies_low_after_a_refusal_and_comes_back_on_new_phones(enter: Enter, days: list[Day]) -> None:
    family = PatientFarm()
    cohort = enter(family)
    cohort.due(days[0])
    family.watch([seen(user, "withdrawal_requested", "review") for user in cohort.world.people])
    cohort.waiting = []
    quiet = [row for day in days[1:PATIENCE_DAYS] for row in cohort.due(day)]
    assert quiet == []
    changed = cohort.world.cast.fleet.change_day
    assert (changed <= days[1].number + 1).sum() >= 6


def test_a_replayer_makes_more_copies_while_they_are_paid_and_fewer_after() -> None:
    family = Replayer()
    family.watch([seen("u", "goal_reached", "approve")])
    bold = family.copies
    family.watch([seen("u", "goal_reached", "review")])
    assert bold > Replayer().copies > 0
    assert family.copies < bold


def test_a_flooder_floods_less_where_installs_are_refused() -> None:
    family = ClickFlooder()
    family.watch([seen("u", "install", "review")] * 3)
    assert family.flood < ClickFlooder().flood


def test_a_ring_whose_mule_is_refused_finds_another(enter: Enter, days: list[Day]) -> None:
    family = MuleRing()
    cohort = enter(family)
    user = cohort.world.people[0]
    before = cohort.world.cast.people.ties.destination.copy()
    family.watch([seen(user, "withdrawal_requested", "challenge")])
    cohort.due(days[0])
    after = cohort.world.cast.people.ties.destination
    assert after[0] != before[0]
    assert (after[1:] == before[1:]).all()


def test_sleepers_wake_and_slow_down_when_the_script_is_stopped(enter: Enter, days: list[Day]) -> None:
    family = Sleeper()
    cohort = enter(family)
    usual = cohort.world.cast.people.habits.depth.copy()
    lived(cohort, days[:-1])
    awake = [cohort.world.people.index(user) for user in family.awake]
    woken = cohort.world.cast.people.habits.depth.copy()
    family.watch([seen("u", "task_completed", "decline")])
    cohort.due(days[-1])
    assert awake
    assert (woken[awake] > usual[awake]).all()
    assert (cohort.world.cast.people.habits.depth[awake] < woken[awake]).all()
