"""The nightly table: made of what had arrived, the same on every engine, never read before its time."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pyarrow.parquet as pq
import pytest

from features.events import micros_of
from features.home import Home
from features.log import Log, LogWriter
from features.rings.days import metadata_of
from features.rings.engines import engine_of
from features.rings.nightly import AGE_MAX, READY_AFTER, Made, end_of, file_of, make_night, prepare_days, rings_as_of
from features.rings.table import RING_FEATURES, RING_NAMES
from training.simulator.simulate import Scenario, simulate

FIRST, NIGHT = date(2026, 1, 1), date(2026, 1, 12)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Twenty days of a small platform, and the night of the twelfth."""
    made = Home(tmp_path_factory.mktemp("rings") / "home")
    simulate(Scenario(users=150, days=20, seed=5, start=FIRST), made.log)
    run(made, NIGHT)
    return made


def known(as_of: int) -> pl.DataFrame:
    """Every ninth person is bad, every other third is good."""
    del as_of
    people = [f"u{number:06d}" for number in range(0, 150, 3)]
    return pl.DataFrame({"user_id": people, "bad": [int(person[1:]) % 9 == 0 for person in people]})


def run(home: Home, night: date, engine: str = "local") -> Made:
    with engine_of(engine, 2) as running:
        prepare_days(home, [night], running)
        return make_night(home, night, known, running)


def test_a_person_has_one_row_of_floats_and_the_table_says_what_they_mean(home: Home) -> None:
    rows = pl.read_parquet(file_of(home, NIGHT))
    assert rows.columns == ["user_id", "event_timestamp", "created_timestamp", *RING_NAMES]
    assert rows.select(RING_NAMES).dtypes == [pl.Float64] * len(RING_NAMES)
    assert rows["user_id"].is_unique().all()
    assert rows["event_timestamp"].unique().to_list() == [datetime(2026, 1, 13, tzinfo=UTC)]
    assert rows["created_timestamp"].unique().to_list() == [datetime(2026, 1, 13, tzinfo=UTC) + READY_AFTER]


def test_nearly_every_column_differs_between_people(home: Home) -> None:
    rows = pl.read_parquet(file_of(home, NIGHT))
    flat = {name for name in RING_NAMES if rows[name].n_unique() == 1}
    rare = {"hub_keys", "identity_accounts", "destination_accounts", "synchronised_persons"}
    assert flat <= {f"rings__{name}" for name in rare}


def test_each_feature_is_described_once_with_unit_and_reason() -> None:
    for words in ([one.name for one in RING_FEATURES], [one.description for one in RING_FEATURES]):
        assert len(set(words)) == len(words)
    assert all(one.unit and len(one.reason.split()) > 2 for one in RING_FEATURES)


def test_what_arrives_later_changes_nothing(home: Home, tmp_path: Path) -> None:
    truncated = Home(tmp_path / "home")
    past = Log(home.log).read().filter(pq.filters_to_expression([("recorded_at", "<", end_of(NIGHT))]))
    LogWriter(truncated.log).append(past)
    run(truncated, NIGHT)
    assert pl.read_parquet(file_of(truncated, NIGHT)).equals(pl.read_parquet(file_of(home, NIGHT)), null_equal=True)


def test_dask_writes_the_same_table(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "home")
    LogWriter(other.log).append(Log(home.log).read())
    run(other, NIGHT, "dask")
    assert pl.read_parquet(file_of(other, NIGHT)).equals(pl.read_parquet(file_of(home, NIGHT)), null_equal=True)


def test_a_night_that_is_there_is_left_as_it_is_until_the_log_or_the_verdicts_change(home: Home) -> None:
    file = file_of(home, NIGHT)
    before = file.stat().st_mtime_ns
    again = run(home, NIGHT)
    assert not again.is_new
    assert (file.stat().st_mtime_ns, again.persons) == (before, pl.read_parquet(file).height)
    with engine_of("local") as engine:
        assert make_night(home, NIGHT, lambda as_of: known(as_of).head(3), engine).is_new
    assert run(home, NIGHT).is_new


@pytest.fixture
def usable() -> int:
    """The first instant at which the night may be used."""
    return end_of(NIGHT) + READY_AFTER // timedelta(microseconds=1)


def test_a_table_is_read_from_its_time_on_and_not_before(home: Home, usable: int) -> None:
    assert rings_as_of(home, usable).equals(pl.read_parquet(file_of(home, NIGHT)), null_equal=True)
    with pytest.raises(LookupError, match="assay graph nightly"):
        rings_as_of(home, usable - 1)
    own_day = micros_of(datetime(2026, 1, 12, 23, 59, tzinfo=UTC))
    with pytest.raises(LookupError, match="assay graph nightly"):
        rings_as_of(home, own_day)


def test_a_table_that_is_too_old_is_not_read(home: Home, usable: int) -> None:
    week = AGE_MAX // timedelta(microseconds=1)
    assert rings_as_of(home, usable + week - 1).height
    with pytest.raises(LookupError, match="assay graph nightly"):
        rings_as_of(home, usable + week)


def test_a_table_under_an_earlier_name_is_refused(home: Home, tmp_path: Path) -> None:
    other = Home(tmp_path / "home")
    renamed = file_of(other, NIGHT - timedelta(days=2))
    renamed.parent.mkdir(parents=True)
    renamed.write_bytes(file_of(home, NIGHT).read_bytes())
    with pytest.raises(LookupError, match="not known"):
        rings_as_of(other, end_of(NIGHT - timedelta(days=1)))


def test_the_file_says_how_many_ties_it_was_made_of(home: Home) -> None:
    said = metadata_of(file_of(home, NIGHT))
    assert int(said["edges"]) > int(said["persons"]) > 50
    assert (said["expired"], said["left_out"]) == ("0", "0")
