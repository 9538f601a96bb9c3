"""Look-ups of addresses against the standard library's own idea of networks."""

from ipaddress import IPv6Address, ip_address, ip_network, summarize_address_range
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.intelligence.ranges import Range, Ranges, TooWide, packed, range_of

V4 = st.tuples(st.integers(0, 2**32 - 1), st.integers(8, 32)).map(lambda pair: ip_network(pair, strict=False))
V6 = st.tuples(st.integers(0, 2**128 - 1), st.integers(16, 128)).map(lambda pair: ip_network(pair, strict=False))
# Few leading bits, so that prefixes nest and addresses hit.
NEAR4 = st.tuples(st.integers(0, 255), st.integers(24, 32)).map(
    lambda pair: ip_network((0xCB007100 + pair[0], pair[1]), strict=False)
)
NEAR6 = st.tuples(st.integers(0, 255), st.integers(120, 128)).map(
    lambda pair: ip_network(((0x20010DB8 << 96) + pair[0], pair[1]), strict=False)
)
NETWORKS = st.lists(st.one_of(V4, V6, NEAR4, NEAR6), min_size=1, max_size=25)


MAPPED = ip_network("::ffff:0:0/96")


def of_mapped(network: object) -> bool:
    return network.version == 6 and network.overlaps(MAPPED)  # type: ignore[attr-defined]  # a network of either family


def addresses_near(networks: list) -> list[str]:  # type: ignore[type-arg]  # networks of both families
    found = ["203.0.113.7", "2001:db8::7", "0.0.0.0", "255.255.255.255", "::", "ffff:" * 7 + "ffff"]  # noqa: S104  # an address to ask for, not to listen on
    for network in networks:
        first, last = int(network.network_address), int(network.broadcast_address)
        family = type(network.network_address)
        limit = 2**32 if network.version == 4 else 2**128
        found += [str(family(number)) for number in (first - 1, first, last, last + 1) if 0 <= number < limit]
    return found


@settings(max_examples=200, deadline=None)
@given(NETWORKS)
def test_the_longest_prefix_wins_as_a_search_of_all_networks_finds_it(networks: list) -> None:  # type: ignore[type-arg]  # as above
    networks = [network for network in networks if not of_mapped(network)]
    ranges = Ranges([range_of(str(network), float(at)) for at, network in enumerate(networks)], -1.0)
    addresses = addresses_near(networks)
    expected = []
    for address in map(ip_address, addresses):
        mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
        around = [(n.prefixlen, at) for at, n in enumerate(networks) if (mapped or address) in n]
        expected.append(float(max(around)[1]) if around else -1.0)
    assert [ranges.of(address) for address in addresses] == expected
    np.testing.assert_array_equal(ranges.of_many(addresses), expected)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=12), st.integers(0, 301))
def test_overlapping_ranges_hold_what_their_prefixes_hold(pairs: list[tuple[int, int]], asked: int) -> None:
    base = ip_address("198.51.100.0")
    spans = [(base + min(pair), base + max(pair)) for pair in pairs]
    ranges = Ranges([range_of(f"{first}-{last}") for first, last in spans], 0.0)
    prefixes = [network for first, last in spans for network in summarize_address_range(first, last)]
    assert ranges.of(str(base + asked)) == float(any(base + asked in network for network in prefixes))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.text(max_size=50), st.from_regex(r"[0-9a-f:.%/]{1,45}", fullmatch=True)))
def test_an_address_is_what_the_standard_library_calls_one(text: str) -> None:
    try:
        address = ip_address(text)
    except ValueError:
        assert packed(text) is None
        return
    if "%" in text:
        assert packed(text) is None
    else:
        expected = address if isinstance(address, IPv6Address) else IPv6Address(f"::ffff:{address}")
        assert packed(text) == expected.packed


def test_a_mapped_address_is_the_ipv4_address_in_lists_and_in_questions() -> None:
    for entry in ("203.0.113.0/24", "::ffff:203.0.113.0/120", "::ffff:203.0.113.0-::ffff:203.0.113.255"):
        ranges = Ranges([range_of(entry)], 0.0)
        assert ranges.of("::ffff:203.0.113.9") == ranges.of("203.0.113.9") == ranges.of("::FFFF:CB00:7109") == 1.0
        assert ranges.of("203.0.114.0") == 0.0


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "10.0.0.0/7", "::/0", "2001::/15", "1.0.0.0-9.0.0.0", "::/16", "::-::1:0:0:0"]
)
def test_a_range_that_would_cover_the_world_is_too_wide(text: str) -> None:
    with pytest.raises(TooWide):
        range_of(text)


@pytest.mark.parametrize(
    "text", ["10.0.0.0/8", "2001::/16", "1.2.3.4", "::1", "1.2.3.77/24", "255.0.0.0 - 255.255.255.255"]
)
def test_a_range_may_be_as_wide_as_the_largest_that_are_assigned(text: str) -> None:
    assert range_of(text).value == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2.3",
        "1.2.3.4/33",
        "1.2.3.4/-1",
        "1.2.3.4/255.255.255.0",
        "1.2.3.4/",
        "a",
        "fe80::1%eth0",
        "1.2.3.4-1.2.3.3",
        "1.2.3.4-::1",
        "2001:db8::/129",
        "1.2.3.4/٣",
        "1.2.3.4/1e1",
        "01.2.3.4",
        "x" * 10_000_000,
    ],
)
def test_what_is_no_range_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no|prefix length|begins in|ends before"):
        range_of(text)


@pytest.mark.parametrize("text", ["", "fe80::1%eth0", "1" * 10_000_000, "1.2.3.4\0", "\ud800", "１.2.3.4", "nan"])
def test_what_is_no_address_is_unknown_and_not_clean(text: str) -> None:
    ranges = Ranges([range_of("1.2.3.4")], 0.0)
    assert np.isnan(ranges.of(text))
    assert np.isnan(ranges.of_many([text, "1.2.3.4"])[0])


def test_the_edges_of_all_addresses_belong_to_somebody() -> None:
    ranges = Ranges(map(range_of, ("::/128", "ffff::/16", "0.0.0.0", "255.255.255.255")), 0.0)  # noqa: S104  # an entry
    asked = ["::", "::1", "ffff:" * 7 + "ffff", "fffe::", "0.0.0.0", "0.0.0.1", "255.255.255.255", "255.255.255.254"]  # noqa: S104  # an address to ask for
    assert [ranges.of(address) for address in asked] == [1, 0, 1, 0, 1, 0, 1, 0]


def test_of_equal_ranges_the_later_one_speaks() -> None:
    assert Ranges([Range(5, 9, 1.0), Range(5, 9, 2.0)], 0.0).of("::7") == 2.0


def test_an_empty_question_has_an_empty_answer() -> None:
    assert Ranges([], 0.0).of_many([]).shape == (0,)


@pytest.mark.data
@pytest.mark.parametrize("name", ["datacenter_ipv4.txt", "vpn_ipv4.txt"])
def test_real_lists_answer_as_the_standard_library_does(public_data: Path, name: str) -> None:
    lines = (public_data / "ip_lists" / name).read_text().split()
    networks = sorted(map(ip_network, lines))
    ranges = Ranges(map(range_of, lines), 0.0)
    dice = Random(7)  # noqa: S311  # a sample, not a secret
    sample = dice.sample(networks, 300)
    assert all(ranges.of(str(network.network_address)) for network in networks)
    assert all(ranges.of(str(network.broadcast_address)) for network in networks)
    by_length = {length: {int(n.network_address) for n in networks if n.prefixlen == length} for length in range(33)}
    asked = [dice.randrange(2**32) for _ in range(20_000)] + [int(network.broadcast_address) + 1 for network in sample]
    for number in asked:
        expected = any(number >> 32 - length << 32 - length in by_length[length] for length in range(8, 33))
        assert ranges.of(str(ip_address(number))) == float(expected)
