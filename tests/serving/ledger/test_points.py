"""Points become money at the rate of the instant they were promised at, exactly, and both sides stay in the book."""

from dataclasses import replace
from math import gcd

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import IntegrityError

from features.money import MICROS_MAX, POINTS, exponent_of
from serving.ledger import points
from serving.ledger.accruals import accrue
from serving.ledger.points import BackDated, Converted, NoRate, Order, Rate, TooMany, convert, exact, rate_at, set_rate
from serving.ledger.refusals import Conflicting, InsufficientFunds
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.wallets import wallet

POINT = 1_000_000
FIRST = Rate("CNY", 10, points=3, amount_micros=20_000, decided_by="Mo")
SECOND = Rate("CNY", 20, points=1, amount_micros=5_000, decided_by="Mo")
ORDER = Order("c", "ann", "CNY", 100 * POINT, promised_at=15)


@pytest.fixture
def rated(connection: Connection) -> Connection:
    """Ann has 100 points; two rates, one after the other."""
    set_rate(connection, FIRST, 1)
    set_rate(connection, SECOND, 12)
    credit_reward(connection, Reward("e", "ann", 100 * POINT, 0, POINTS, 0), 1)
    return connection


def have(connection: Connection) -> tuple[int, int]:
    assert points.check(connection) == []
    return tuple(wallet(connection, "ann", asset).available_micros for asset in (POINTS, "CNY"))  # type: ignore[return-value]  # there are two


def test_points_that_no_transfer_could_pay_are_refused(rated: Connection) -> None:
    set_rate(rated, Rate("JPY", 12, points=1, amount_micros=10**12, decided_by="Mo"), 12)
    with pytest.raises(TooMany, match=r"are worth more than .* ask for fewer"):
        convert(rated, replace(ORDER, currency="JPY", points_micros=MICROS_MAX), 15)


def test_points_are_an_asset_with_an_exponent_of_their_own() -> None:
    assert exponent_of(POINTS) == 0


@pytest.mark.parametrize(("instant", "rate"), [(9, None), (10, FIRST), (19, FIRST), (20, SECOND), (99, SECOND)])
def test_the_rate_is_that_of_the_instant(rated: Connection, instant: int, rate: Rate | None) -> None:
    assert rate_at(rated, "CNY", instant) == rate
    assert rate_at(rated, "USD", instant) is None


def test_what_was_promised_at_an_earlier_rate_is_kept_exactly_and_the_remainder_stays(rated: Connection) -> None:
    answers = [convert(rated, ORDER, now) for now in (30, 31)]
    assert answers == [Converted(100 * POINT - 100, 666_666, 10)] * 2
    assert have(rated) == (100, 666_666)


def test_points_that_were_accrued_are_converted_too(rated: Connection) -> None:
    accrue(rated, Reward("netted", "ann", 50 * POINT, 0, POINTS, 0), 100, 30)
    assert convert(rated, replace(ORDER, points_micros=150 * POINT), 31).amount_micros == 1_000_000
    assert have(rated) == (0, 1_000_000)


def test_a_later_promise_is_kept_at_the_later_rate(rated: Connection) -> None:
    assert convert(rated, replace(ORDER, promised_at=20), 30) == Converted(100 * POINT, 500_000, 20)
    assert have(rated) == (0, 500_000)


def test_the_same_id_with_another_body_is_refused(rated: Connection) -> None:
    convert(rated, ORDER, 30)
    with pytest.raises(Conflicting):
        convert(rated, replace(ORDER, promised_at=20), 30)


def test_what_cannot_be_converted_is_refused_and_moves_nothing(rated: Connection) -> None:
    with pytest.raises(NoRate, match="no rate of points in USD: an operator sets one first"):
        convert(rated, replace(ORDER, currency="USD"), 30)
    with pytest.raises(NoRate, match=r"before the first rate of points in CNY, .* 1970-01-01T00:00:00.000010Z on"):
        convert(rated, replace(ORDER, promised_at=9), 30)
    with pytest.raises(NoRate, match="149 micros of points make no whole micro of CNY: 150 or more do"):
        convert(rated, replace(ORDER, points_micros=149), 30)
    with pytest.raises(InsufficientFunds):
        convert(rated, replace(ORDER, points_micros=200 * POINT), 30)
    with pytest.raises(ValueError, match="promised_at"):
        convert(rated, ORDER, 14)
    assert have(rated) == (100 * POINT, 0)


def test_a_rate_is_never_back_dated_and_never_changed(rated: Connection) -> None:
    assert set_rate(rated, FIRST, 50) is False
    with pytest.raises(Conflicting):
        set_rate(rated, replace(FIRST, points=4), 5)
    with pytest.raises(BackDated):
        set_rate(rated, replace(FIRST, effective_from=29), 30)
    for wrong in ({"points": 0}, {"amount_micros": 0}, {"decided_by": " "}, {"currency": POINTS}):
        with pytest.raises(ValueError, match="a rate"):
            replace(FIRST, **wrong)


def test_the_database_itself_refuses_a_back_dated_rate(engine: Engine) -> None:
    with pytest.raises(IntegrityError, match="back_dated"), engine.begin() as connection:
        connection.execute(text("INSERT INTO points_rate VALUES ('CNY', 4, 1, 1, 'Mo', 5)"))


def test_a_conversion_that_one_side_lost_is_found(engine: Engine) -> None:
    with engine.connect() as connection:  # left without a commit
        set_rate(connection, FIRST, 1)
        credit_reward(connection, Reward("e", "ann", 100 * POINT, 0, POINTS, 0), 1)
        convert(connection, ORDER, 30)
        connection.execute(text("UPDATE conversion SET amount_micros = amount_micros - 1"))
        assert points.check(connection) == [
            "conversions in CNY sum to -666665 micros, their account says -666666",
        ]


@given(st.integers(0, 10**12), st.integers(1, 10**4), st.integers(1, 10**7))
def test_a_conversion_is_exact_and_takes_all_that_it_can(held: int, many: int, worth: int) -> None:
    rate = replace(FIRST, points=many, amount_micros=worth)
    used, given_ = exact(held, rate)
    assert 0 <= used <= held
    assert used * worth == given_ * many * POINT
    more = used + many * POINT // gcd(many * POINT, worth)
    assert more > held, "one step more would have been too much"
