"""Conversions are exact, and say what the text must be."""

from datetime import UTC, datetime
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.addresses import network_of
from features.ingest.conversions import (
    conversion,
    integer,
    ip_token,
    ipv4_number,
    micros,
    micros_rounded,
    time_reader,
)


@given(st.integers(0, 2**53 - 1))
def test_micros_are_exact_for_every_amount_that_money_can_hold(amount: int) -> None:
    assert micros(f"{amount // 1_000_000}.{amount % 1_000_000:06d}") == amount


def test_micros_refuse_what_they_would_have_to_round_and_say_which_conversion_rounds() -> None:
    with pytest.raises(ValueError, match="micros_rounded"):
        micros("0.30000000000000004")
    assert micros_rounded("0.30000000000000004") == 300_000
    assert micros_rounded("0.0000025") == 2


@pytest.mark.parametrize("text", ["", "x", "NaN", "Infinity", "1e400000"])
def test_what_is_no_finite_number_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be a"):
        integer(text)


@given(st.integers(0, 2**32 - 1), st.sampled_from(["", ".0", ".8", ".999"]))
def test_an_ipv4_number_loses_its_fraction_and_nothing_else(number: int, fraction: str) -> None:
    assert int(ip_address(ipv4_number(f"{number}{fraction}"))) == number


@pytest.mark.parametrize("text", ["-1", "4294967296", "1.2.3.4"])
def test_a_number_that_is_no_ipv4_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="must be"):
        ipv4_number(text)


def test_a_token_becomes_an_address_alone_in_its_network_and_in_its_source() -> None:
    addresses = [ip_token(str(token), space="a") for token in range(1000)] + [ip_token("7", space="b")]
    assert len({network_of(address) for address in addresses}) == 1001
    assert all(ip_address(address) in ip_network("fd00::/8") for address in addresses)
    assert ip_token("7", space="a") == addresses[7]


def test_a_boolean_knows_only_the_words_it_was_given() -> None:
    read = conversion("boolean", space="", true=("yes",), false=("no",))
    assert (read("yes"), read("no")) == (True, False)
    with pytest.raises(ValueError, match="one of yes, no"):
        read("1")


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("iso", "2017-11-07 17:30:00"),
        ("iso", "2017-11-07T09:30:00Z"),
        ("iso", "2017-11-07 09:30:00+00"),
        ("%m/%d/%Y %H:%M", "11/7/2017 17:30"),
        ("epoch_seconds", "1510047000.0"),
        ("epoch_millis", "1510047000000"),
        ("epoch_micros", "1510047000000000"),
    ],
)
def test_every_way_to_write_a_time_means_the_same_instant(form: str, text: str) -> None:
    assert time_reader(form, "Asia/Shanghai")(text) == datetime(2017, 11, 7, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("form", "text"), [("iso", "7 Nov"), ("%Y", "x"), ("epoch_seconds", "1e30"), ("iso", "0001-01-01")]
)
def test_what_is_no_time_is_refused(form: str, text: str) -> None:
    with pytest.raises(ValueError, match="must be a time"):
        time_reader(form, "Asia/Shanghai")(text)
