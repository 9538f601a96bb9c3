"""The folder of list files: read when it settles, read again when it changes, and never less than what was read."""

import os
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine

from features.home import Home
from serving.database import reading
from serving.payouts.duties import Books
from serving.payouts.identity import persons
from serving.payouts.identity.persons import Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.screening import hits
from serving.payouts.screening.duties import screening_duties
from serving.payouts.screening.sanctions import FOLDER, Sanctions
from serving.policy import load_policy

POLICY = load_policy().screening
HEADER = "id,schema,name,aliases,birth_date\n"
ANN = HEADER + "1,Person,Ann Lee,,1990\n"
BOTH = ANN + "2,Person,Bob Ray,,\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / FOLDER).mkdir()
    return tmp_path / FOLDER


def write(folder: Path, text: str, name: str = "eu.csv") -> None:
    """Whole, as it should be moved there: two files of one instant are told apart by their number."""
    (folder / "beside").write_text(text)
    (folder / "beside").replace(folder / name)


def settled(sanctions: Sanctions) -> int | None:
    """How many names are searched once two looks have seen the same."""
    sanctions.look()
    screen = sanctions.look()
    return None if screen is None else screen.names


def test_files_count_once_two_looks_have_found_them_the_same(folder: Path) -> None:
    sanctions = Sanctions(folder, POLICY)
    write(folder, ANN)
    assert sanctions.look() is None, "it may be half-written"
    screen = sanctions.look()
    assert screen is not None
    assert sanctions.look() is screen, "what has not changed is not read again"
    write(folder, BOTH)
    assert sanctions.look() is screen
    assert settled(sanctions) == 2
    write(folder, HEADER + "1,Person,Cyd Fox,,\n", "un.csv")
    assert settled(sanctions) == 3, "all files are one list"


def test_what_cannot_be_read_or_is_gone_leaves_the_lists_before_it(folder: Path) -> None:
    sanctions = Sanctions(folder, POLICY)
    write(folder, BOTH)
    assert settled(sanctions) == 2
    with structlog.testing.capture_logs() as lines:
        write(folder, "a secret\nof somebody\n")
        for _ in range(3):
            assert settled(sanctions) == 2
        (folder / "eu.csv").unlink()
        for _ in range(3):
            assert settled(sanctions) == 2
    assert [line["event"] for line in lines] == ["sanction_lists_refused", "sanction_lists_gone"]
    assert "secret" not in str(lines)
    write(folder, ANN)
    assert settled(sanctions) == 1


@pytest.mark.parametrize("text", [HEADER, BOTH.replace("Person", "person"), BOTH.replace("Ann", '"Ann')])
def test_a_list_that_lost_its_names_leaves_the_list_before_it(folder: Path, text: str) -> None:
    sanctions = Sanctions(folder, POLICY)
    write(folder, BOTH)
    assert settled(sanctions) == 2
    with structlog.testing.capture_logs() as lines:
        write(folder, text)
        assert settled(sanctions) == 2
    assert [line["event"] for line in lines] == ["sanction_lists_refused"]


@pytest.mark.parametrize("is_required", [True, False])
def test_that_there_is_no_list_is_told_at_the_start_with_what_it_means(tmp_path: Path, is_required: bool) -> None:
    sanctions = Sanctions(tmp_path / FOLDER, POLICY.model_copy(update={"is_required": is_required}))
    with structlog.testing.capture_logs() as lines:
        sanctions.tell()
        assert settled(sanctions) is None
    (line,) = lines
    assert ("nobody" in line["effect"]) is is_required
    (tmp_path / FOLDER).mkdir()
    write(tmp_path / FOLDER, ANN)
    with structlog.testing.capture_logs() as lines:
        sanctions.tell()
    assert lines == []


def test_a_folder_can_be_named_and_must_be_there(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert Sanctions.of_home(home, POLICY, {}).folder == tmp_path / FOLDER
    assert Sanctions.of_home(home, POLICY, {"ASSAY_SANCTIONS": str(tmp_path)}).folder == tmp_path
    with pytest.raises(ValueError, match=r"ASSAY_SANCTIONS names .* no folder"):
        Sanctions.of_home(home, POLICY, {"ASSAY_SANCTIONS": str(tmp_path / "nowhere")})


def test_whoever_is_known_is_searched_and_again_when_a_list_changes(engine: Engine, seal: Seal, folder: Path) -> None:
    sanctions, now = Sanctions(folder, POLICY), iter(range(1, 1_000))
    ((search, _),) = screening_duties(
        Books(engine.begin, lambda: reading(engine)), sanctions, seal, lambda: next(now)
    ).values()

    def found() -> list[str]:
        for _ in range(2):
            search()
        with reading(engine) as connection:
            return [hit.user_id for hit in hits.open_hits(connection)]

    for name, user in (("Ann Lee", "ann"), ("Bob Ray", "bob")):
        with engine.begin() as connection:
            persons.record(connection, user, Person((name,), "1990-01-31"), seal, 1)
    assert found() == []
    write(folder, ANN)
    assert found() == ["ann"]
    write(folder, BOTH)
    assert sorted(found()) == ["ann", "bob"]
    before = (folder / "eu.csv").stat().st_mtime_ns
    os.utime(folder / "eu.csv", ns=(before + 1, before + 1))
    assert sorted(found()) == ["ann", "bob"], "the same list read again asks nothing anew"
