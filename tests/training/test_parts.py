"""What each part learns from; what is left out, and why; what others plug in."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import lightgbm
import numpy as np
import polars as pl
import pytest

from features.vector import CATEGORICAL, FEATURES
from training.boosters import Parameters, fit_booster
from training.directions import RISING, directions_of
from training.parts import OWN_PAST, PARTS, fit_outside
from training.table import Table, matrix

ROOT = Path(__file__).parents[2]
SMALL = Parameters(rounds_max=40, leaves=7, learning_rate=0.2, row_share=1.0)
Make = Callable[..., pl.DataFrame]


def features_of(part: str) -> tuple[str, ...]:
    return next(one for one in PARTS if one.name == part).chosen(FEATURES, CATEGORICAL)


def test_every_part_finds_features_of_today() -> None:
    assert not set(OWN_PAST) - set(FEATURES)
    assert not set(RISING) - set(FEATURES)
    assert set(features_of("behaviour")) | set(features_of("graph")) == set(FEATURES)
    tied = ("graph__", "device__distinct_user_id__", "destination__distinct_user_id__", "identity__distinct_user_id__")
    assert all(name.startswith(tied) for name in features_of("graph"))
    assert set(features_of("takeover")) == set(OWN_PAST)
    assert not set(features_of("anomaly")) & set(CATEGORICAL)


def test_no_category_has_a_direction() -> None:
    assert not set(RISING) & set(CATEGORICAL)


def drawn(rows: int = 3000) -> Table:
    """Fraud falls with a feature whose known direction is up, by the draw of the data: the constraint must hold."""
    draws = np.random.default_rng(4)
    values = draws.normal(size=(rows, 3))
    odds = 1.5 * values[:, 0] - 1.5 * values[:, 1] + values[:, 2] * values[:, 1]
    labels = (draws.random(rows) < 1 / (1 + np.exp(-odds))).astype(float)
    names = ("user__count__1h", "device__distinct_user_id__7d", "graph__device_users")
    values[draws.random(values.shape) < 0.1] = np.nan
    return Table(values.astype(np.float32), labels, names, (), directions=directions_of(names))


def swept(booster: lightgbm.Booster, table: Table, column: int) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Margins of 200 rows, one column moved over its whole range: rows x steps."""
    steps = np.linspace(-4, 4, 60)
    rows = np.repeat(table.values[:200].astype(np.float64), len(steps), axis=0)
    rows[:, column] = np.tile(steps, 200)
    return np.asarray(booster.predict(rows, raw_score=True)).reshape(200, len(steps))


def test_a_known_direction_holds_whatever_the_data_say() -> None:
    table = drawn()
    assert table.directions == (0, 1, 1)
    booster = fit_booster(table, SMALL)
    for column in (1, 2):
        assert (np.diff(swept(booster, table, column), axis=1) >= -1e-12).all()
    assert (np.diff(swept(booster, table, 0), axis=1) > 0).any()


def test_without_its_direction_the_data_would_have_had_their_way() -> None:
    table = drawn()
    free = fit_booster(Table(table.values, table.labels, table.names, ()), SMALL)
    assert (np.diff(swept(free, table, 1), axis=1) < -0.01).any()


@pytest.mark.parametrize(
    ("labels", "said"),
    [(["fraud", "honest"], "fraud, honest"), ([0.0, 2.0], "0.0, 2.0"), ([0.0, np.nan], "0.0, nan")],
)
def test_labels_that_are_no_numbers_of_zero_and_one_are_refused(labels: list[object], said: str) -> None:
    with pytest.raises(ValueError, match=f"0 and 1, not {said}"):
        Table(np.zeros((2, 1)), np.array(labels), ("a",), ())


def test_features_of_text_are_refused_by_name() -> None:
    with pytest.raises(ValueError, match="user__word hold String"):
        matrix(pl.DataFrame({"user__word": ["a"], "user__count": [1]}), ["user__count", "user__word"])


@pytest.mark.parametrize(
    ("values", "labels", "reason"),
    [
        (np.zeros((4, 0)), [0, 1, 0, 1], "no feature"),
        (np.zeros((0, 2)), [], "no row"),
        (np.full((4, 2), np.nan), [0, 1, 0, 1], "constant or missing"),
        (np.ones((4, 2)), [0, 1, 0, 1], "constant or missing"),
        (np.arange(8.0).reshape(4, 2), [1, 1, 1, 1], "one class only: 4 of 4"),
    ],
)
def test_a_table_says_why_nothing_can_be_learned(values: np.ndarray, labels: list[float], reason: str) -> None:  # type: ignore[type-arg]  # of any shape
    table = Table(values, np.array(labels, dtype=float), ("a", "b")[: values.shape[1]], ())
    assert reason in (table.unusable or "")


def test_what_an_outside_part_must_be() -> None:
    table = drawn(200)

    class Fits:
        def __init__(self, made: object) -> None:
            self.made = made

        def fit(self) -> object:
            return self.made

    with pytest.raises(ValueError, match=r"theirs must fit a lightgbm\.Booster, not a str"):
        fit_outside("theirs", lambda _: Fits("a model"), table)
    strange = lightgbm.train({"verbosity": -1}, lightgbm.Dataset(table.values, table.labels), 1)
    with pytest.raises(ValueError, match="features that nobody computes: Column_0"):
        fit_outside("theirs", lambda _: Fits(strange), table)


THEIRS = """
import lightgbm

class Night:
    def __init__(self, table):
        self.table = table

    def fit(self):
        name = "user__signal"
        column = self.table.values[:, [self.table.names.index(name)]]
        rows = lightgbm.Dataset(column, self.table.labels, feature_name=[name])
        return lightgbm.train({"objective": "binary", "verbosity": -1, "num_threads": 1}, rows, 5)
"""
TRAINING = """
import sys
sys.path.insert(0, "tests/training")
from conftest import DAY, made_frame, made_outcomes
from training.artefact import load, save
from training.evaluate import Bootstrap
from training.boosters import Parameters
from training.train import Spec, train
from pathlib import Path
frame, fraud = made_frame(2000)
few = Parameters(rounds_max=5)
spec = Spec(("user__signal", "graph__density"), (), "1", 30 * DAY, parameters=few, bootstrap=Bootstrap(0))
model = train(frame, made_outcomes(frame, fraud), spec).model
again = load(save(model, Path(sys.argv[1])))
same = (again.score(frame) == model.score(frame)).all()
print(sorted(model.boosters), model.groups["night"], "night" in model.heads["event"].weights, same)
"""


def installed(folder: Path, points: str) -> dict[str, str]:
    """A distribution as pip leaves it: a module, and its entry points."""
    about = folder / "theirs-1.0.dist-info"
    about.mkdir(parents=True)
    (folder / "theirs.py").write_text(THEIRS)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: theirs\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[assay.models]\n{points}\n")
    return os.environ | {"PYTHONPATH": os.pathsep.join([str(folder), str(ROOT)])}


def test_packages_add_a_part_by_an_entry_point(tmp_path: Path) -> None:
    told = installed(tmp_path / "site", "night = theirs:Night")
    command = [sys.executable, "-c", TRAINING, str(tmp_path / "model")]
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=True)
    assert (
        done.stdout.strip()
        == "['anomaly', 'behaviour', 'graph', 'night', 'payout', 'reversal'] ('user__signal',) True True"
    )


def test_an_entry_point_of_a_name_that_is_taken_is_refused(tmp_path: Path) -> None:
    told = installed(tmp_path / "site", "graph = theirs:Night")
    command = [
        sys.executable,
        "-c",
        "from training.parts import outside_parts, outside_versions; print(outside_versions()); outside_parts()",
    ]
    done = subprocess.run(command, cwd=ROOT, env=told, capture_output=True, text=True, check=False)
    assert "ValueError: assay.models: the name 'graph' is taken" in done.stderr
    assert done.stdout.strip() == "('graph=theirs:Night 1.0',)"
