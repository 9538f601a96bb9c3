"""Domains and models on a list: one spelling each, parents and beginnings, nothing that would match half the world."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from features.intelligence.names import Domains, Models, TooCommon, domain_of, listed_domain, listed_model

LABEL = st.from_regex(r"[a-z0-9]{1,3}", fullmatch=True)
DOMAIN = st.lists(LABEL, min_size=2, max_size=5).map(".".join)


@given(st.lists(DOMAIN, max_size=10), st.lists(DOMAIN, max_size=5), st.lists(LABEL, max_size=4))
def test_a_domain_is_listed_when_it_or_one_above_it_is(listed: list[str], others: list[str], below: list[str]) -> None:
    domains = Domains(listed)
    asked = [*others, *listed, *(".".join([*below, name]) for name in listed)]
    expected = [float(any(name == one or name.endswith(f".{one}") for one in listed)) for name in asked]
    assert [domains.of(name) for name in asked] == expected
    np.testing.assert_array_equal(domains.of_many(asked), expected)


@pytest.mark.parametrize(
    "text",
    [
        "mailinator.com",
        "MAILINATOR.com",
        "mail.mailinator.com",
        "mailinator.com.",
        "ｍailinator.com",
        "a.b.c.d.mailinator.com",
    ],
)
def test_spellings_of_one_domain_are_one(text: str) -> None:
    assert Domains(["mailinator.com"]).of(text) == 1.0


@pytest.mark.parametrize(
    "text", ["notmailinator.com", "mailinator.com.evil.net", "com", "mailinator.co", "x@y.z.com.net"[2:]]
)
def test_a_resemblance_is_no_match(text: str) -> None:
    assert Domains(["mailinator.com"]).of(text) == 0.0


def test_a_domain_beyond_ascii_is_its_punycode() -> None:
    assert domain_of("Bücher.example") == domain_of("xn--bcher-kva.EXAMPLE") == "xn--bcher-kva.example"
    assert Domains([listed_domain("bücher.example")]).of("post.xn--bcher-kva.example") == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".",
        "..",
        "a..b",
        "a b.com",
        "x@y.com",
        "a." * 200,
        "ü" * 250,
        "a" * 64 + ".com",
        "-" * 10_000_000,
        "\ud800.com",
        "é" * 10_000_000,
    ],
)
def test_what_is_no_domain_is_unknown(text: str) -> None:
    assert domain_of(text) is None
    assert np.isnan(Domains(["mailinator.com"]).of(text))


@pytest.mark.parametrize("text", ["com", "gmail.com", "QQ.com.", "co.uk"])
def test_a_domain_that_everybody_uses_may_not_be_listed(text: str) -> None:
    with pytest.raises(TooCommon):
        listed_domain(text)


def test_a_model_is_listed_by_its_name_or_its_beginning() -> None:
    models = Models([listed_model("Android SDK built for x86*"), listed_model("Google  Nexus 5X (emulated)")])
    asked = [
        "android sdk built for x86_64",
        "ANDROID SDK BUILT FOR X86",
        "google nexus 5x (emulated)",
        "Pixel 8",
        "",
        "x" * 10_000_000,
    ]
    assert models.of_many(asked).tolist() == [1, 1, 1, 0, 0, 0]


@pytest.mark.parametrize("text", ["*", "a*", "ab"])
def test_a_model_that_matches_too_many_may_not_be_listed(text: str) -> None:
    with pytest.raises(TooCommon):
        listed_model(text)


def test_a_star_stands_at_the_end_only() -> None:
    with pytest.raises(ValueError, match="only at its end"):
        listed_model("Pixel*8")


@pytest.mark.data
def test_every_domain_of_a_real_list_is_read_and_found(public_data: Path) -> None:
    lines = (public_data / "disposable_email" / "blocklist.conf").read_text().split()
    domains = Domains(map(listed_domain, lines))
    assert domains.of_many(lines).min() == 1.0
    assert domains.of("mail.mailinator.com") == 1.0
    assert domains.of_many(["gmail.com", "qq.com", "example.org", "university.ac.uk"]).max() == 0.0
