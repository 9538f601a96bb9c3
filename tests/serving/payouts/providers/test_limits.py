import pytest

from serving.payouts.providers.limits import Breaker, NotSent, Pace


def test_no_minute_holds_more_than_400_calls() -> None:
    """PayPal's limit on POST, with a first burst; the clock is ours."""
    pace, now, sent = Pace(400, 60, burst=20), 100.0, list[float]()
    while now < 400:
        sent.append(now + pace.reserve(now, wait_seconds_max=10))
        now = max(now, sent[-1])
    assert max(sum(at <= one < at + 60 for one in sent) for at in sent) <= 400
    assert len(sent) > 1_900, "the pace is used, not halved"


def test_a_place_too_far_away_is_not_taken() -> None:
    pace = Pace(61, 60)
    assert pace.reserve(0.0, 0) == 0
    with pytest.raises(NotSent, match="used up"):
        pace.reserve(0.0, wait_seconds_max=0.5)
    assert pace.reserve(0.0, wait_seconds_max=1) == 1
    assert pace.reserve(10.0, wait_seconds_max=0) == 0


def test_a_pause_that_was_asked_for_is_kept_even_by_a_burst() -> None:
    pace = Pace(60, 60, burst=10)
    pace.pause(until=30.0)
    with pytest.raises(NotSent):
        pace.reserve(29.0, wait_seconds_max=0.9)
    assert pace.reserve(30.0, wait_seconds_max=0) == 0


@pytest.mark.parametrize("burst", [0, 61])
def test_a_pace_that_makes_no_sense_is_refused(burst: int) -> None:
    with pytest.raises(ValueError, match="burst"):
        Pace(60, 60, burst=burst)


def test_a_breaker_opens_after_failures_in_a_row_and_lets_one_look() -> None:
    breaker = Breaker(failures_max=3, rest_seconds=30)
    for _ in range(3):
        breaker.enter(0.0)
        breaker.leave(0.0, is_answered=False)
    with pytest.raises(NotSent, match="failed 3 times"):
        breaker.enter(29.9)
    breaker.enter(30.0)
    with pytest.raises(NotSent):
        breaker.enter(30.0)  # another must wait for what the first one finds
    breaker.leave(31.0, is_answered=True)
    breaker.enter(31.0)


def test_failures_between_answers_never_open_a_breaker() -> None:
    breaker = Breaker(failures_max=2)
    for _ in range(10):
        breaker.leave(0.0, is_answered=False)
        breaker.leave(0.0, is_answered=True)
    breaker.enter(0.0)


def test_a_probe_that_fails_opens_it_again() -> None:
    breaker = Breaker(failures_max=1, rest_seconds=30)
    breaker.leave(0.0, is_answered=False)
    breaker.enter(30.0)
    breaker.leave(31.0, is_answered=False)
    with pytest.raises(NotSent):
        breaker.enter(60.0)
