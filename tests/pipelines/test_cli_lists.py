"""`assay lists`: what it says, what it refuses, what it leaves alone."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from features.intelligence.lists import Lists
from pipelines.cli_lists import app

VPN = "".join(f"203.0.113.{number}\n" for number in range(200))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("ASSAY_LISTS", raising=False)
    (tmp_path / "new").mkdir()
    return tmp_path / "home"


def said(*command: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(word) for word in command])
    assert result.exit_code == code, result.output
    return " ".join(result.output.split())


def test_check_counts_and_shows_bad_lines_and_changes_nothing(tmp_path: Path, home: Path) -> None:
    (tmp_path / "new" / "vpn.txt").write_text(VPN + "what\n")
    found = said("check", str(tmp_path / "new"))
    assert "vpn (vpn.txt): 200 entries, 1 line passed over; good" in found
    assert "line 201: 'what' is no IP address" in found
    assert not home.exists()


def test_check_fails_for_a_list_that_would_be_refused(tmp_path: Path) -> None:
    (tmp_path / "new" / "vpn.txt").write_text(VPN)
    (tmp_path / "new" / "tor.txt").write_text("0.0.0.0/0\n")
    found = said("check", str(tmp_path / "new"), code=1)
    assert "tor (tor.txt): 0 entries, 1 line passed over; REFUSED: line 1, '0.0.0.0/0', is wider than" in found
    assert "vpn (vpn.txt): 200 entries, 0 lines passed over; good" in found


def test_an_empty_folder_is_told(tmp_path: Path) -> None:
    assert "holds no list" in said("check", str(tmp_path / "new"), code=1)


def test_load_takes_the_good_and_leaves_the_refused(tmp_path: Path, home: Path) -> None:
    (home / "lists").mkdir(parents=True)
    (home / "lists" / "vpn_old.txt").write_text("198.51.100.1\n")
    (tmp_path / "new" / "vpn_ipv4.txt").write_text(VPN)
    (tmp_path / "new" / "tor.txt").write_text("what\n")
    assert "refused: tor" in said("load", str(tmp_path / "new"), code=1)
    assert sorted(file.name for file in (home / "lists").iterdir()) == ["vpn.txt"]
    assert (home / "lists" / "vpn.txt").read_text() == VPN


def test_what_shrank_is_loaded_only_when_meant(tmp_path: Path, home: Path) -> None:
    (tmp_path / "new" / "vpn.txt").write_text(VPN)
    said("load", str(tmp_path / "new"))
    Lists(home / "lists").reload(since=1)
    (tmp_path / "new" / "vpn.txt").write_text("203.0.113.1\n")
    assert "probably cut" in said("load", str(tmp_path / "new"), code=1)
    said("load", str(tmp_path / "new"), "--smaller")
    assert [found.reason for found in Lists(home / "lists").reload(since=2)] == [""]
    history = said("history")
    assert "from event 1: vpn, 200 entries" in history
    assert "from event 2: vpn, 1 entry" in history


def test_a_list_is_dropped_by_its_kind(home: Path) -> None:
    assert "is no kind of list" in said("drop", "wifi", code=1)
    said("drop", "vpn")
    assert (home / "lists" / "vpn.txt").read_text() == "!none\n"


def test_a_folder_named_elsewhere_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_LISTS", str(tmp_path / "mine"))
    (tmp_path / "new" / "vpn.txt").write_text(VPN)
    assert "ASSAY_LISTS names" in said("load", str(tmp_path / "new"), code=1)
    assert not (tmp_path / "mine").exists()
