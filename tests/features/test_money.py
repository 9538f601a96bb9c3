"""Amounts: integers, currencies, and the one rounding."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.money import EXPONENTS, exponent_of, in_words, payable


@given(st.integers(0, 2**53 - 1), st.sampled_from(sorted(EXPONENTS)))
def test_what_is_paid_and_what_stays_is_what_there_was(micros: int, currency: str) -> None:
    paid = payable(micros, currency)
    assert 0 <= micros - paid < 10 ** (6 - exponent_of(currency))
    assert paid % 10 ** (6 - exponent_of(currency)) == 0


@pytest.mark.parametrize(
    ("micros", "currency", "paid"),
    [(1_239_999, "CNY", 1_230_000), (1_999_999, "JPY", 1_000_000), (1_234_567, "KWD", 1_234_000)],
)
def test_a_payout_rounds_down_to_what_the_currency_has(micros: int, currency: str, paid: int) -> None:
    assert payable(micros, currency) == paid


def test_an_unknown_currency_is_named_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"'XXX' is not an ISO 4217 currency, e\.g\."):
        exponent_of("XXX")


@pytest.mark.parametrize(
    ("micros", "currency", "words"),
    [
        (1_250_000, "CNY", "1.25 CNY"),
        (0, "CNY", "0.00 CNY"),
        (1_234_567, "CNY", "1.234567 CNY"),
        (5_000_000, "JPY", "5 JPY"),
        (-10_000, "USD", "-0.01 USD"),
    ],
)
def test_amounts_read_as_people_write_them(micros: int, currency: str, words: str) -> None:
    assert in_words(micros, currency) == words
