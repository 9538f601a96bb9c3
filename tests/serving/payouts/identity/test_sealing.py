from base64 import b64encode
from pathlib import Path

import pytest
import structlog
from sqlalchemy import Engine

from features.home import Home
from serving.payouts.identity import persons
from serving.payouts.identity.persons import NAME_CHARACTERS_MAX, NAMES_MAX, Person
from serving.payouts.identity.sealing import Seal, Unsealable, seal_of_home
from serving.payouts.screening import hits
from serving.payouts.screening.fake import FakeScreen
from serving.payouts.screening.hits import HitState
from serving.payouts.screening.lists import Entry
from serving.payouts.screening.runner import screen_due

NAME, BIRTH, REASON = "Zebulon Quackenbush", "1961-03-14", "his cousin Zebedee"


def test_what_was_sealed_opens_for_the_same_person_and_secret_only(seal: Seal) -> None:
    closed = seal.close(NAME, "person/ann")
    assert seal.open(closed, "person/ann") == NAME
    for other, about in ((seal, "person/bob"), (Seal(b"t" * 32), "person/ann")):
        with pytest.raises(Unsealable, match="does not open"):
            other.open(closed, about)


def test_any_changed_or_missing_byte_is_noticed(seal: Seal) -> None:
    closed = seal.close(NAME, "person/ann")
    changed = [closed[:place] + bytes([closed[place] ^ 1]) + closed[place + 1 :] for place in range(len(closed))]
    for wrong in [*changed, *(closed[:length] for length in range(len(closed)))]:
        with pytest.raises(Unsealable):
            seal.open(wrong, "person/ann")


def test_sealing_twice_looks_different_and_digests_the_same(seal: Seal) -> None:
    assert seal.close(NAME, "x") != seal.close(NAME, "x")
    assert seal.digest(NAME) == seal.digest(NAME) != Seal(b"t" * 32).digest(NAME)


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_seal_has_a_whole_secret(length: int) -> None:
    with pytest.raises(ValueError, match="a secret of 32 bytes"):
        Seal(b"s" * length)


def test_no_name_date_or_reason_is_readable_on_the_disk_or_in_the_log(
    engine: Engine, seal: Seal, tmp_path: Path
) -> None:
    screen = FakeScreen()
    screen.list(Entry("1", (NAME,), (BIRTH,)))
    with structlog.testing.capture_logs() as lines:
        with engine.begin() as connection:
            persons.record(connection, "ann", Person((NAME,), BIRTH), seal, 1)
        screen.fail_next()
        screen_due(engine.begin, screen, seal, 2)
        screen_due(engine.begin, screen, seal, 3)
        with engine.begin() as connection:
            hit = hits.open_hits(connection)[0]
            hits.answer(connection, hit, HitState.CLEARED, "rita", REASON, seal, 4)
            assert hits.question(connection, hit.id, seal).listed["names"] == [NAME]
            assert hits.answers(connection, hit.id, seal)[0]["reason"] == REASON
    assert len(lines) == 1
    engine.dispose()
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir()) + str(lines).encode()
    assert b"screening_hit" in written
    for text in ("Zebulon", "Quackenbush", BIRTH, "Zebedee"):
        assert text.encode() not in written


def test_a_person_is_not_shown_by_accident() -> None:
    assert "Zebulon" not in repr(Person((NAME,), BIRTH))


@pytest.mark.parametrize(
    "refused",
    [
        {"names": ()},
        {"names": ("x",) * (NAMES_MAX + 1)},
        {"names": ("Zebulon" * NAME_CHARACTERS_MAX,)},
        {"names": ("x",), "birth_date": "1961-02-30"},
        {"names": ("x",), "birth_date": "19610314"},
        {"names": ("x",), "birth_date": "Zebulon"},
    ],
)
def test_a_person_that_cannot_be_kept_is_refused_without_repeating_it(refused: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"^(names|birth_date): ") as refusal:
        Person(**refused)  # type: ignore[arg-type]  # that is the point
    assert "Zebulon" not in str(refusal.value)


def test_the_same_facts_again_change_nothing_and_other_facts_do(engine: Engine, seal: Seal) -> None:
    with engine.begin() as connection:
        persons.record(connection, "ann", Person(("A", "B")), seal, 1)
        before = persons.find(connection, "ann")
        persons.record(connection, "ann", Person(("B", "A")), seal, 2)
        assert persons.find(connection, "ann") == before
        persons.record(connection, "ann", Person(("A", "C")), seal, 3)
        assert persons.find(connection, "ann") != before


def test_a_home_makes_its_seal_once_and_the_environment_may_name_another(tmp_path: Path) -> None:
    home = Home(tmp_path)
    closed = seal_of_home(home, {}).close(NAME, "x")
    assert seal_of_home(home, {"ASSAY_SEAL_KEY": ""}).open(closed, "x") == NAME
    named = seal_of_home(home, {"ASSAY_SEAL_KEY": b64encode(b"s" * 32).decode()})
    assert named.digest(NAME) == Seal(b"s" * 32).digest(NAME)


@pytest.mark.parametrize("damaged", ["Zebulon", "Zebulon!", b64encode(b"Zebulon" * 5).decode()])
def test_a_damaged_seal_key_is_refused_with_the_remedy_and_not_repeated(tmp_path: Path, damaged: str) -> None:
    with pytest.raises(ValueError, match=r"ASSAY_SEAL_KEY must be the base64 of 32 random bytes .*unset it") as refusal:
        seal_of_home(Home(tmp_path), {"ASSAY_SEAL_KEY": damaged})
    assert damaged not in str(refusal.value)
