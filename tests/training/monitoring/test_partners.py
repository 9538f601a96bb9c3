"""An excess of reversals is an alert when it is new; what settled when, and what counts as taken back."""

import polars as pl
import pytest

from training.labels import MICROS_PER_DAY as DAY
from training.monitoring.partners import excesses_of, of_partners, settled_within, taken_back
from training.monitoring.periods import Span
from training.scrubbing import Partner


def partner(name: str, taken: int, expected: float = 20.0, p: float = 0.0) -> Partner:
    return Partner(name, 400, taken, expected, p)


@pytest.mark.parametrize(
    ("before", "stands", "said"),
    [
        ([], True, "hardly any events"),
        ([partner("p", 60, 60.0)], True, "This is new"),
        ([partner("p", 20, 60.0)], True, "This is new"),
        ([partner("p", 180, 60.0)], False, "It did so before"),
        ([partner("p", 130, 60.0)], False, "It did so before"),
    ],
)
def test_only_a_new_excess_stands(before: list[Partner], stands: bool, said: str) -> None:
    (finding,) = of_partners(excesses_of([partner("p", 60)], before), 400)
    assert finding.stands is stands
    assert said in finding.sentence
    assert finding.value == 3.0


def test_a_partner_like_its_traffic_never_stands() -> None:
    (finding,) = of_partners(excesses_of([partner("p", 22, p=1.0)], []), 400)
    assert not finding.stands
    assert "new" not in finding.sentence


def test_nothing_expected_is_no_division_by_zero() -> None:
    (one,) = excesses_of([partner("p", 3, 0.0)], [partner("p", 0, 0.0)])
    assert (one.growth, 0 < one.p <= 1) == (6.0, True)
    assert of_partners([], 7)[0].value is None


def test_an_event_settles_in_one_period_and_kinds_that_never_settle_in_none() -> None:
    events = pl.DataFrame({"kind": ["a", "a", "a", "b"], "as_of": [0, DAY, 2 * DAY, DAY]})
    found = settled_within(events, {"a": 10 * DAY}, Span(11 * DAY, 12 * DAY))
    assert found.to_list() == [False, True, False, False]


def test_fraud_is_not_taken_back_and_no_reason_is() -> None:
    events = pl.DataFrame({"event_id": ["one", "two", "three", "four"]})
    outcomes = pl.DataFrame(
        {
            "kind": ["reversal", "reversal", "reversal", "clean"],
            "reason": ["fraud", "quality", None, None],
            "subject_event_id": ["one", "two", "three", "four"],
        }
    )
    assert taken_back(events, outcomes).to_list() == [False, True, True, False]
