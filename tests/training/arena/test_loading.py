"""A family from a file: taken as it is, or refused in one sentence that says what to do."""

from collections.abc import Callable
from pathlib import Path

import pytest

from training.arena.cohort import Cohort
from training.arena.loading import load_family
from training.arena.protocol import Attackers
from training.simulator.sessions import Day

GOOD = """
from training.simulator.cast import Person

class NightShift:
    name = "night_shift"
    def people(self, rng, count):
        return [Person(ring=0, phone=at // 2, destination=0) for at in range(count)]
    def act(self, rng, day, world):
        return world.live()
    def watch(self, decisions):
        self.seen = decisions
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "mine.py"
    place.write_text(GOOD)
    return place


def changed(file: Path, old: str, new: str) -> str:
    file.write_text(GOOD.replace(old, new))
    return f"{file}:NightShift"


def test_a_family_from_a_file_acts_like_a_shipped_one(
    file: Path, enter: Callable[[Attackers], Cohort], days: list[Day]
) -> None:
    family = load_family(f"{file}:NightShift")()
    cohort = enter(family)
    rows = [row for day in days for row in cohort.due(day)]
    assert {row["user_id"] for row in rows} <= set(cohort.world.people)
    assert len(rows) > 50


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"gone\.py is not there: --family takes FILE\.py:NAME"):
        load_family(f"{tmp_path / 'gone.py'}:NightShift")


@pytest.mark.parametrize("place", ["mine.py", ":NightShift", "mine.py:"])
def test_a_place_without_file_or_name(place: str) -> None:
    with pytest.raises(ValueError, match=r"name a family as FILE\.py:NAME"):
        load_family(place)


def test_a_name_that_the_file_does_not_define(file: Path) -> None:
    with pytest.raises(LookupError, match="defines no DayShift: check the name behind the colon"):
        load_family(f"{file}:DayShift")


def test_a_missing_method_is_named(file: Path) -> None:
    with pytest.raises(ValueError, match="lacks the method watch: a family has people, act, watch"):
        load_family(changed(file, "def watch", "def look"))


def test_a_family_needs_a_name(file: Path) -> None:
    with pytest.raises(ValueError, match="give the family a name"):
        load_family(changed(file, 'name = "night_shift"', "name = None"))


def test_an_object_instead_of_a_class(file: Path) -> None:
    file.write_text(GOOD + "\nshift = 3\n")
    with pytest.raises(ValueError, match="is no class or function"):
        load_family(f"{file}:shift")


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ("[{'kind': 'login'}]", "an event of kind login is not valid: event_id: Field required"),
        ("[body | {'kind': 'nap'} for body in world.live()]", "not valid: kind: Input should be"),
        ("[body | {'colour': 'red'} for body in world.live()]", "colour: Extra inputs are not permitted"),
        ("[body | {'occurred_at': '2025-12-01T00:00:00Z'} for body in world.live()]", "lies before the day"),
        ("None", "act must answer a list of events, not NoneType"),
        ("[3]", "not valid"),
    ],
)
def test_events_that_are_not_valid_are_refused_by_the_name_of_the_field(
    file: Path, enter: Callable[[Attackers], Cohort], days: list[Day], answer: str, told: str
) -> None:
    cohort = enter(load_family(changed(file, "return world.live()", f"return {answer}"))())
    with pytest.raises(ValueError, match=f"family night_shift: .*{told}"):
        [cohort.due(day) for day in days]


def test_people_that_are_no_accounts(file: Path, enter: Callable[[Attackers], Cohort]) -> None:
    family = load_family(changed(file, "Person(ring=0, phone=at // 2, destination=0)", "at"))()
    with pytest.raises(ValueError, match=r"family night_shift: people must answer a list of .*Person"):
        enter(family)


def test_a_file_that_fails_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text("first = 1\nsecond = first / 0\n")
    with pytest.raises(ValueError, match=r"mine\.py failed with ZeroDivisionError: .* \(mine\.py, line 2\)"):
        load_family(f"{file}:NightShift")
