"""Every feature in plain words: labels of its own, units that fit the values shown, nothing guessed from a name."""

import html
import math
import re

import marimo
import pytest

from features.vector import CATEGORICAL, DESCRIPTIONS, FEATURES
from features.windows import DAY, HOUR, MINUTE, Aggregate, Entity, Ratio, Windowed
from notebooks import wording
from serving import decision


def test_every_feature_has_plain_words_of_its_own() -> None:
    labels = [wording.label(name) for name in FEATURES]
    assert len(set(labels)) == len(DESCRIPTIONS)
    assert not [label for label in labels if "_" in label or len(label) > 90]


def test_every_reason_of_a_score_has_words() -> None:
    assert set(decision.REASONS.values()) <= set(wording.REASONS)


def test_every_feature_shows_every_value_without_a_code() -> None:
    for name in FEATURES:
        for number in (0.0, 1.0, 2.5, 4095.0, 1e15, math.nan):
            shown = wording.value(name, number, {})
            assert shown
            assert "_" not in shown
        assert "_" not in wording.unit(name, "CNY")


@pytest.mark.parametrize(
    ("name", "number", "value", "unit"),
    [
        ("user__count__10m", 1234.0, "1,234", "events"),
        ("user__sum_reward_micros__7d", 2_500_000.0, "2.50", "CNY"),
        ("user__mean_interaction_duration_ms__7d", 1500.0, "1.5", "seconds"),
        ("user__variance_interaction_duration_ms__7d", 4_000_000.0, "4", "(seconds)²"),
        ("user__since__30d", 5400.0, "1.5 hours", ""),
        ("user__since_sign_up__30d", 86_400.0, "1 day", ""),
        ("device__distinct_user_id__7d", 3.0, "3", "people"),
        ("user__count__1h__per__count__7d", 0.25, "0.25", ""),
        ("graph__user_component_bad_share", 0.125, "0.125", "share"),
        ("event__hour_of_day", 9.0, "9", "o'clock, UTC"),
        ("ip__is_tor", 1.0, "yes", ""),
        ("touch__duration_ms", 250.0, "0.25", "seconds"),
        ("user__travel_speed_kmh", 900.0, "900", "km/h"),
        ("event__reward_micros", math.nan, "not known", "CNY"),
    ],
)
def test_a_value_and_its_unit_belong_together(name: str, number: float, value: str, unit: str) -> None:
    assert (wording.value(name, number, {}), wording.unit(name, "CNY")) == (value, unit)


def test_a_category_is_called_as_the_event_calls_it() -> None:
    assert wording.value("event__kind", 0.0, {}) == "sign up"
    assert wording.value("event__campaign", 17.0, {"campaign_id": "c-tea"}) == "c-tea"
    assert wording.value("event__campaign", 17.0, {"campaign_id": None}) == "category 17"
    assert {"event__kind", "event__campaign"} <= set(CATEGORICAL)


def test_a_feature_of_somebody_s_own_has_words_too(monkeypatch: pytest.MonkeyPatch) -> None:
    tiers = Windowed(Entity.CAMPAIGN, Aggregate.MAX, "city_tier", DAY, HOUR)
    paid = Windowed(Entity.CAMPAIGN, Aggregate.SUM, "reward_micros", DAY, HOUR)
    each = Ratio(paid, Windowed(Entity.CAMPAIGN, Aggregate.COUNT, "", DAY, HOUR))
    monkeypatch.setattr(wording, "_BY_NAME", {one.name: one for one in (tiers, each)})
    assert wording.label(tiers.name) == "largest city tier of this campaign, 1 day"
    assert wording.label(each.name).startswith("total reward of this campaign, 1 day, per events of this campaign")
    assert (wording.value(each.name, 3e6, {}), wording.unit(each.name, "CNY")) == ("3", "CNY per events")


@pytest.mark.parametrize(
    ("micros", "words"),
    [(10 * MINUTE, "10 minutes"), (HOUR, "1 hour"), (2.5 * DAY, "2.5 days"), (300_000.0, "0.3 seconds")],
)
def test_a_span_is_told_in_the_largest_unit_that_fits(micros: float, words: str) -> None:
    assert wording.span(micros) == words


def test_a_counted_share_is_whole_only_if_it_is() -> None:
    assert [wording.share(part) for part in (0.0, 0.0001, 0.125, 0.9999, 1.0)] == [
        "0 %",
        "under 0.1 %",
        "12.5 %",
        "over 99.9 %",
        "100 %",
    ]


@pytest.mark.parametrize(
    "written",
    [
        "<iframe srcdoc='<script>1</script>'>",
        "a`<b>`c",
        "![x](http://e.example/a.png)",
        "[x](javascript:1)",
        "u\n# h",
        "$x$",
    ],
)
def test_what_somebody_else_wrote_is_never_read_as_markup(written: str) -> None:
    shown = marimo.md(f"By {wording.as_written(written)}, {wording.code(written)}.").text
    text = shown.replace(wording.as_written(written), "X")
    assert text.count("X") == 2
    assert set(re.findall(r"<(\w+)", text)) == {"span", "code"}
    assert html.unescape(wording.as_written(written)) == written
