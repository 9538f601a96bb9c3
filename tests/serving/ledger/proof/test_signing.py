"""The duty that signs: only what is committed, only what fits what was signed before, in every folder that is named."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy import Connection, CursorResult, Engine

from features.home import Home
from serving.background import Background
from serving.ledger import chain
from serving.ledger.proof import kept, signing
from serving.ledger.proof.signing import BookRewritten, Places, Signer
from serving.ledger.proof.verify import Report

Fill = Callable[..., None]
KEY = Ed25519PrivateKey.generate()


def signer_of(engine: Engine, *folders: Path, tiles: Path) -> Signer:
    return Signer(engine, Places(folders, tiles), KEY)


def test_an_empty_book_has_no_head(signer: Signer, outside: Path, now: int) -> None:
    assert signer.sign(now) is None
    assert not outside.exists()


def test_a_head_is_of_all_that_is_committed_and_comes_once(
    filled: Engine, signer: Signer, outside: Path, now: int
) -> None:
    head = signer.sign(now)
    assert head is not None
    with filled.connect() as connection:
        assert (head.size, head.chain) == chain.head(connection)
    assert signer.sign(now + 1) is None
    assert [line for _, line in kept.lines_of(outside)] == [head]


def test_what_is_not_committed_is_not_signed(filled: Engine, signer: Signer, fill: Fill, now: int) -> None:
    if filled.dialect.name == "sqlite":
        pytest.skip("one writer: there a reader beside it sees what was committed, which is the case above")
    first = signer.sign(now)
    with filled.connect() as connection:
        fill(connection, 3, first=900)
        assert signer.sign(now + 1) is None
        connection.commit()
    second = signer.sign(now + 2)
    assert first is not None
    assert second is not None
    assert second.size > first.size


def test_a_service_that_was_restarted_goes_on_from_its_tiles(
    filled: Engine, outside: Path, tmp_path: Path, fill: Fill, now: int, judged: Callable[[Connection], Report]
) -> None:
    tiles = tmp_path / "tiles"
    first = signer_of(filled, outside, tiles=tiles).sign(now)
    with filled.begin() as connection:
        fill(connection, 300, first=900)
    second = signer_of(filled, outside, tiles=tiles).sign(now + 1)
    with filled.begin() as connection:
        fill(connection, 3, first=2000)
    assert tiles.stat().st_size >= 32
    third = signer_of(filled, outside, tiles=tiles).sign(now + 2)
    tiles.write_bytes(b"\0" * 320)
    with filled.begin() as connection:
        fill(connection, 3, first=3000)
    fourth = signer_of(filled, outside, tiles=tiles).sign(now + 3)
    with filled.connect() as connection:
        lines = list(kept.lines_of(outside))
        assert [line for _, line in lines] == [first, second, third, fourth]
        findings = judged(connection).findings
    assert [finding.sentence for finding in findings if "is not believed" not in finding.sentence] == []


@pytest.mark.parametrize("lost", [0, 1])
def test_a_folder_that_was_lost_does_not_begin_the_book_anew(
    filled: Engine, tmp_path: Path, fill: Fill, now: int, lost: int
) -> None:
    folders = tmp_path / "one", tmp_path / "other"
    first = signer_of(filled, *folders, tiles=tmp_path / "tiles").sign(now)
    (file,) = folders[lost].iterdir()
    file.unlink()
    assert signer_of(filled, *folders, tiles=tmp_path / "tiles").sign(now) is None
    with filled.begin() as connection:
        fill(connection, 3, first=900)
    second = signer_of(filled, *folders, tiles=tmp_path / "tiles").sign(now + 1)
    assert [line for _, line in kept.lines_of(folders[1 - lost])] == [first, second]
    assert [line for _, line in kept.lines_of(folders[lost])] == [second]


def test_a_folder_that_takes_nothing_stops_no_other(filled: Engine, outside: Path, tmp_path: Path, now: int) -> None:
    (tmp_path / "in-the-way").write_text("a file where a folder was meant")
    signer = signer_of(filled, tmp_path / "in-the-way", outside, tiles=tmp_path / "tiles")
    with pytest.raises(OSError, match="in-the-way"):
        signer.sign(now)
    assert kept.last_of(outside) is not None


@pytest.mark.parametrize("tiles", ["kept", "lost"])
def test_a_rewritten_book_is_not_signed(
    filled: Engine,
    outside: Path,
    tmp_path: Path,
    now: int,
    tiles: str,
    run: Callable[..., CursorResult[object]],
) -> None:
    signer_of(filled, outside, tiles=tmp_path / "tiles").sign(now)
    if tiles == "lost":
        (tmp_path / "tiles").unlink()
    with filled.begin() as connection:
        if filled.dialect.name == "sqlite":
            connection.exec_driver_sql("DROP TRIGGER transfer_refuses_update")
        else:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
        end = run(connection, "SELECT max(sequence) FROM transfer").scalar_one()
        run(connection, "UPDATE transfer SET hash = :hash WHERE sequence = :at", hash=b"x" * 32, at=end)
    with pytest.raises(BookRewritten, match="run `assay ledger verify`"):
        signer_of(filled, outside, tiles=tmp_path / "tiles").sign(now + 1)
    assert len(list(kept.lines_of(outside))) == 1


def test_the_key_of_a_home_is_made_once(tmp_path: Path) -> None:
    first, second = (signing.key_of_home(Home(tmp_path)) for _ in range(2))
    assert first.private_bytes_raw() == second.private_bytes_raw()
    assert (tmp_path / "heads.key").stat().st_mode & 0o077 == 0


def serving_with(signer: Signer, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Background:
    """What a service does unasked, of which these tests need nothing but the signing."""
    monkeypatch.setattr(Background, "_paying", lambda _: {})
    parts: Any = SimpleNamespace()
    return Background(parts, folder, signer=signer)


def test_the_service_signs_what_was_committed_last(
    filled: Engine, signer: Signer, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    serving_with(signer, tmp_path, monkeypatch).sign_last()
    head = kept.last_of(outside)
    assert head is not None
    with filled.connect() as connection:
        assert head.size == chain.head(connection)[0]


@pytest.mark.usefixtures("filled")
def test_a_signer_that_fails_stops_no_shutdown(
    signer: Signer, outside: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside.write_text("a file where a folder was meant")
    serving_with(signer, tmp_path, monkeypatch).sign_last()
    assert outside.is_file()
