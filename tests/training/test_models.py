import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from scipy.special import expit

from training.artefact import OlderFormatError, load, save
from training.boosters import Parameters, fit_booster
from training.calibration import log_losses
from training.evaluate import Bootstrap
from training.heads import fit_head, fit_heads
from training.pyfunc import Loaded
from training.splits import Boundaries
from training.table import Table, matrix
from training.train import Spec, Trained, train

DAY = 86_400_000_000
SMALL = Parameters(rounds_max=60, patience_rounds=10, learning_rate=0.1, leaves=7, threads=1)
Log = tuple[pl.DataFrame, pl.DataFrame]


def spec(features: tuple[str, ...]) -> Spec:
    return Spec(
        features,
        ("event__country",),
        "1",
        45 * DAY,
        bounds=Boundaries(20 * DAY, 32 * DAY, 45 * DAY, 3 * DAY),
        parameters=SMALL,
        rule="user__signal",
        bootstrap=Bootstrap(40),
    )


@pytest.fixture(scope="module")
def trained(log: Log, features: tuple[str, ...]) -> Trained:
    return train(*log, spec(features))


def test_a_signal_is_found_and_the_probability_means_what_it_says(trained: Trained) -> None:
    assert (trained.metrics["auc"].low or 0) > 0.7
    slope = trained.metrics["calibration_slope"]
    assert 0.7 < (slope.value or 0) < 1.4
    assert set(trained.model.boosters) == {"behaviour", "graph", "reversal", "payout", "anomaly"}
    assert trained.model.left_out == {"takeover": "no feature of this part was given"}
    assert set(trained.model.heads) == {"event", "withdrawal", "reversal"}


def test_the_same_seed_gives_the_same_model_to_the_letter(
    trained: Trained, log: Log, features: tuple[str, ...]
) -> None:
    again = train(*log, spec(features))
    for part, booster in trained.model.boosters.items():
        assert booster.model_to_string() == again.model.boosters[part].model_to_string()
    assert trained.metrics == again.metrics


def test_a_saved_model_scores_the_same_to_the_last_bit(trained: Trained, log: Log, tmp_path: Path) -> None:
    loaded = load(save(trained.model, tmp_path / "model"))
    assert np.array_equal(loaded.score(log[0]), trained.model.score(log[0]))
    assert loaded.context == trained.model.context


def test_the_artefact_says_all_that_serving_needs(trained: Trained, log: Log, tmp_path: Path) -> None:
    folder = save(trained.model, tmp_path / "model")
    signature = json.loads((folder / "signature.json").read_text())
    heads = json.loads((folder / "heads.json").read_text())
    assert {"target", "features_version", "trained_at", "training_rows", "base_rate"} <= set(signature)
    margins = trained.model.margins(log[0])
    by_hand = heads["event"]["intercept"] + sum(w * margins[part] for part, w in heads["event"]["weights"].items())
    events = (log[0]["kind"] != "withdrawal_requested").to_numpy()
    assert np.allclose(trained.model.score(log[0])[events], expit(by_hand)[events], rtol=1e-12)


def test_a_folder_of_an_older_format_is_refused_by_name(trained: Trained, tmp_path: Path) -> None:
    folder = save(trained.model, tmp_path / "model")
    signature = json.loads((folder / "signature.json").read_text())
    (folder / "signature.json").write_text(json.dumps(signature | {"behaviour": signature.pop("parts")["behaviour"]}))
    with pytest.raises(OlderFormatError, match="train it again"):
        load(folder)


def test_a_log_of_reversals_has_their_head_alone(log: Log, features: tuple[str, ...], tmp_path: Path) -> None:
    unknown = pl.when(pl.col("kind") == "reversal").then(pl.lit("unknown"))
    result = train(log[0], log[1].with_columns(reason=unknown), replace(spec(features), target="reversal"))
    assert set(result.model.boosters) == {"reversal", "anomaly"}
    assert result.model.left_out["behaviour"] == "no labels of fraud with both classes"
    folder = save(result.model, tmp_path / "model")
    assert set(json.loads((folder / "heads.json").read_text())) == {"reversal"}
    assert np.array_equal(load(folder).score(log[0]), result.model.score(log[0]))
    columns = Loaded(result.model).predict(log[0].head(5).to_pandas())
    assert columns["event"].isna().all()
    assert columns["reversal"].to_numpy() == pytest.approx(result.model.score(log[0].head(5)))


def test_without_a_graph_signal_the_part_is_left_out_and_said(log: Log, tmp_path: Path) -> None:
    frame = log[0].with_columns(graph__density=pl.lit(1.0))
    result = train(frame, log[1], spec(("user__signal", "event__country", "graph__density")))
    folder = save(result.model, tmp_path / "model")
    assert not (folder / "graph.txt").exists()
    signature = json.loads((folder / "signature.json").read_text())
    assert "constant" in signature["left_out"]["graph"]
    assert set(signature["parts"]) == {"behaviour", "reversal", "payout", "anomaly"}
    assert np.array_equal(load(folder).score(frame), result.model.score(frame))


def test_constant_and_wholly_missing_features_do_no_harm(log: Log, features: tuple[str, ...]) -> None:
    frame = log[0].with_columns(user__empty=pl.lit(None, pl.Float64), user__same=pl.lit(3.0))
    result = train(frame, log[1], spec((*features, "user__empty", "user__same")))
    assert np.isfinite(result.model.score(frame)).all()


def test_nothing_that_varies_is_an_error_that_says_so(log: Log, features: tuple[str, ...]) -> None:
    frame = log[0].with_columns(pl.lit(None, pl.Float64).alias(name) for name in features)
    with pytest.raises(ValueError, match=r"nothing to learn fraud from \(behaviour: every feature .* is constant"):
        train(frame, log[1], spec(features))


def test_too_few_bad_ones_are_an_error_that_asks_for_more_of_them(log: Log, features: tuple[str, ...]) -> None:
    events, outcomes = log
    bad = pl.col("kind") != "clean"
    few = pl.concat([outcomes.filter(~bad), outcomes.filter(bad).gather_every(50)]).sort("recorded_at")
    with pytest.raises(ValueError, match=r"nothing to learn fraud from .* it takes more days or more people$"):
        train(events, few, spec(features))


def test_a_category_never_seen_scores_like_a_missing_one(trained: Trained, log: Log) -> None:
    unseen, missing = (log[0].with_columns(event__country=pl.lit(value, pl.Float64)) for value in (99.0, None))
    assert np.array_equal(trained.model.score(unseen), trained.model.score(missing))


def test_few_withdrawals_share_the_head_of_events(log: Log, features: tuple[str, ...], tmp_path: Path) -> None:
    frame = log[0].with_columns(kind=pl.lit("task_completed"))
    result = train(frame, log[1], spec(features))
    heads = json.loads((save(result.model, tmp_path / "model") / "heads.json").read_text())
    assert heads["withdrawal"] == {"shared_with": "event"}
    assert load(tmp_path / "model").score(log[0]) is not None


def test_weights_are_never_negative_and_perfect_margins_stay_finite() -> None:
    labels = np.arange(200) % 2.0
    head = fit_head({"behaviour": labels * 8 - 4, "graph": 4 - labels * 8}, labels)
    assert set(head.weights) == {"behaviour"}
    assert np.isfinite(list(head.weights.values())).all()


def test_calibration_improves_an_overconfident_margin() -> None:
    draws = np.random.default_rng(0)
    odds = draws.normal(-2, 1, 4000)
    labels = (draws.random(4000) < expit(odds)).astype(float)
    overconfident = odds * 3 + 1
    head = fit_head({"behaviour": overconfident[:2000]}, labels[:2000])
    after = head.probabilities({"behaviour": overconfident[2000:]})
    before = log_losses(labels[2000:], expit(overconfident[2000:])).mean()
    assert log_losses(labels[2000:], after).mean() < before - 0.05
    assert head.weights["behaviour"] == pytest.approx(1 / 3, abs=0.06)


def test_each_kind_of_row_has_its_own_head(log: Log) -> None:
    frame = log[0].head(800)
    withdraws = (frame["kind"] == "withdrawal_requested").to_numpy()
    labels = (np.random.default_rng(0).random(800) < np.where(withdraws, 0.5, 0.2)).astype(float)
    heads = fit_heads(
        {"behaviour": np.zeros(800)}, {"event": ["behaviour"], "withdrawal": ["behaviour"]}, labels, frame
    )
    assert heads["withdrawal"].intercept > heads["event"].intercept


def test_an_absent_feature_is_named(log: Log) -> None:
    with pytest.raises(ValueError, match="user__gone"):
        matrix(log[0], ["user__signal", "user__gone"])


def test_progress_is_reported_and_few_positives_still_train() -> None:
    values = np.random.default_rng(0).normal(size=(300, 2))
    labels = (np.arange(300) < 5).astype(float)
    steps: list[int] = []
    fit_booster(Table(values, labels, ("a", "b"), ()), SMALL, steps.append)
    assert sum(steps) == SMALL.rounds_max


def test_a_champion_is_compared_on_the_same_rows(trained: Trained, log: Log, features: tuple[str, ...]) -> None:
    again = train(*log, spec(features), champion=trained.model)
    assert again.difference is not None
    assert again.difference["auc"].value == 0.0


def test_a_champion_that_reads_lost_features_is_not_compared_and_the_reason_is_kept(trained: Trained, log: Log) -> None:
    again = train(log[0].drop("user__noise"), log[1], spec(("user__signal", "graph__density")), trained.model)
    assert again.difference is not None
    assert "user__noise" in (again.difference["ap_rare"].reason or "")


def test_what_comes_out_is_plain_and_complete(trained: Trained) -> None:
    json.dumps(trained.tables)
    assert "label" in trained.scored.columns
    assert trained.scored.height == trained.params["test_rows"]


def test_an_empty_frame_is_an_error_that_says_what_to_do(log: Log, features: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="the frame is empty: load events"):
        train(log[0].clear(), log[1], spec(features))


def test_rows_released_by_lot_move_the_base_rate_of_the_head(log: Log, features: tuple[str, ...]) -> None:
    """Fraud was released one time in ten, as if each were ten: the model must expect more of it."""
    bad = log[1].filter(pl.col("kind") == "reversal")["subject_event_id"].implode()
    lots = pl.when(pl.col("event_id").is_in(bad)).then(0.1)
    weighed = train(log[0].with_columns(release_propensity=lots), log[1], spec(features))
    plain = train(*log, spec(features))
    assert weighed.model.score(log[0]).mean() > 2 * plain.model.score(log[0]).mean()


def test_a_frame_out_of_order_is_refused(log: Log, features: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="order of sequence"):
        train(log[0].reverse(), log[1], spec(features))


def test_outcomes_after_the_end_of_training_are_not_read(log: Log, features: tuple[str, ...]) -> None:
    short = Spec(features, (), "1", 30 * DAY, parameters=SMALL, bootstrap=Bootstrap(0))
    result = train(*log, short)
    assert result.scored.filter(pl.col("as_of") > 30 * DAY).is_empty()
