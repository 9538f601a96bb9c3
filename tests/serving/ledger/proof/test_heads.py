"""Heads that are signed and kept, by a key that is made here; the files are real."""

import subprocess
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from features.home import Home
from serving.ledger.proof import heads, kept
from serving.ledger.proof.heads import Head

KEY = heads.key_of(bytes(range(32)))
NOW = 1_790_000_000_000_000  # in September 2026


def made(size: int = 3, at: int = NOW) -> Head:
    return heads.signed(Head(size, bytes([size % 256]) * 32, b"c" * 32, at, ""), KEY)


def test_a_head_is_signed_by_its_key_and_no_other() -> None:
    assert heads.is_signed(made(), KEY.public_key())
    assert not heads.is_signed(made(), Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize(
    "change", [{"size": 4}, {"root": b"x" * 32}, {"chain": b"x" * 32}, {"at": 1}, {"key": "0" * 16}, {"signature": b""}]
)
def test_a_head_with_anything_changed_is_not_signed(change: dict[str, Any]) -> None:
    assert not heads.is_signed(replace(made(), **change), KEY.public_key())


def test_a_head_survives_its_json_and_a_key_its_pem() -> None:
    assert Head.from_json(made().as_json()) == made()
    assert heads.key_id(heads.from_pem(heads.to_pem(KEY.public_key()))) == made().key


@pytest.mark.parametrize(
    "change",
    [
        {"size": 0},
        {"size": "3"},
        {"size": True},
        {"root": "00"},
        {"chain": "zz"},
        {"at": None},
        {"key": 7},
        {"more": 1},
    ],
)
def test_what_is_no_head_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a head has"):
        Head.from_json(made().as_json() | change)


@pytest.mark.parametrize("body", [None, 3, [], "text", {}])
def test_what_is_not_even_an_object_is_refused(body: object) -> None:
    with pytest.raises(ValueError, match="a head has"):
        Head.from_json(body)


@given(st.text(max_size=200))
@settings(max_examples=20, deadline=None)  # the library's parser takes its time
def test_any_text_that_is_no_key_is_refused_in_words(text: str) -> None:
    with pytest.raises(ValueError, match="no public key of Ed25519"):
        heads.from_pem(text)


def test_openssl_checks_a_head_without_us(tmp_path: Path) -> None:
    if which("openssl") is None:
        pytest.skip("openssl is not installed")
    (tmp_path / "key.pem").write_text(heads.to_pem(KEY.public_key()))
    (tmp_path / "said").write_bytes(made().said)
    (tmp_path / "signature").write_bytes(made().signature)
    asked = "openssl pkeyutl -verify -pubin -inkey key.pem -rawin -in said -sigfile signature".split()
    assert subprocess.run(asked, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    (tmp_path / "said").write_bytes(made(size=4).said)
    assert subprocess.run(asked, cwd=tmp_path, capture_output=True, check=False).returncode != 0


def test_heads_are_read_as_they_were_kept_a_file_a_month(tmp_path: Path) -> None:
    later = NOW + 40 * 86_400_000_000
    for head in (made(1), made(2), made(3, later)):
        kept.keep(head, tmp_path / "heads")
    assert [head for _, head in kept.lines_of(tmp_path / "heads")] == [made(1), made(2), made(3, later)]
    assert [where for where, _ in kept.lines_of(tmp_path / "heads")] == [
        "2026-09.jsonl:1",
        "2026-09.jsonl:2",
        "2026-10.jsonl:1",
    ]
    assert kept.last_of(tmp_path / "heads") == made(3, later)


@pytest.mark.parametrize("cut", [1, 20, 300])
def test_what_a_power_cut_left_of_a_line_was_never_kept(tmp_path: Path, cut: int) -> None:
    kept.keep(made(1), tmp_path)
    kept.keep(made(2), tmp_path)
    file = tmp_path / "2026-09.jsonl"
    file.write_bytes(file.read_bytes()[:-cut])
    assert kept.last_of(tmp_path) == made(1)
    kept.keep(made(3), tmp_path)
    assert [head for _, head in kept.lines_of(tmp_path)] == [made(1), made(3)]


def test_a_line_that_is_no_head_is_told_with_its_place(tmp_path: Path) -> None:
    kept.keep(made(1), tmp_path)
    with (tmp_path / "2026-09.jsonl").open("a") as file:
        file.write(b64encode(b"something else").decode() + "\n")
    (_, first), (where, second) = kept.lines_of(tmp_path)
    assert first == made(1)
    assert where == "2026-09.jsonl:2"
    assert isinstance(second, ValueError)


def test_a_folder_that_is_not_there_has_no_heads(tmp_path: Path) -> None:
    assert list(kept.lines_of(tmp_path / "nowhere")) == []
    assert kept.last_of(tmp_path / "nowhere") is None


def test_copies_go_where_the_environment_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ASSAY_HEADS", raising=False)
    assert kept.folders_of(Home(tmp_path)) == [tmp_path / "heads"]
    monkeypatch.setenv("ASSAY_HEADS", str(tmp_path / "elsewhere"))
    assert kept.folders_of(Home(tmp_path)) == [tmp_path / "heads", tmp_path / "elsewhere"]
