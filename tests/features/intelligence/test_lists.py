"""Lists of a home: what is taken, what is refused, what stays, and which one applied when."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.home import Home
from features.intelligence.history import History
from features.intelligence.lists import Lists, files_in, kind_of
from features.intelligence.reading import FILE_BYTES_MAX, ListKind, Refused, read_list
from features.intelligence.signals import COLUMNS, LISTED, Intelligence
from features.intelligence.writing import put

VPN = "".join(f"203.0.113.{number}\n" for number in range(200))


def lists_of(folder: Path, **files: str) -> Lists:
    source = folder / "source"
    source.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (source / f"{name}.txt").write_text(text)
    return Lists(folder / "lists", source)


def vpn_of(lists: Lists, sequence: int, address: str = "203.0.113.7") -> float:
    into = np.empty(len(LISTED))
    row = dict.fromkeys(COLUMNS) | {"sequence": sequence, "ip_key": address}
    Intelligence(lists).read(row, into)
    return float(into[[feature.name for feature in LISTED].index("ip__is_vpn")])


def test_without_a_list_nobody_is_clean(tmp_path: Path) -> None:
    lists = lists_of(tmp_path)
    assert lists.reload(since=1) == []
    assert np.isnan(vpn_of(lists, 1))


def test_an_event_is_judged_by_the_list_that_applied_at_its_sequence(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=5)
    lists_of(tmp_path, vpn=VPN.replace("203.0.113.7\n", ""))
    lists.reload(since=9)
    seen = [vpn_of(lists, sequence) for sequence in (4, 5, 8, 9, 10**9)]
    np.testing.assert_array_equal(seen, [np.nan, 1, 1, 0, 0])
    again = Lists(tmp_path / "lists", tmp_path / "source")
    np.testing.assert_array_equal([vpn_of(again, sequence) for sequence in (4, 5, 8, 9, 10**9)], seen)
    assert again.reload(since=20) == []
    assert again.versions(5) != again.versions(9)
    assert again.versions(4) == {}


def test_a_list_that_did_not_change_is_not_read_again(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    assert [found.reason for found in lists.reload(since=1)] == [""]
    assert lists.reload(since=2) == []
    lists_of(tmp_path, vpn=VPN)  # written anew, with what it held
    assert lists.reload(since=3) == []
    assert len(lists.history.entries) == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("", "is empty"),
        ("# nothing but a comment\n", "is empty"),
        (VPN + "198.51.100.1", "half-written"),
        (VPN[: len(VPN) // 3].rpartition("\n")[0] + "\n", "probably cut"),
        (VPN + "0.0.0.0/0\n", "line 201, '0.0.0.0/0', is wider than"),
        (VPN + "::/0\n", "would cover all of IPv4"),
        (VPN + "<html>\n" * 5, "5 of 205 lines cannot be read"),
        (VPN + "\0\n", "NUL"),
    ],
)
def test_a_bad_list_is_refused_with_its_reason_and_the_old_one_stays(tmp_path: Path, bad: str, reason: str) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=1)
    lists_of(tmp_path, vpn=bad)
    (found,) = lists.reload(since=7)
    assert reason in found.reason
    assert vpn_of(lists, 100) == 1.0
    assert len(lists.history.entries) == 1
    assert lists.reload(since=8) == []  # it is told once
    with pytest.raises(Refused):
        lists.adopt(found, since=9)


def test_a_few_bad_lines_are_passed_over_and_shown(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=f"; by hand\n{VPN}what\n198.51.100.0/24 # an office\n")
    (found,) = lists.reload(since=1)
    assert (found.reason, found.entries, found.bad) == ("", 201, 1)
    assert [(line.number, line.text) for line in found.shown] == [(202, "what")]
    assert vpn_of(lists, 1, "198.51.100.200") == 1.0


@pytest.mark.parametrize(("raw", "reason"), [(b"\xff\xfe1.2.3.4\n", "UTF-8"), (b"\x1f\x8b\0\0\n", "no text")])
def test_what_is_no_text_is_refused(tmp_path: Path, raw: bytes, reason: str) -> None:
    lists = lists_of(tmp_path)
    (tmp_path / "source" / "tor.txt").write_bytes(raw)
    (found,) = lists.reload(since=1)
    assert reason in found.reason


def test_a_file_that_is_too_large_is_not_even_read(tmp_path: Path) -> None:
    lists = lists_of(tmp_path)
    with (tmp_path / "source" / "tor.txt").open("wb") as stream:
        stream.truncate(FILE_BYTES_MAX + 1)
    (found,) = lists.reload(since=1)
    assert "holds over" in found.reason


def test_a_line_of_ten_megabytes_is_one_bad_line() -> None:
    content = read_list(ListKind.VPN, VPN.encode() + b"1" * 10_000_000 + b"\n")
    assert (content.entries, content.bad, len(content.shown[0].text)) == (200, 1, 80)


def test_shown_lines_are_bounded() -> None:
    content = read_list(ListKind.VPN, b"what\n" * 1000)
    assert (content.bad, len(content.shown)) == (1000, 20)


def test_a_list_may_shrink_when_it_says_so(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=1)
    lists_of(tmp_path, vpn="!smaller\n203.0.113.9\n")
    assert [found.reason for found in lists.reload(since=2)] == [""]
    assert [vpn_of(lists, 1), vpn_of(lists, 2)] == [1.0, 0.0]


def test_a_dropped_list_is_missing_and_a_lost_file_is_not_dropped(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=1)
    (tmp_path / "source" / "vpn.txt").unlink()
    (found,) = lists.reload(since=2)
    assert "gone" in found.reason
    assert vpn_of(lists, 2) == 1.0
    put(tmp_path / "source", ListKind.VPN, b"!none\n")
    lists.reload(since=3)
    np.testing.assert_array_equal([vpn_of(lists, 2), vpn_of(lists, 3)], [1.0, np.nan])
    assert lists.reload(since=4) == []


def test_history_is_never_rewritten(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=10)
    lists_of(tmp_path, tor=VPN)
    (found,) = lists.look()
    with pytest.raises(ValueError, match="10 are history: 9 is too early"):
        lists.adopt(found, since=9)
    assert len(History(tmp_path / "lists").entries) == 1


def test_a_damaged_kept_list_is_told_and_not_used(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=1)
    (kept,) = (tmp_path / "lists" / "kept").iterdir()
    kept.write_bytes(kept.read_bytes()[:-9])
    fresh = Lists(tmp_path / "lists", tmp_path / "source")
    with pytest.raises((ValueError, OSError, EOFError)):
        fresh.as_of(1)


def test_a_crash_between_keeping_and_applying_leaves_the_old_list(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn=VPN)
    lists.reload(since=1)
    lists.history.keep(b"198.51.100.1\n")
    (tmp_path / "lists" / "history.jsonl.1.part").write_text("half")
    assert vpn_of(Lists(tmp_path / "lists", tmp_path / "source"), 5) == 1.0


def test_several_files_of_a_kind_are_one_list(tmp_path: Path) -> None:
    lists = lists_of(tmp_path, vpn_ipv4=VPN, vpn_ipv6="2001:db8::/32\n")
    (found,) = lists.reload(since=1)
    assert found.files == ("vpn_ipv4.txt", "vpn_ipv6.txt")
    assert [vpn_of(lists, 1, address) for address in ("2001:db8::9", "203.0.113.7", "2001:db9::")] == [1, 1, 0]


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("datacenter_ASN.txt", "data_centre_asn"),
        ("datacenter_ipv4.txt", "data_centre"),
        ("data-centre.list", "data_centre"),
        ("blocklist.conf", "disposable_email"),
        ("vpn.TXT", "vpn"),
        ("history.jsonl", None),
        ("vpn.txt.12.part", None),
        ("readme.txt", None),
    ],
)
def test_a_files_name_says_what_it_holds(name: str, kind: str | None) -> None:
    assert kind_of(Path(name)) == kind


def test_more_files_than_anybody_has_are_refused(tmp_path: Path) -> None:
    for number in range(65):
        (tmp_path / f"vpn_{number}.txt").touch()
    with pytest.raises(ValueError, match="more than 64"):
        files_in(tmp_path)


def test_networks_are_judged_by_who_announces_them(tmp_path: Path) -> None:
    ranges = (
        "1.2.0.0/16 AS64500 # a comment\n1.2.3.0\t1.2.3.255\t64501\tDE\tHOST\n8.0.0.0 8.255.255.255 0 None Not routed\n"
    )
    lists = lists_of(tmp_path, asn_ranges=ranges, data_centre_asn="AS64501 # a host\n64502\n")
    assert [found.reason for found in lists.reload(since=1)] == ["", ""]
    at = [feature.name for feature in LISTED].index("ip__is_data_centre_asn")
    rows = [
        dict.fromkeys(COLUMNS) | {"sequence": 1, "ip_key": ip} for ip in ("1.2.3.4", "1.2.4.4", "8.8.8.8", "9.9.9.9")
    ]
    found = Intelligence(lists).vectors(table_of(rows))[:, at]
    np.testing.assert_array_equal(found, [1, 0, np.nan, np.nan])


def test_a_home_keeps_its_lists_and_a_variable_names_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    monkeypatch.delenv("ASSAY_LISTS", raising=False)
    put(home.root / "lists", ListKind.VPN, VPN.encode())
    assert [found.kind for found in Lists.of_home(home).reload(since=1)] == ["vpn"]
    monkeypatch.setenv("ASSAY_LISTS", str(tmp_path / "mine"))
    assert Lists.of_home(home).source == tmp_path / "mine"


def table_of(rows: list[dict[str, object]]) -> pa.Table:
    kinds = {name: pa.int64() if name == "sequence" else pa.string() for name in COLUMNS}
    return pa.Table.from_pylist(rows, schema=pa.schema(kinds))


ADDRESSES = st.sampled_from(
    ["203.0.113.7", "203.0.113.199", "198.51.100.1", "::ffff:203.0.113.7", "2001:db8::1", "fe80::1%a"]
)
DOMAINS = st.sampled_from(["a.b", "x.a.b", "A.B.", "b", "", "ü.a.b", "y" * 300])
MODELS = st.sampled_from(["sdk_gphone64", "Pixel", "", "z" * 100_000])
STEPS = st.lists(st.tuples(st.sampled_from(["vpn", "tor", "drop", "bad"]), st.integers(0, 40)), max_size=6)
ROWS = st.lists(st.tuples(*(st.none() | values for values in (ADDRESSES, DOMAINS, MODELS))), min_size=1, max_size=40)


@settings(max_examples=40, deadline=None)
@given(steps=STEPS, rows=ROWS)
def test_row_and_table_agree_whatever_was_loaded_when(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], rows: list[tuple[str | None, ...]]
) -> None:
    lists = lists_of(tmp_path_factory.mktemp("lists"), disposable_email="a.b\n", emulator_model="sdk_gphone*\n")
    lists.reload(since=1)
    for number, (what, since) in enumerate(sorted(steps, key=lambda step: step[1]), 1):
        name, text = {
            "vpn": ("vpn", f"203.0.113.{number}\n203.0.113.7\n"),
            "tor": ("tor", f"!smaller\n198.51.100.0/2{number}\n"),
            "drop": ("vpn", "!none\n"),
            "bad": ("tor", "::/0\n"),
        }[what]
        (lists.source / f"{name}.txt").write_text(text)
        lists.reload(since=max(1, since))
    stamped = [
        dict(zip(("sequence", "ip_key", "email_domain", "fingerprint_model"), (at, *row), strict=True))
        for at, row in enumerate(rows, 1)
    ]
    one_by_one, running = np.empty((len(rows), len(LISTED))), Intelligence(lists)
    for at, row in enumerate(stamped):
        running.read(row, one_by_one[at])
    fresh = Intelligence(Lists(lists.source.parent / "lists", lists.source))
    np.testing.assert_array_equal(fresh.vectors(table_of(stamped)), one_by_one)
    half = len(rows) // 2
    halves = [fresh.vectors(table_of(part)) for part in (stamped[half:], stamped[:half])]
    np.testing.assert_array_equal(np.vstack(halves[::-1]), one_by_one)


@pytest.mark.data
def test_real_lists_are_taken_whole(public_data: Path, tmp_path: Path) -> None:
    lists = Lists(tmp_path / "lists", public_data / "ip_lists")
    found = {found.kind: (found.entries, found.bad, found.reason) for found in lists.reload(since=1)}
    assert found == {
        ListKind.DATA_CENTRE: (42566, 0, ""),
        ListKind.VPN: (10862, 0, ""),
        ListKind.DATA_CENTRE_ASN: (906, 0, ""),
    }
    disposable = Lists(tmp_path / "other", public_data / "disposable_email").reload(since=1)
    assert [(one.kind, one.entries, one.bad, one.reason) for one in disposable] == [("disposable_email", 8335, 0, "")]
    at = [feature.name for feature in LISTED].index("ip__is_data_centre")
    rows = [dict.fromkeys(COLUMNS) | {"sequence": 1, "ip_key": ip} for ip in ("3.130.0.1", "192.168.1.1")]
    np.testing.assert_array_equal(Intelligence(lists).vectors(table_of(rows))[:, at], [1, 0])
