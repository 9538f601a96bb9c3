"""The champion is its files: boosters on their own columns of the vector, a head over their margins, no more."""

import json
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest

from features.events import Kind
from features.fold import Vector
from features.vector import FEATURES, GRAPH, VERSION
from serving.decision import Levels, Score
from serving.scoring import CONTRIBUTIONS_MAX, FraudModel, NoModel, Registry, SignatureMismatchError, load_champion

# Out of the vector's order, and more of them than are explained: a column that is taken from the wrong place shows.
NAMES = {"behaviour": FEATURES[CONTRIBUTIONS_MAX + 3 :: -1], "graph": GRAPH[::-1]}
HEADS = {
    "event": {"intercept": -0.4, "weights": {"behaviour": 0.9, "graph": 0.3}},
    "withdrawal": {"intercept": 0.2, "weights": {"graph": 1.1}},
}
EVENT, WITHDRAWAL = Kind.AD_VIEWED, Kind.WITHDRAWAL_REQUESTED
EVERYTHING, NOTHING = Levels(0.0, 0.0), Levels(1.1, 1.1)
"""Levels from which on every score, and none, is explained."""


def booster(names: tuple[str, ...], seed: int) -> lightgbm.Booster:
    draws = np.random.default_rng(seed)
    columns = draws.normal(size=(400, len(names)))
    labels = columns @ draws.normal(size=len(names)) > 0
    settings = {"objective": "binary", "num_leaves": 8, "num_threads": 1, "verbose": -1, "seed": seed}
    return lightgbm.train(settings, lightgbm.Dataset(columns, labels), num_boost_round=8)


BOOSTERS = {part: booster(names, seed) for seed, (part, names) in enumerate(NAMES.items())}


def write(folder: Path, heads: dict[str, Any] | None = None, **signature: Any) -> Path:
    """A model folder in the format that training writes."""
    folder.mkdir(exist_ok=True)
    for part, made in BOOSTERS.items():
        (folder / f"{part}.txt").write_text(made.model_to_string())
    described = {"features": FEATURES, "features_version": VERSION, "target": "fraud", "parts": NAMES}
    (folder / "signature.json").write_text(json.dumps(described | signature))
    (folder / "heads.json").write_text(json.dumps(heads or HEADS))
    return folder


@pytest.fixture
def model(tmp_path: Path) -> FraudModel:
    return FraudModel(write(tmp_path / "model"), "7")


_WITHOUT_GRAPH = {"behaviour": NAMES["behaviour"]}


def vectors(count: int = 20) -> list[Vector]:
    draws = np.random.default_rng(3)
    drawn = draws.normal(size=(count, len(FEATURES)))
    drawn[draws.random(drawn.shape) < 0.1] = np.nan
    return list(drawn)


def columns(vector: Vector, part: str) -> Vector:
    return np.array([[vector[FEATURES.index(name)] for name in NAMES[part]]])


def expected(vector: Vector, head: dict[str, Any]) -> float:
    """The sentence of the format, written out."""
    margins = {part: BOOSTERS[part].predict(columns(vector, part), raw_score=True)[0] for part in head["weights"]}
    total = head["intercept"] + sum(weight * margins[part] for part, weight in head["weights"].items())
    return float(1 / (1 + np.exp(-total)))


@pytest.mark.parametrize(("kind", "head"), [(EVENT, "event"), (Kind.CLICK, "event"), (WITHDRAWAL, "withdrawal")])
def test_a_score_is_the_sigmoid_of_the_weighed_margins(model: FraudModel, kind: Kind, head: str) -> None:
    scores = [model.score(kind, vector, NOTHING) for vector in vectors()]
    wanted = [expected(vector, HEADS[head]) for vector in vectors()]
    assert [score.probability for score in scores] == pytest.approx(wanted, abs=1e-12)
    assert len(set(wanted)) > 10
    assert {(score.model_version, score.target) for score in scores} == {("7", "fraud")}


def test_a_shared_head_judges_withdrawals_as_events(tmp_path: Path) -> None:
    heads = {"event": HEADS["event"], "withdrawal": {"shared_with": "event"}}
    model = FraudModel(write(tmp_path / "model", heads), "7")
    for vector in vectors():
        assert model.score(WITHDRAWAL, vector, NOTHING) == model.score(EVENT, vector, NOTHING)


def test_a_score_is_explained_from_the_level_on_and_not_below(model: FraudModel) -> None:
    for vector in vectors():
        probability = model.score(EVENT, vector, NOTHING).probability
        assert probability is not None
        assert model.score(EVENT, vector, Levels(probability)).contributions
        assert model.score(EVENT, vector, Levels(float(np.nextafter(probability, 1)))).contributions == ()


def test_the_explanation_is_what_each_feature_weighs_the_heaviest_first(model: FraudModel) -> None:
    vector = vectors()[0]
    weighed = {
        name: weight * contribution
        for part, weight in HEADS["event"]["weights"].items()  # type: ignore[attr-defined]  # a dict of two shapes
        for name, contribution in zip(
            NAMES[part], BOOSTERS[part].predict(columns(vector, part), pred_contrib=True)[0][:-1], strict=True
        )
    }
    wanted = sorted(weighed.items(), key=lambda pair: -pair[1])[:CONTRIBUTIONS_MAX]
    explained = model.score(EVENT, vector, EVERYTHING).contributions
    assert dict(explained) == pytest.approx(dict(wanted))
    assert [weight for _, weight in explained] == sorted((weight for _, weight in explained), reverse=True)


def test_only_the_parts_of_its_head_explain_a_score(model: FraudModel) -> None:
    names = {name for name, _ in model.score(WITHDRAWAL, vectors()[0], EVERYTHING).contributions}
    assert names <= set(GRAPH)
    assert len(names) == min(len(GRAPH), CONTRIBUTIONS_MAX)


def test_a_model_without_the_graph_needs_no_file_of_it(tmp_path: Path) -> None:
    head = {"intercept": 0.1, "weights": {"behaviour": 1.0}}
    folder = write(tmp_path / "model", {"event": head, "withdrawal": {"shared_with": "event"}}, parts=_WITHOUT_GRAPH)
    (folder / "graph.txt").unlink()
    vector = vectors()[0]
    probability = FraudModel(folder, "7").score(EVENT, vector, NOTHING).probability
    assert probability == pytest.approx(expected(vector, head))


def test_the_target_is_what_the_signature_says(tmp_path: Path) -> None:
    model = FraudModel(write(tmp_path / "model", {"reversal": HEADS["event"]}, target="reversal"), "7")
    assert model.target == "reversal"
    assert model.score(EVENT, vectors()[0], NOTHING).target == "reversal"


WITH_REVERSAL = HEADS | {"reversal": {"intercept": 0.3, "weights": {"behaviour": 0.2, "graph": 0.7}}}


def test_a_reversal_is_a_probability_of_its_own_beside_that_of_fraud(tmp_path: Path) -> None:
    model = FraudModel(write(tmp_path / "model", WITH_REVERSAL), "7")
    for vector in vectors():
        score = model.score(EVENT, vector, NOTHING)
        assert score.probability == pytest.approx(expected(vector, HEADS["event"]), abs=1e-12)
        assert score.reversal == pytest.approx(expected(vector, WITH_REVERSAL["reversal"]), abs=1e-12)
        assert model.score(WITHDRAWAL, vector, NOTHING).reversal is None


def test_without_such_a_head_nothing_is_known_of_reversals(model: FraudModel) -> None:
    assert model.score(EVENT, vectors()[0], NOTHING).reversal is None


def test_what_is_explained_is_the_reversal_where_only_that_is_likely(tmp_path: Path) -> None:
    model = FraudModel(write(tmp_path / "model", WITH_REVERSAL), "7")
    vector = vectors()[0]
    fraud, reversal, both = (model.score(EVENT, vector, levels).contributions for levels in LEVELS_OF_TWO)
    assert fraud == both
    assert fraud != reversal
    assert reversal


LEVELS_OF_TWO = Levels(0.0, 1.1), Levels(1.1, 0.0), Levels(0.0, 0.0)
"""From which only fraud, only a reversal, and both are explained."""


@pytest.mark.parametrize("kind", [EVENT, WITHDRAWAL])
def test_many_rows_at_once_score_as_each_does_by_itself_to_the_last_bit(tmp_path: Path, kind: Kind) -> None:
    model = FraudModel(write(tmp_path / "model", WITH_REVERSAL), "7")
    rows = vectors(300)
    assert model.scores(kind, np.array(rows), NOTHING) == [model.score(kind, row, NOTHING) for row in rows]


@pytest.mark.parametrize(
    "signature",
    [
        {"features_version": "another"},
        {"features": FEATURES[::-1]},
        {"features": FEATURES[:-1]},
        {"features": [*FEATURES, "user__mood"]},
    ],
    ids=["version", "order", "fewer", "more"],
)
def test_a_model_of_other_features_is_refused_and_the_remedy_named(signature: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(SignatureMismatchError, match=r"restart the service on the code .* `assay retrain`"):
        FraudModel(write(tmp_path / "model", **signature), "7")


def test_without_a_model_there_is_no_probability() -> None:
    assert NoModel().score(EVENT, vectors()[0], EVERYTHING) == Score(None, "fraud", "none")
    assert (NoModel().version, NoModel().target) == ("none", "fraud")


def test_before_the_first_training_there_is_no_champion_and_looking_makes_none(tmp_path: Path) -> None:
    champion = load_champion(Registry(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path / "models"))
    assert isinstance(champion, NoModel)
    assert list(tmp_path.iterdir()) == []
