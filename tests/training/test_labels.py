from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml

from training.labels import SOURCES, default_maturity, default_precedence, label_events, settled, settling_times

ROOT = Path(__file__).parents[2]
DAY = 86_400_000_000
AT_ONCE = dict.fromkeys(("reversal", "ban", "disposition", "clean"), 0)
Make = Callable[..., pl.DataFrame]

FRAUD = {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "fraud"}
QUALITY = FRAUD | {"reason": "quality"}
UNKNOWN = FRAUD | {"reason": "unknown"}
CHARGEBACK = FRAUD | {"reversal_kind": "card_chargeback"}
CLEAN = {"kind": "clean"}
BAN = {"kind": "ban", "caused_by": "person"}
BAN_BY_MODEL = {"kind": "ban", "caused_by": "model"}
GUILTY = {"kind": "disposition", "disposition": "fraud", "caused_by": "person"}
GENUINE = {"kind": "disposition", "disposition": "genuine"}
UNSURE = {"kind": "disposition", "disposition": "unsure"}


def label(make: Make, rows: list[dict[str, Any]], target: Any, as_of: int = 100, **wait: int) -> bool | None:
    dated = [{"subject_event_id": "e", "day": day} | row for day, row in enumerate(rows, start=1)]
    found = label_events(pl.DataFrame({"event_id": ["e"]}), make(*dated), target, as_of * DAY, AT_ONCE | wait).to_list()
    return found[0]


@pytest.mark.parametrize(
    ("rows", "fraud", "reversal"),
    [
        ([], None, None),
        ([CLEAN], False, False),
        ([FRAUD], True, True),
        ([QUALITY], False, True),
        ([UNKNOWN], None, True),
        ([BAN], True, None),
        ([BAN_BY_MODEL], None, None),
        ([GUILTY | {"caused_by": "model"}], None, None),
        ([GUILTY], True, None),
        ([GENUINE], False, None),
        ([UNSURE], None, None),
        ([CLEAN, FRAUD], True, True),
        ([FRAUD, CLEAN], True, True),
        ([BAN, CLEAN], True, False),
        ([BAN, QUALITY], False, True),
        ([QUALITY, CHARGEBACK], True, True),
        ([CHARGEBACK, QUALITY], True, True),
        ([FRAUD, QUALITY], False, True),
        ([CHARGEBACK, GENUINE], False, True),
        ([GUILTY, GENUINE], False, None),
        ([GENUINE, GUILTY], True, None),
        ([GUILTY, UNSURE], None, None),
        ([GUILTY, UNSURE, CLEAN], False, False),
        ([FRAUD, BAN_BY_MODEL], True, True),
    ],
)
def test_the_most_trusted_source_decides_and_its_latest_word(
    outcomes: Make, rows: list[dict[str, Any]], fraud: bool | None, reversal: bool | None
) -> None:
    assert label(outcomes, rows, "fraud") is fraud
    assert label(outcomes, rows, "reversal") is reversal


def test_an_outcome_counts_from_the_very_instant_of_its_maturity(outcomes: Make) -> None:
    assert label(outcomes, [FRAUD], "fraud", as_of=3, reversal=2 * DAY) is True
    assert label(outcomes, [FRAUD], "fraud", as_of=3, reversal=2 * DAY + 1) is None


def test_what_is_recorded_later_is_not_known_yet(outcomes: Make) -> None:
    assert label(outcomes, [GENUINE, GUILTY], "fraud", as_of=1) is False


def test_labels_keep_the_order_of_their_events(outcomes: Make) -> None:
    made = outcomes({"subject_event_id": "b", "day": 1} | FRAUD, {"subject_event_id": "a", "day": 2} | CLEAN)
    events = pl.DataFrame({"event_id": ["c", "a", "b"]})
    assert label_events(events, made, "fraud", 9 * DAY, AT_ONCE).to_list() == [None, False, True]


def test_an_unknown_target_or_kind_of_outcome_is_refused_by_name(outcomes: Make) -> None:
    with pytest.raises(ValueError, match="fraud, reversal"):
        label(outcomes, [CLEAN], "profit")
    made = outcomes({"subject_event_id": "e", "day": 1} | CLEAN)
    with pytest.raises(ValueError, match="missing: clean"):
        label_events(pl.DataFrame({"event_id": ["e"]}), made, "fraud", DAY, {"ban": 0})


def test_an_event_settles_after_the_wait_that_its_kind_needs(outcomes: Make) -> None:
    events = pl.DataFrame({"event_id": ["a", "b"], "kind": ["click", "install"], "as_of": [0, 0]})
    made = outcomes({"subject_event_id": "a", "day": 14} | CLEAN, {"subject_event_id": "b", "day": 1} | FRAUD)
    settling = settling_times(events, made)
    assert settling == {"click": 14 * DAY}
    assert settled(events, settling, 14 * DAY - 1).to_list() == [False, True]
    assert settled(events, settling, 14 * DAY).to_list() == [True, True]


def test_every_kind_of_outcome_has_a_maturity_by_default() -> None:
    assert set(default_maturity()) == {"reversal", "ban", "disposition", "clean"}
    assert default_maturity()["ban"] == 7 * DAY


def test_every_source_has_its_place_and_the_reason_for_it() -> None:
    rules = yaml.safe_load((ROOT / "training" / "label.yaml").read_text())
    assert set(default_precedence()) == SOURCES
    assert all(len(reason) > 20 for reason in rules["precedence"].values())
    assert default_precedence()[0] == "disposition"
    assert default_precedence()[-1] == "clean"


SAYS_FRAUD = {"disposition": GUILTY, "card_chargeback": CHARGEBACK, "advertiser_reversal": FRAUD, "ban": BAN}
SAYS_HONEST = {
    "disposition": GENUINE,
    "card_chargeback": QUALITY | {"reversal_kind": "card_chargeback"},
    "advertiser_reversal": QUALITY,
    "clean": CLEAN,
}
CONTRADICTIONS = [(one, other) for one, other in product(SAYS_FRAUD, SAYS_HONEST) if one != other]


@pytest.mark.parametrize(("accuser", "defender"), CONTRADICTIONS)
def test_of_any_two_sources_that_differ_the_one_written_first_is_believed(
    outcomes: Make, accuser: str, defender: str
) -> None:
    order = default_precedence()
    told = [SAYS_FRAUD[accuser], SAYS_HONEST[defender]]
    wanted = order.index(accuser) < order.index(defender)
    assert label(outcomes, told, "fraud") is wanted
    assert label(outcomes, told[::-1], "fraud") is wanted


def test_another_precedence_gives_the_other_word(outcomes: Make) -> None:
    made = outcomes({"subject_event_id": "e", "day": 1} | GUILTY, {"subject_event_id": "e", "day": 2} | QUALITY)
    events, turned = pl.DataFrame({"event_id": ["e"]}), default_precedence()[::-1]
    assert label_events(events, made, "fraud", 9 * DAY, AT_ONCE, turned).to_list() == [False]


@pytest.mark.parametrize("precedence", [("clean",), (*SOURCES, "clean"), (*sorted(SOURCES)[1:], "rumour")])
def test_a_precedence_ranks_every_source_once(outcomes: Make, precedence: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"training/label\.yaml"):
        label_events(pl.DataFrame({"event_id": ["e"]}), outcomes(), "fraud", DAY, AT_ONCE, precedence)


def test_a_reversal_of_no_kind_comes_from_a_partner(outcomes: Make) -> None:
    nameless = QUALITY | {"reversal_kind": None}
    assert label(outcomes, [BAN, nameless], "fraud") is False
    assert label(outcomes, [CHARGEBACK, nameless], "fraud") is True


def test_a_young_word_of_a_trusted_source_does_not_hide_an_old_one_of_another(outcomes: Make) -> None:
    assert label(outcomes, [CLEAN, BAN], "fraud", as_of=4, ban=7 * DAY) is False
    assert label(outcomes, [CLEAN, BAN], "fraud", as_of=9, ban=7 * DAY) is True
