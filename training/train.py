"""The training flow: label, split, fit, calibrate, evaluate. It reads a frame and outcomes, and writes nothing."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from training.boosters import Advance, Parameters, Train
from training.calibration import decile_table
from training.estimates import Estimate, as_json, unknown
from training.evaluate import Bootstrap, Scored, against_rule, by_time, difference, evaluate
from training.fitting import Fitted, Recipe, Slices, Tell, fit
from training.labels import TARGETS, Target, default_maturity, default_precedence, settling_times
from training.models import Model
from training.search import Search, Trial
from training.splits import Boundaries, Labelling, Rows, Slice, cut, out_of_time, split
from training.table import matrix

Floats = NDArray[np.float64]
# Blocks and kinds are read side by side, not decided upon: half of the resamples will do.
_BLOCKS = 4


@dataclass(frozen=True)
class Spec:
    """What to train, on which features, and how to judge it. Times are microseconds.

    `trained_at` is also the end of what is known: later outcomes are not read. `settling` and `bounds` are measured
    from the log when left out. `rule` names a feature: the rule to beat refuses where it is above `rule_above`.
    `target` is the main one, which must be learnable; the other is learned, too, where it has labels of both classes.
    `search` looks for parameters first; `train` fits boosters elsewhere, such as on Dask.
    """

    features: tuple[str, ...]
    categorical: tuple[str, ...]
    features_version: str
    trained_at: int
    target: Target = "fraud"
    maturity: Mapping[str, int] = field(default_factory=default_maturity)
    precedence: tuple[str, ...] = field(default_factory=default_precedence)
    settling: Mapping[str, int] | None = None
    bounds: Boundaries | None = None
    parameters: Parameters = field(default_factory=Parameters)
    search: Search | None = None
    train: Train | None = None
    rule: str | None = None
    rule_above: float = 0.0
    review_share: float = 0.01
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


@dataclass(frozen=True)
class Trained:
    """`scored` is the test slice: identity, money, `label`, `score` and `champion_score` of each row, for policy and
    plots; the last is null where there was no champion to compare with.

    `difference` is this model less the champion on the same rows, None without a champion. `tables` is plain JSON.
    """

    model: Model
    metrics: dict[str, Estimate]
    difference: dict[str, Estimate] | None
    params: dict[str, object]
    tables: dict[str, Any]
    scored: pl.DataFrame


def train(
    frame: pl.DataFrame,
    outcomes: pl.DataFrame,
    spec: Spec,
    champion: Model | None = None,
    advance: Advance = lambda _: None,
    tell: Tell = lambda _: None,
) -> Trained:
    """Train on the past, calibrate on what came after, measure on what came last.

    `frame` has one scored event a row in the order of sequence. Raises ValueError, with the slice and the counts, when
    a slice is empty or has one class, when the frame is out of order, or when no feature varies. `frame` may have the
    column `release_propensity` (see `training/releases.py`). `advance` is called once a round, `tell` with the name of
    each step as it begins.
    """
    tell("labels and slices")
    labelling, bounds, slices = _slices(frame, outcomes, spec)
    fitted = _fit(slices, spec, advance, tell)
    model, test = fitted.model, slices[spec.target]["test"]
    tell("scores")
    scored = _scored(model, test)
    tell("evaluation")
    metrics = _measure(scored, test, spec) | _measure_other(model, slices, spec)
    gains, champion_scores = None, None
    if champion is not None:
        gains, champion_scores = _compare(scored, test, champion, spec)
    params = _params(spec, fitted, labelling, bounds, slices[spec.target])
    tables = _tables(scored, test, spec) | {"metrics": as_json(metrics), "search": list(map(_plain, fitted.trials))}
    return Trained(model, metrics, gains, params, tables, _rows(test, scored, champion_scores))


def _slices(frame: pl.DataFrame, outcomes: pl.DataFrame, spec: Spec) -> tuple[Labelling, Boundaries, Slices]:
    """The slices by target; the other target is among them when both its classes can be learned and calibrated."""
    if frame.is_empty():
        raise ValueError("the frame is empty: load events, then compute their features")
    if not frame["sequence"].is_sorted():
        raise ValueError("the frame must be in the order of sequence")
    labelling = _labelling(frame, outcomes, spec)
    if spec.bounds is None:
        bounds, main = out_of_time(frame, outcomes, labelling, spec.trained_at)
    else:
        bounds, main = spec.bounds, split(frame, outcomes, labelling, spec.bounds)
    other = _other(spec.target)
    found = cut(frame, outcomes, replace(labelling, target=other), bounds)
    learnable = found["train"].has_both_classes and found["calibrate"].has_both_classes
    return labelling, bounds, {spec.target: main} | ({other: found} if learnable else {})


def _labelling(frame: pl.DataFrame, outcomes: pl.DataFrame, spec: Spec) -> Labelling:
    known = outcomes.filter(pl.col("recorded_at") <= spec.trained_at)
    settling = settling_times(frame, known) if spec.settling is None else spec.settling
    return Labelling(spec.target, spec.maturity, settling, spec.precedence)


def _other(main: Target) -> Target:
    return TARGETS[1 - TARGETS.index(main)]


def _fit(slices: Slices, spec: Spec, advance: Advance, tell: Tell) -> Fitted:
    train_rows = slices[spec.target]["train"]
    context = {
        "target": spec.target,
        "features_version": spec.features_version,
        "trained_at": spec.trained_at,
        "training_rows": len(train_rows.labels),
        "base_rate": float(train_rows.labels.mean()),
    }
    recipe = Recipe(spec.features, spec.categorical, spec.parameters, spec.train, spec.search)
    return fit(slices, spec.target, recipe, context, advance, tell)


def _scored(model: Model, rows: Rows, target: Target | None = None) -> Scored:
    """Events of one person are resampled together; an event of nobody stands for itself."""
    person = pl.coalesce(pl.col("user_id"), pl.lit("event ") + pl.col("event_id"))
    codes = rows.frame.select(person.rank("dense").cast(pl.Int64) - 1).to_series().to_numpy()
    return Scored.of(rows.labels, model.score(rows.frame, target), codes)


def _measure(scored: Scored, rows: Rows, spec: Spec) -> dict[str, Estimate]:
    metrics = evaluate(scored, spec.bootstrap, spec.review_share)
    if spec.rule is None:
        return metrics
    return metrics | against_rule(scored, matrix(rows.frame, [spec.rule])[:, 0] > spec.rule_above, spec.bootstrap)


def _measure_other(model: Model, slices: Slices, spec: Spec) -> dict[str, Estimate]:
    """The figures of the target that is not the main one, under its name; none where it could not be learned."""
    other = _other(spec.target)
    if other not in slices or ("event" if other == "fraud" else "reversal") not in model.heads:
        return {}
    scored = _scored(model, slices[other]["test"], other)
    return {f"{other}.{name}": figure for name, figure in evaluate(scored, _fewer(spec), spec.review_share).items()}


def _fewer(spec: Spec) -> Bootstrap:
    return replace(spec.bootstrap, resamples=spec.bootstrap.resamples // 2)


def _compare(scored: Scored, rows: Rows, champion: Model, spec: Spec) -> tuple[dict[str, Estimate], Floats | None]:
    """The gains over the champion, and its scores. One of another target, or one that reads features that are gone, is
    not compared; the reason says so.
    """
    if champion.context.get("target") != spec.target:
        return {"ap_rare": unknown(f"the champion predicts {champion.context.get('target')}, not {spec.target}")}, None
    absent = [name for name in champion.features if name not in rows.frame.columns]
    if absent:
        return {"ap_rare": unknown(f"the champion reads features that are no longer computed: {absent[:5]}")}, None
    scores = champion.score(rows.frame)
    return difference(scored, scores, spec.bootstrap, spec.review_share), scores


def _tables(scored: Scored, rows: Rows, spec: Spec) -> dict[str, Any]:
    fewer = _fewer(spec)
    blocks = by_time(scored, rows.frame["as_of"].to_numpy(), _BLOCKS, fewer)
    kinds = rows.frame["kind"].to_numpy()
    return {
        "by_time": [as_json(block) for block in blocks],
        "by_kind": {
            str(kind): as_json(evaluate(scored.rows(kinds == kind), fewer)) for kind in sorted(set(kinds.tolist()))
        },
        "deciles": decile_table(scored.labels, scored.scores),
    }


def _params(
    spec: Spec, fitted: Fitted, labelling: Labelling, bounds: Boundaries, slices: Mapping[Slice, Rows]
) -> dict[str, object]:
    counts = {f"{name}_{what}": count for name, rows in slices.items() for what, count in _counts(rows).items()}
    settings = {f"parameters.{name}": value for name, value in asdict(fitted.parameters).items()}
    settling = {f"settling.{kind}": wait for kind, wait in labelling.settling.items()}
    return {
        "target": spec.target,
        "features": len(spec.features),
        "features_version": spec.features_version,
        "labels_read": "when the next slice begins" if bounds.patient else "as of the end (optimistic)",
        **counts,
        **{f"bounds.{name}": value for name, value in asdict(bounds).items()},
        **settling,
        **settings,
        "review_share": spec.review_share,
        "search.trials": len(fitted.trials),
    }


def _plain(trial: Trial) -> dict[str, object]:
    return {"rows": trial.rows, "log_loss": trial.loss, **asdict(trial.parameters)}


def _counts(rows: Rows) -> dict[str, int]:
    return {"rows": len(rows.labels), "positives": rows.positives}


def _rows(rows: Rows, scored: Scored, champion_scores: Floats | None) -> pl.DataFrame:
    kept = "sequence event_id kind user_id event_time as_of reward_micros revenue_micros".split()
    return rows.frame.select(kept).with_columns(
        pl.Series("label", scored.labels == 1),
        pl.Series("score", scored.scores),
        pl.lit(None, pl.Float64).alias("champion_score")
        if champion_scores is None
        else pl.Series("champion_score", champion_scores),
    )
