"""What people read of a model: the assessment under a policy, and the card that shows it."""

import json
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree as ET

import lightgbm
import numpy as np
import polars as pl
import pytest

from training.assess import SLICES, Assessment, assess, table_of
from training.card import Judged, describe, numbered
from training.card_words import money_said
from training.costs import Costs
from training.estimates import Estimate
from training.evaluate import Bootstrap
from training.gate import Verdict
from training.heads import Head
from training.importance import digest_of, leanings
from training.models import Model

ROWS = 900
EXACT = {"train_rows": 10, "train_positives": 1, "calibrate_rows": 5, "calibrate_positives": 1}
PARAMS: dict[str, Any] = {
    **EXACT,
    "test_rows": 7,
    "test_positives": 2,
    "labels_read": "as of the end (optimistic)",
    "review_share": 0.01,
}


def made(positives: float = 0.2) -> pl.DataFrame:
    draws = np.random.default_rng(1)
    label = draws.random(ROWS) < positives
    return pl.DataFrame(
        {
            "event_id": [f"e{at}" for at in range(ROWS)],
            "user_id": [None if at % 5 == 0 else f"u{at % 90}" for at in range(ROWS)],
            "kind": ["withdrawal_requested" if at % 3 == 0 else "ad_viewed" for at in range(ROWS)],
            "label": label,
            "score": np.clip(0.3 * label + 0.6 * draws.random(ROWS), 0, 1),
            "currency": ["CNY" if at % 4 else "KES" for at in range(ROWS)],
            "stake_micros": draws.integers(1, 50, ROWS) * 100_000,
            **{name: ["<script>alert(1)</script>" if at % 2 else None for at in range(ROWS)] for name in SLICES},
        }
    )


def assessed(rows: pl.DataFrame) -> Assessment:
    actions = ["review" if score > 0.6 else "approve" for score in rows["score"]]
    return assess(rows, actions, Costs.read(), 7.0, Bootstrap(30))


@pytest.fixture(scope="module")
def assessment() -> Assessment:
    return assessed(made())


def test_earning_and_withdrawing_and_currencies_are_counted_apart(assessment: Assessment) -> None:
    assert set(assessment.money) == {"events, CNY", "events, KES", "withdrawals, CNY", "withdrawals, KES"}
    rows = made().filter((pl.col("kind") == "ad_viewed") & (pl.col("currency") == "KES") & pl.col("label"))
    at_stake = assessment.money["events, KES"]["fraud_at_stake"].value
    assert at_stake == pytest.approx(rows["stake_micros"].sum() / 1e6)


def test_the_pictures_are_drawings_and_repeat_to_the_letter(assessment: Assessment) -> None:
    assert set(assessment.pictures) == {"precision_recall", "calibration", "scores", "cost"}
    for picture in assessment.pictures.values():
        assert ET.fromstring(picture).tag.endswith("svg")  # noqa: S314  # drawn by ourselves, a line above
    assert assessment.pictures == assessed(made()).pictures


def test_one_class_only_is_a_stated_result() -> None:
    nobody = assessed(made(positives=0.0))
    assert nobody.pictures == {}
    assert "one class only" in (nobody.threshold.reason or "")
    assert "one class only" in (nobody.ratios["country"].reason or "")


def test_the_tables_are_plain(assessment: Assessment) -> None:
    assert set(json.loads(json.dumps(table_of(assessment)))) == {
        "money",
        "slices",
        "false_positive_ratios",
        "threshold",
        "harms",
    }


@pytest.fixture(scope="module")
def judged(assessment: Assessment) -> Judged:
    context = {"target": "fraud", "trained_at": 0, "features_version": "1", "base_rate": 0.1}
    model = Model((), {}, (), {}, {}, {"graph": "every feature is constant"}, context)
    refused = Verdict(passed=False, reasons=("too few <positives>",))
    return Judged(model, {}, None, PARAMS, {"by_time": []}, assessment, refused)


def test_the_card_says_what_to_beware_of(judged: Judged) -> None:
    card = describe(judged)
    assert "The graph part was left out: every feature is constant." in card
    assert "live figures will be lower" in card
    assert "The gate refused it." in card
    assert card.count("<svg") == 4


def test_a_registered_card_names_its_version_where_it_stands_in_none_before(judged: Judged) -> None:
    card = describe(judged)
    assert '<strong id="version">not registered yet</strong>' in card
    registered = numbered(card, "assay-fraud", 3)
    assert '<strong id="version">version 3 of assay-fraud</strong>' in registered
    assert "not registered" not in registered


def test_the_card_says_which_model_it_is_and_what_its_heads_hear(judged: Judged) -> None:
    head = Head(-1.5, {"behaviour": 0.75, "graph": 0.25})
    parts = {"behaviour": ("user__count__1h", "event__hour_of_day"), "graph": ("graph__user_component_users",)}
    rows = np.random.default_rng(3).random((400, 3))
    labels = rows[:, 0] + rows[:, 2] > 1
    boosters = {part: booster(rows[:, at], labels) for part, at in (("behaviour", [0, 1]), ("graph", [2]))}
    model = replace(judged.model, groups=parts, boosters=boosters, heads={"event": head})
    first, *others = leanings(model)
    assert (first.feature, first.part) == ("user__count__1h", "behaviour")
    assert sum(one.share for one in (first, *others)) == pytest.approx(1.0)
    assert next(one.share for one in others if one.part == "graph") == pytest.approx(0.25)
    card = describe(replace(judged, model=model, made_from={"policy": "p-12"}))
    for word in ("0.750", "-1.500", "events of the user over 1h", "25.0%", "p-12", digest_of(model)):
        assert word in card
    assert digest_of(replace(model, heads={"event": replace(head, intercept=-1.4)})) != digest_of(model)


def booster(rows: np.ndarray, labels: np.ndarray) -> lightgbm.Booster:
    settings = {"objective": "binary", "verbose": -1, "num_threads": 1, "seed": 1}
    return lightgbm.train(settings, lightgbm.Dataset(rows, labels.astype(float)), 5)


def test_figures_are_told_in_words_and_money_as_money(judged: Judged) -> None:
    figures = {"ap_rare": Estimate(0.5), "precision_at_review_budget": Estimate(0.5), "reversal.auc": Estimate(0.75)}
    card = describe(replace(judged, metrics=figures))
    assert "precision among the 1.0% that reviewers can look at" in card
    assert "AP of the rarer class" in card
    assert "The same of reversal" in card
    assert money_said("fraud_at_stake", Estimate(12345.678, 1.0, 2.5)) == "12,345.68 (1.00 to 2.50)"
    assert money_said("review_share", Estimate(0.0455)) == "4.5%"
    assert money_said("honest_people_refused", Estimate(3.0, 0.0, 7.0)) == "3 (0 to 7)"


def test_a_tenth_without_a_positive_is_not_drawn_as_a_share() -> None:
    rows = made().with_columns(label=pl.col("label") & (pl.col("score") > 0.4))
    assert "none observed: 0%" in assessed(rows).pictures["calibration"]
    everywhere = made().with_columns(label=pl.Series([at % 2 == 0 for at in range(ROWS)]))
    assert "none observed" not in assessed(everywhere).pictures["calibration"]


def test_what_events_say_is_shown_and_never_run(judged: Judged) -> None:
    card = describe(judged)
    assert "<script>" not in card
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in card
    assert "too few &lt;positives&gt;" in card


def test_a_card_without_an_assessment_is_a_card(judged: Judged) -> None:
    assert "Rows" in describe(replace(judged, assessment=None, verdict=None))
