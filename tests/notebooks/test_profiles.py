"""The profile of a feature, run as a script and from top to bottom: on a simulated home, and where there is nothing."""

import math
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from features.events import OutcomeKind
from features.home import Home
from features.log import Log
from features.vector import FEATURES
from notebooks import profiling
from notebooks.profiling import Days, Known
from pipelines.backfill import backfill
from pipelines.load import load_simulated

NOTEBOOK = Path(__file__).parents[2] / "notebooks" / "profiles.py"
PRESSED = SimpleNamespace(value=True)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    home = Home(tmp_path_factory.mktemp("simulated") / "home")
    load_simulated(home, users=100, days=45, seed=7)
    backfill(home)
    return home


@pytest.fixture
def run(run: Any) -> Callable[..., dict[str, Any]]:
    """The same, opened at one feature."""
    return lambda home, name=FEATURES[0], **given: run(home, wanted_name=name, **given)


def known_of(home: Home) -> Known:
    known = profiling.known_of(home)
    assert isinstance(known, Known)
    return known


def without(home: Home, to: Path, kinds: list[str]) -> Home:
    """The same home, as if these kinds of outcomes had never arrived."""
    other = Home(to / "home")
    shutil.copytree(home.root, other.root)
    for file in Log(other.log).files():
        rows = pq.read_table(file)
        pq.write_table(rows.filter(pc.invert(pc.is_in(rows["kind"], pa.array(kinds)))), file)
    return other


def test_runs_as_a_script_on_an_empty_home_and_writes_nothing(tmp_path: Path) -> None:
    environment = os.environ | {"ASSAY_HOME": str(tmp_path / "nothing")}
    done = subprocess.run([sys.executable, str(NOTEBOOK)], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(tmp_path.iterdir()) == []


def test_a_home_without_features_says_what_to_do(tmp_path: Path, run: Any) -> None:
    defined = run(Home(tmp_path / "nothing"))
    assert defined["is_empty"]
    assert "assay backfill" in defined["known"]
    assert (defined["ranked"], defined["related"], defined["moved"]) == (None, None, None)


def test_a_feature_is_shown_with_its_drift_and_its_relation(home: Home, run: Any) -> None:
    defined = run(home, "user__sum_reward_micros__7d", compare=PRESSED)
    assert defined["name"] == "user__sum_reward_micros__7d"
    assert np.array_equal(defined["values"], known_of(home).column("user__sum_reward_micros__7d"), equal_nan=True)
    assert [one.mask(known_of(home).times).sum() for one in defined["periods"]] == [
        len(sample) for sample in defined["samples"]
    ]
    assert defined["moved"].psi > 0
    assert defined["related"].overall.rows == defined["labelled"] > 0
    assert len(defined["ranked"]) == len(FEATURES)
    assert [one[1].psi for one in defined["ranked"]] == sorted((one[1].psi for one in defined["ranked"]), reverse=True)


@pytest.mark.parametrize("name", ["ip__is_tor", "event__kind", "event__campaign", "user__last_latitude__1d"])
def test_missing_constant_and_unordered_features_are_shown_too(home: Home, run: Any, name: str) -> None:
    defined = run(home, name)
    assert defined["name"] == name
    assert defined["moved"] is not None


def test_one_kind_of_event_is_profiled_alone(home: Home, run: Any) -> None:
    known = known_of(home)
    is_withdrawal = known.of_kind("withdrawal_requested")
    defined = run(home, "event__kind", kind=SimpleNamespace(value="withdrawal_requested"))
    assert 0 < sum(map(len, defined["samples"])) <= is_withdrawal.sum() < known.events.height
    assert {len(np.unique(sample)) for sample in defined["samples"]} == {1}
    assert defined["labelled"] == (is_withdrawal & ~np.isnan(known.labels["fraud"])).sum()
    assert sum(known.of_kind(kind).sum() for kind in known.kinds) == known.of_kind(None).sum() == known.events.height


def test_an_unknown_name_opens_the_first_feature(home: Home, run: Any) -> None:
    assert run(home, "no_such__feature")["name"] == FEATURES[0]


def test_periods_without_events_compare_with_nothing(home: Home, run: Any) -> None:
    nowhere = Days(date(1971, 1, 1), date(1971, 1, 2))
    defined = run(home, periods=[nowhere, known_of(home).days], compare=PRESSED)
    assert (defined["moved"], defined["ranked"]) == (None, [])
    assert run(home, periods=[nowhere, nowhere])["moved"] is None


@pytest.mark.parametrize(
    ("lost", "labels"),
    [(list(map(str, OutcomeKind)), set()), ([str(kind) for kind in OutcomeKind if kind != "clean"], {0.0})],
)
def test_no_labels_and_labels_of_one_class_are_a_sentence(
    home: Home, run: Any, tmp_path: Path, lost: list[str], labels: set[float]
) -> None:
    poorer = without(home, tmp_path, lost)
    fraud = known_of(poorer).labels["fraud"]
    assert set(np.unique(fraud[~np.isnan(fraud)])) == labels
    related = run(poorer)["related"]
    assert related is None if not labels else "the same" in related.auc.reason


def test_labels_are_those_of_training_and_the_newest_events_have_none(home: Home) -> None:
    known = known_of(home)
    labelled = ~np.isnan(known.labels["fraud"])
    assert 0 < labelled.sum() < known.events.height
    assert known.times[labelled].max() < known.times.max()


def test_usual_periods_touch_and_leave_the_first_third_out() -> None:
    month = Days(date(2026, 1, 1), date(2026, 1, 30))
    before, after = profiling.usual_periods(month)
    assert (before, after) == (
        Days(date(2026, 1, 11), date(2026, 1, 20)),
        Days(date(2026, 1, 21), date(2026, 1, 30)),
    )
    day = Days(date(2026, 1, 1), date(2026, 1, 1))
    assert profiling.usual_periods(day) == (day, day)
    assert str(day) == "01 Jan 2026"


def test_a_day_begins_and_ends_at_midnight_utc() -> None:
    midnight, length = 1_767_225_600_000_000, 86_400_000_000
    times = np.array([midnight - 1, midnight, midnight + length - 1, midnight + length])
    assert Days(date(2026, 1, 1), date(2026, 1, 1)).mask(times).tolist() == [False, True, True, False]


def test_many_rows_are_thinned_evenly_and_keep_both_ends() -> None:
    chosen = np.ones(1000, dtype=bool)
    assert profiling.thinned(chosen, rows_max=10).tolist() == np.linspace(0, 999, 10).astype(int).tolist()
    assert profiling.thinned(chosen[:5], rows_max=10).tolist() == [0, 1, 2, 3, 4]


def test_categories_are_called_as_the_log_calls_them(home: Home) -> None:
    words = profiling.words_of(home, "event__campaign")
    values = known_of(home).column("event__campaign")
    assert set(np.unique(values[~np.isnan(values)])) <= set(words)
    assert not any(math.isnan(number) for number in words)
