"""A whole simulated log, read back as anybody would read it."""

from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.metrics import roc_auc_score

from features.events import Kind, OutcomeKind
from features.log import PAYLOAD, SCHEMA, Log, record_of, row_of
from training.simulator.batch import MISSING
from training.simulator.devices import draw_fleet
from training.simulator.population import draw_people
from training.simulator.rhythm import WEEKDAY
from training.simulator.simulate import Scenario, Summary, simulate

START = date(2026, 1, 5)
SAMPLES = 4
DAY = 86_400_000_000


class World(NamedTuple):
    log: Log
    rows: pd.DataFrame
    events: pd.DataFrame
    outcomes: pd.DataFrame
    truth: pd.DataFrame
    summary: Summary


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    folder = tmp_path_factory.mktemp("simulated")
    summary = simulate(Scenario(1500, 24, 5, START), folder / "log", truth=folder / "truth.parquet")
    log = Log(folder / "log")
    rows = log.read([name for name in SCHEMA.names if name != "devices"]).to_pandas()
    truth = pq.read_table(folder / "truth.parquet").to_pandas().set_index("user_id")
    is_outcome = rows["subject_event_id"].notna()
    events = rows[~is_outcome].assign(
        is_fraud=lambda some: some["user_id"].map(truth["is_fraud"]),
        family=lambda some: some["user_id"].map(truth["family"]),
    )
    return World(log, rows, events, rows[is_outcome], truth, summary)


def small(folder: Path, seed: int = 1) -> Any:
    simulate(Scenario(150, 4, seed, START), folder)
    return Log(folder).read()


def test_an_equal_scenario_gives_an_equal_log_and_another_seed_another(tmp_path: Path) -> None:
    first = small(tmp_path / "a")
    assert first.equals(small(tmp_path / "b"))
    assert not first.equals(small(tmp_path / "c", seed=2))


def test_every_kind_of_every_family_is_a_valid_record_that_equals_its_row(world: World) -> None:
    seen: Counter[tuple[str, str]] = Counter()
    for row in world.log.rows():
        kind = (row["kind"], world.truth["family"].get(row["user_id"]))
        if seen[kind] < SAMPLES:
            again = row_of(record_of(row))
            assert {name: again[name] for name in PAYLOAD.names} == {name: row[name] for name in PAYLOAD.names}
            seen[kind] += 1
    assert {kind for kind, _ in seen} == {*map(str, Kind), *map(str, OutcomeKind)}


def test_the_summary_counts_what_the_log_holds(world: World) -> None:
    summary, families = world.summary, world.truth["family"].value_counts().to_dict()
    assert (summary.events, summary.outcomes) == (len(world.events), len(world.outcomes))
    assert summary.honest | summary.fraud == families
    days = [file.parent.name for file in world.log.files()]
    assert (days[0], days[-1]) == (f"day={summary.first_day}", f"day={summary.last_day}")


def test_honest_people_keep_the_daily_rhythm_of_the_table(world: World) -> None:
    honest = world.events[~world.events["is_fraud"] & (world.events["kind"] == "login")]
    local = honest["event_time"] // 3_600_000_000 + 8
    weekday = (local // 24 + 3) % 7 < 5
    counts = np.bincount(local[weekday] % 24, minlength=24)
    assert np.corrcoef(counts, WEEKDAY)[0, 1] > 0.97


def test_six_to_eight_people_in_a_hundred_are_fraudulent(world: World) -> None:
    assert 0.06 <= world.truth["is_fraud"].mean() <= 0.08


def test_a_third_to_half_of_the_people_sign_up_during_the_log(world: World) -> None:
    joined = world.events.loc[world.events["kind"] == "sign_up", "user_id"]
    assert joined.is_unique
    assert 1 / 3 < len(joined) / len(world.truth) < 1 / 2


def test_households_share_an_address_that_strangers_do_not(world: World) -> None:
    at_home = world.events[world.events["ip_key"].fillna("").str.startswith("10.")]
    household = at_home["user_id"].map(world.truth["household_id"])
    of_households = at_home[household.notna()].assign(household=household)
    by_address = of_households.groupby("ip_key")
    shared = by_address["user_id"].nunique() > 1
    assert shared.mean() > 0.3
    assert (by_address["household"].nunique()[shared] == 1).mean() > 0.95


def test_second_hand_devices_pass_from_one_honest_person_to_another(world: World) -> None:
    honest = world.events[~world.events["is_fraud"] & world.events["device_key"].notna()]
    spans = honest.groupby(["device_key", "user_id"])["event_time"].agg(["min", "max"]).reset_index()
    pairs = spans.merge(spans, on="device_key", suffixes=("_old", "_new"))
    passed_on = pairs[(pairs["user_id_old"] != pairs["user_id_new"]) & (pairs["max_old"] < pairs["min_new"])]
    outside_homes = passed_on["user_id_old"].map(world.truth["family"]) != "household"
    assert outside_homes.sum() >= 10


def test_strangers_meet_on_a_cafes_machines_at_its_one_address(world: World) -> None:
    visits = world.events[world.events["device_key"].fillna("").str.startswith("web:")]
    visitors = visits["user_id"].map(world.truth["cafe_id"])
    assert visitors.notna().all()
    machines = visits.assign(cafe=visitors).groupby("device_key")
    assert (machines["cafe"].nunique() == 1).all()
    assert 1 < len(machines) <= 3
    assert machines["user_id"].nunique().max() >= 5
    of_machines = world.truth.loc[visits["user_id"].unique()]
    assert of_machines["circle_id"].is_unique
    assert not of_machines["is_fraud"].any()
    assert visits.groupby(world.rows["event_time"] // DAY)["ip_key"].nunique().max() == 1


def test_a_newcomer_starts_on_the_phone_of_one_who_fell_silent(world: World) -> None:
    previous = world.truth["previous_owner_id"].dropna()
    spans = world.events.groupby("user_id")["event_time"].agg(["min", "max"])
    old, new = spans.reindex(previous), spans.reindex(previous.index)
    silent = old["max"].to_numpy() < new["min"].to_numpy() + DAY // 24
    joined = world.events.loc[world.events["kind"] == "sign_up", "user_id"]
    started = previous[silent & previous.index.isin(joined)]
    keys = world.events.groupby("user_id")["device_key"].agg(lambda keys: set(keys.dropna()))
    assert sum(bool(keys[new] & keys[old]) for new, old in started.items()) >= 3
    assert (world.truth.loc[previous, "circle_id"].to_numpy() != world.truth.loc[previous.index, "circle_id"]).all()


def test_one_household_in_a_hundred_has_one_phone() -> None:
    people = draw_people(np.random.default_rng(1), 20_000, 24)
    fleet, household = draw_fleet(np.random.default_rng(2), people, 24), people.circle.household
    homes = pd.DataFrame({"home": household, "phone": fleet.handset[: people.count]})[household != MISSING]
    members, phones = homes.groupby("home")["phone"].agg(["size", "nunique"]).to_numpy().T
    assert 0.003 < (phones[members > 1] == 1).mean() < 0.02
    assert (phones == members)[phones > 1].mean() > 0.95


def test_carrier_addresses_are_shared_by_hundreds_and_are_never_ipv6(world: World) -> None:
    people = world.events.groupby("ip_key")["user_id"].nunique()
    assert people[people.index.str.startswith("100.")].max() > 200
    assert people[people.index.str.contains(":")].max() < 10


def test_only_private_and_shared_addresses_are_named(world: World) -> None:
    addresses = world.events["ip_address"].dropna().str
    assert addresses.match(r"(10|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])|172\.(1[6-9]|2\d|3[01]))\.|fd").all()


def test_a_partners_own_address_is_nobodys_key(world: World) -> None:
    reported = world.events[world.events["ip_provenance"] == "partner"]
    assert set(reported["kind"]) == {"goal_reached", "purchase"}
    assert reported["ip_key"].isna().all()


def test_opted_out_ids_are_all_zero_and_yield_no_key(world: World) -> None:
    opted_out = 0
    for row in world.log.rows():
        for device in row["devices"] or []:
            if device["provenance"] == "opted_out":
                opted_out += 1
                assert not device["id"].strip("0-")
        assert row["device_key"] is None or "0000-0000" not in row["device_key"]
    assert opted_out > 100


def test_outcomes_arrive_after_the_one_existing_event_that_they_speak_of(world: World) -> None:
    subjects = world.events.set_index("event_id").loc[world.outcomes["subject_event_id"]]
    assert (world.outcomes["sequence"].to_numpy() > subjects["sequence"].to_numpy()).all()
    assert (world.outcomes["event_time"].to_numpy() > subjects["recorded_at"].to_numpy()).all()
    assert (world.outcomes["user_id"].to_numpy() == subjects["user_id"].to_numpy()).all()


def test_outcomes_fall_due_days_later_so_that_new_events_have_few(world: World) -> None:
    rewarded = world.events[world.events["reward_micros"] > 0]
    has_outcome = rewarded["event_id"].isin(world.outcomes["subject_event_id"])
    age = (world.rows["recorded_at"].max() - rewarded["recorded_at"]) / DAY
    assert has_outcome[age < 3].mean() < 0.1
    assert has_outcome[age > 15].mean() > 0.3


def test_reversals_for_fraud_are_mostly_right_and_sometimes_wrong(world: World) -> None:
    accused = world.outcomes[world.outcomes["reason"] == "fraud"]
    is_right = accused["user_id"].map(world.truth["is_fraud"])
    assert 0.8 < is_right.mean() < 1.0


def test_rows_lie_in_order_of_arrival_and_some_events_arrive_late(world: World) -> None:
    assert world.rows["recorded_at"].is_monotonic_increasing
    delay = world.rows["recorded_at"] - world.rows["event_time"]
    assert delay.min() >= 0
    assert delay.max() < DAY
    assert 0.01 < (delay[world.events.index] > 60_000_000).mean() < 0.02
    assert world.events["event_time"].duplicated().any()


def test_event_ids_are_unique(world: World) -> None:
    assert world.rows["event_id"].is_unique


def test_people_earn_a_few_units_a_day_and_rarely_dozens(world: World) -> None:
    honest = world.events[~world.events["is_fraud"]]
    daily = honest.groupby(["user_id", honest["event_time"] // DAY])["reward_micros"].sum() / 1e6
    assert 4 < daily.median() < 15
    assert 25 < daily.quantile(0.99) < 55
    paid = honest[honest["revenue_micros"] > 0]
    assert 0.35 < (paid["reward_micros"].sum() / paid["revenue_micros"].sum()) < 0.70


def test_nobody_withdraws_more_than_they_have_earned(world: World) -> None:
    moved = world.events["reward_micros"].fillna(0)
    asked = world.events["amount_micros"].where(world.events["kind"] == "withdrawal_requested", 0).fillna(0)
    balance = (moved - asked).groupby(world.events["user_id"]).cumsum()
    assert balance.min() >= 0


def test_no_single_column_tells_fraud_from_honesty(world: World) -> None:
    is_fraud = world.events["is_fraud"].astype(int)
    scores = {}
    for name in PAYLOAD.names:
        if name in world.events:
            measured = _as_number(world.events, name)
            known = measured.notna()
            if known.sum() > 500 and measured[known].nunique() > 1 and is_fraud[known].nunique() == 2:
                scores[name] = abs(roc_auc_score(is_fraud[known], measured[known]) - 0.5) + 0.5
    assert len(scores) > 25
    assert max(scores.values()) < 0.85, max(scores, key=lambda name: scores[name])


def _as_number(events: pd.DataFrame, name: str) -> "pd.Series[float]":
    """Numbers as they are, texts by how many people share the value, ids by their order."""
    column = events[name]
    if name in ("event_id", "user_id", "click_id", "partner_transaction_id"):
        return column.rank()
    if column.dtype == object and not column.dropna().isin([True, False]).all():
        return column.map(events.groupby(name)["user_id"].nunique())
    return column.astype(float)


def test_the_log_names_no_family(world: World) -> None:
    names = set(world.truth["family"])
    texts = world.rows.select_dtypes(object)
    assert not any(texts[name].dropna().astype(str).isin(names).any() for name in texts)
    assert not names & set(world.rows.columns)


def test_user_ids_and_their_order_say_nothing_of_fraud(world: World) -> None:
    order = np.arange(len(world.truth))
    assert abs(np.corrcoef(order, world.truth["is_fraud"])[0, 1]) < 0.08
    assert list(world.truth.index) == [f"u{number:06d}" for number in order]


def test_progress_is_told_once_a_day_and_truth_only_on_request(tmp_path: Path) -> None:
    steps: list[int] = []
    simulate(Scenario(100, 3, 1, START), tmp_path / "log", steps.append)
    assert steps == [1, 1, 1]
    assert [place.name for place in tmp_path.iterdir()] == ["log"]


def test_a_folder_that_holds_a_log_is_refused_with_a_remedy(tmp_path: Path) -> None:
    small(tmp_path / "log")
    with pytest.raises(ValueError, match="already holds an event log: choose another folder"):
        small(tmp_path / "log")


@pytest.mark.parametrize(
    ("field", "changed"),
    [
        ("users", {"users": 5}),
        ("users", {"users": 10_000_000}),
        ("days", {"days": 0}),
        ("days", {"days": 1000}),
        ("seed", {"seed": -1}),
        ("start", {"start": date(1990, 1, 1)}),
    ],
)
def test_a_bad_scenario_is_refused_by_the_name_of_its_field(field: str, changed: dict[str, Any]) -> None:
    good: dict[str, Any] = {"users": 200, "days": 5, "seed": 1, "start": START}
    with pytest.raises(ValueError, match=f"^{field} must"):
        Scenario(**good | changed)
