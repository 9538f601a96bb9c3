import pytest
from sqlalchemy import Engine

from serving.ledger.refusals import Missing
from serving.payouts.identity import persons
from serving.payouts.identity.persons import Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.moves import IllegalMove, Overtaken
from serving.payouts.screening import hits
from serving.payouts.screening.fake import FakeScreen
from serving.payouts.screening.hits import MOVES, UNREADABLE, Hit, HitState, Standing
from serving.payouts.screening.index import NameIndex
from serving.payouts.screening.lists import Entry, NameList
from serving.payouts.screening.runner import Searched, screen_due
from serving.payouts.screening.screen import ListScreen
from serving.policy import load_policy

NAME = "Ann Lee"
ENTRY = Entry("eu/1", (NAME,))


class Desk:
    """One person on record, one service with a list, one reviewer."""

    def __init__(self, engine: Engine, seal: Seal) -> None:
        self.engine, self.seal, self.screen, self.now = engine, seal, FakeScreen(), 0
        self.known(NAME)

    def known(self, *names: str) -> None:
        with self.engine.begin() as connection:
            persons.record(connection, "ann", Person(names), self.seal, 1)

    def run(self) -> Searched:
        self.now += 1
        return screen_due(self.engine.begin, self.screen, self.seal, self.now)

    def open(self) -> list[Hit]:
        with self.engine.begin() as connection:
            return hits.open_hits(connection)

    def answer(self, hit: Hit, target: HitState, by: str = "rita", reason: str = "another birthday") -> Hit:
        with self.engine.begin() as connection:
            return hits.answer(connection, hit, target, by, reason, self.seal, self.now)

    def standing(self) -> Standing:
        with self.engine.begin() as connection:
            known = persons.find(connection, "ann")
            assert known is not None
            return hits.standing(connection, known)


@pytest.fixture
def desk(engine: Engine, seal: Seal) -> Desk:
    return Desk(engine, seal)


def test_who_is_not_listed_is_clear_once_searched(desk: Desk) -> None:
    assert desk.standing() is Standing.DUE
    assert desk.run() == Searched(1, 0, 0)
    assert desk.standing() is Standing.CLEAR
    assert desk.run() == Searched(0, 0, 0)


def test_a_possible_hit_is_a_question_with_what_the_list_says(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    assert desk.run() == Searched(1, 1, 0)
    assert desk.standing() is Standing.OPEN
    hit = desk.open()[0]
    with desk.engine.begin() as connection:
        question = hits.question(connection, hit.id, desk.seal)
    assert (question.person.names, question.listed["listed_as"], question.hit.entry_id) == ((NAME,), NAME, "eu/1")


def test_what_was_answered_is_kept_and_not_asked_again(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    desk.run()
    hit = desk.answer(desk.open()[0], HitState.CLEARED)
    desk.screen.list(Entry("eu/2", ("Somebody Else",)))
    assert desk.run() == Searched(1, 0, 0)
    assert (desk.standing(), desk.open()) == (Standing.CLEAR, [])
    with desk.engine.begin() as connection:
        kept = hits.answers(connection, hit.id, desk.seal)
    assert kept == [{"answer": "cleared", "answered_by": "rita", "reason": "another birthday", "answered_at": 1}]


def test_another_name_of_the_person_is_another_question(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    desk.run()
    desk.answer(desk.open()[0], HitState.CLEARED)
    desk.known(NAME, "Ann Li")
    assert desk.standing() is Standing.DUE
    assert desk.run() == Searched(1, 1, 0)


def test_an_entry_that_says_something_new_is_another_question(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    desk.run()
    desk.answer(desk.open()[0], HitState.CLEARED)
    desk.screen.list(Entry("eu/1", (NAME,), ("1990",)))
    assert desk.run() == Searched(1, 1, 0)


def test_a_question_that_the_list_does_not_ask_any_more_is_withdrawn_and_may_come_back(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    desk.run()
    desk.screen.unlist("eu/1")
    desk.run()
    assert (desk.standing(), desk.open()) == (Standing.CLEAR, [])
    desk.screen.list(ENTRY)
    assert desk.run() == Searched(1, 1, 0)


def test_who_was_confirmed_stays_so_until_a_person_says_otherwise(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    desk.run()
    hit = desk.answer(desk.open()[0], HitState.CONFIRMED)
    desk.screen.unlist("eu/1")
    desk.run()
    assert desk.standing() is Standing.CONFIRMED
    desk.answer(hit, HitState.CLEARED, "omar", "taken off the list")
    assert desk.standing() is Standing.CLEAR
    with desk.engine.begin() as connection:
        assert [one["answered_by"] for one in hits.answers(connection, hit.id, desk.seal)] == ["rita", "omar"]


def test_of_two_reviewers_the_second_reads_again(desk: Desk) -> None:
    desk.screen.list(ENTRY)
    desk.run()
    hit = desk.open()[0]
    after = desk.answer(hit, HitState.CLEARED)
    with pytest.raises(Overtaken):
        desk.answer(hit, HitState.CONFIRMED)
    assert desk.answer(after, HitState.CLEARED) is after


def test_only_a_person_answers_and_only_what_is_asked(desk: Desk) -> None:
    assert not any(HitState.WITHDRAWN in MOVES[state] for state in (HitState.CLEARED, HitState.CONFIRMED))
    desk.screen.list(ENTRY)
    desk.run()
    hit = desk.open()[0]
    for target in (HitState.WITHDRAWN, HitState.OPEN):
        with pytest.raises(ValueError, match="cleared or confirmed"):
            desk.answer(hit, target)
    for by, reason in (("", "why"), ("rita", " "), ("rita", "x" * 2001)):
        with pytest.raises(ValueError, match=r"^(by|reason): "):
            desk.answer(hit, HitState.CLEARED, by, reason)
    desk.screen.unlist("eu/1")
    desk.run()
    with desk.engine.begin() as connection:
        gone = hits.get(connection, hit.id)
    with pytest.raises(IllegalMove):
        desk.answer(gone, HitState.CLEARED)


def test_nobody_is_clear_because_a_service_was_down(desk: Desk) -> None:
    desk.screen.fail_next()
    assert desk.run() == Searched(1, 0, 1)
    assert desk.standing() is Standing.DUE
    assert desk.run() == Searched(1, 0, 0)


def test_what_was_found_for_an_older_name_counts_for_nothing(desk: Desk) -> None:
    with desk.engine.begin() as connection:
        older = persons.find(connection, "ann")
        assert older is not None
        hits.announce(connection, "lists", 1)
    desk.known("Ann Li")
    with desk.engine.begin() as connection:
        assert hits.record(connection, older, "lists", [], desk.seal, 2) == 0
    assert desk.standing() is Standing.DUE


@pytest.mark.parametrize("name", ["", "\u202e\u200f", "x " * 30, "z" * 300])
def test_a_name_that_no_machine_can_read_is_read_by_a_person(desk: Desk, name: str) -> None:
    desk.known(name)
    screen = ListScreen(NameIndex(NameList.of([ENTRY])), load_policy().screening)
    assert screen_due(desk.engine.begin, screen, desk.seal, 1) == Searched(1, 1, 0)
    assert [hit.entry_id for hit in desk.open()] == [UNREADABLE]
    desk.answer(desk.open()[0], HitState.CLEARED, reason="read it: a mononym")
    assert desk.standing() is Standing.CLEAR


def test_a_question_that_nobody_asked_is_missing(desk: Desk) -> None:
    with desk.engine.begin() as connection, pytest.raises(Missing):
        hits.question(connection, "none", desk.seal)
