from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import structlog
from sqlalchemy import Engine

from serving.ledger.refusals import Missing
from serving.payouts.identity import checks, persons, states
from serving.payouts.identity.checks import IDENTITY_CHECK, PATIENCE_MICROS, Check, ChecksSpent, Desk
from serving.payouts.identity.fake import FakeIdentityProvider, Fault
from serving.payouts.identity.persons import Person
from serving.payouts.identity.provider import CheckAnswer, Disproven, Lapsed, Proven, Unknown, Waiting
from serving.payouts.identity.runner import advance_checks, begin_check
from serving.payouts.identity.sealing import Seal
from serving.payouts.identity.states import State
from serving.payouts.identity.triggers import DAY
from serving.payouts.moves import IllegalMove
from serving.payouts.providers.notices import Unverified
from serving.policy import HOUR, load_policy

POLICY = load_policy().identity
NOW = 1_000 * DAY
LATER = NOW + PATIENCE_MICROS
ANN = Person(("Ann Lee", "李安"), "1990-01-31")


class Office:
    """One person and one provider."""

    def __init__(self, engine: Engine, seal: Seal, file: Path) -> None:
        self.engine, self.desk, self.file = engine, Desk(seal, POLICY), file
        self.provider = FakeIdentityProvider(file, seal)

    def restart(self, *faults: Fault) -> None:
        """Another object that speaks for the same provider."""
        self.provider = FakeIdentityProvider(self.file, self.desk.seal, faults)

    def begin(self, now: int = NOW) -> str | None:
        return begin_check(self.engine.begin, self.provider, "ann", self.desk, now).address

    def advance(self, now: int = LATER) -> None:
        advance_checks(self.engine.begin, self.provider, self.desk, now)

    def check(self) -> Check:
        with self.engine.begin() as connection:
            rows = connection.execute(IDENTITY_CHECK.select().order_by(IDENTITY_CHECK.c.number)).all()
        return checks._check_of(rows[-1])

    def learn(self, answer: CheckAnswer, key: str | None = None, now: int = LATER) -> State:
        of = key or self.check().key
        with self.engine.begin() as connection:
            return checks.learn(connection, of, answer, self.desk, now).state

    @property
    def state(self) -> State:
        with self.engine.begin() as connection:
            return states.get(connection, "ann").state


@pytest.fixture
def office(engine: Engine, seal: Seal, tmp_path: Path) -> Office:
    return Office(engine, seal, tmp_path / "documents.db")


def test_a_document_that_convinces_later_makes_the_person_known(office: Office, seal: Seal) -> None:
    assert str(office.begin()).startswith("https://")
    office.advance()
    assert office.state is State.PENDING
    office.provider.prove(office.check().key, ANN)
    office.advance(LATER + PATIENCE_MICROS)
    with office.engine.begin() as connection:
        read = persons.read(connection, "ann", seal)
        assert read is not None
        assert read[0] == ANN
        assert states.get(connection, "ann").verified_until == LATER + PATIENCE_MICROS + POLICY.verified_days * DAY


def test_the_country_that_a_proof_names_is_kept_and_is_that_of_the_last(office: Office) -> None:
    office.begin()
    office.provider.prove(office.check().key, ANN, country="CN")
    office.advance()
    with office.engine.begin() as connection:
        assert persons.countries(connection, ["ann", "bob"]) == {"ann": "CN"}
        persons.record(connection, "ann", ANN, office.desk.seal, LATER, "DE")
        assert persons.countries(connection, ["ann"]) == {"ann": "DE"}
        persons.record(connection, "ann", ANN, office.desk.seal, LATER)
        assert persons.countries(connection, ["ann"]) == {}


@pytest.mark.parametrize("country", ["cn", "CHN", "", "C1"])
def test_what_is_no_country_is_proven_by_nobody(country: str) -> None:
    with pytest.raises(ValueError, match="two capital letters"):
        Proven(ANN, country=country)


def test_a_proof_ends_with_its_document(office: Office) -> None:
    office.begin()
    office.learn(Proven(ANN, valid_until=LATER + DAY))
    with office.engine.begin() as connection:
        assert states.get(connection, "ann").verified_until == LATER + DAY


def test_a_document_that_is_over_proves_nothing(office: Office) -> None:
    office.begin()
    assert office.learn(Proven(ANN, valid_until=LATER)) is State.FAILED


@pytest.mark.parametrize("fault", [Fault.LOSE_ANSWER, Fault.LOSE_REQUEST])
def test_a_lost_answer_begins_no_second_check(office: Office, fault: Fault) -> None:
    office.restart(fault)
    assert office.begin() is None
    office.advance()
    assert len(set(office.provider.starts())) == 1
    office.provider.prove(office.check().key, ANN)
    office.advance(LATER + PATIENCE_MICROS)
    assert office.state is State.VERIFIED


def test_coming_back_is_coming_back_to_the_same_check(office: Office) -> None:
    assert office.begin() == office.begin(NOW + 1)
    assert office.check().number == 1


def test_silence_fails_nobody(office: Office) -> None:
    office.begin()
    assert office.learn(Unknown(), now=NOW + 100 * DAY) is State.PENDING


@pytest.mark.parametrize(("later", "state"), [(-1, State.PENDING), (0, State.EXPIRED)])
def test_a_check_that_its_provider_forgot_is_over_after_the_hours_of_the_policy(
    office: Office, later: int, state: State
) -> None:
    office.begin()
    office.provider.forget(office.check().key)
    office.advance(NOW + POLICY.lapse_hours * HOUR + later)
    assert office.state is state
    assert len(office.provider.starts()) == 1


def test_a_check_that_is_over_is_not_asked_about_any_more(office: Office) -> None:
    office.begin()
    office.provider.forget(office.check().key)
    over = NOW + POLICY.lapse_hours * HOUR
    office.advance(over)
    with office.engine.begin() as connection:
        assert checks.due(connection, office.provider.name, over + DAY, 10) == []


@pytest.mark.parametrize(("age", "pause"), [(0, 1), (10, 1), (100, 10), (6_000, 60)])
def test_who_does_not_come_is_asked_about_the_seldomer_the_older_the_check_is(
    office: Office, age: int, pause: int
) -> None:
    """In minutes."""
    office.begin()
    asked = NOW + age * PATIENCE_MICROS
    office.learn(Unknown(), now=asked)
    with office.engine.begin() as connection:
        due = [
            len(checks.due(connection, office.provider.name, asked + pause * PATIENCE_MICROS + later, 10))
            for later in (-1, 0)
        ]
    assert due == [0, 1]


def test_a_defect_of_an_adapter_fails_nobody_and_keeps_nobody_else_waiting(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    office.begin()
    begin_check(office.engine.begin, office.provider, "bob", office.desk, NOW)
    answered, broken = office.provider.lookup, office.check().key

    def lookup(key: str) -> CheckAnswer:
        if key == broken:
            raise KeyError("Ann Lee")
        return answered(key)

    monkeypatch.setattr(office.provider, "lookup", lookup)
    with office.engine.begin() as connection:
        (other,) = [one.key for one in checks.due(connection, office.provider.name, LATER, 10) if one.key != broken]
    office.provider.prove(other, ANN)
    with structlog.testing.capture_logs() as lines:
        office.advance()
    with office.engine.begin() as connection:
        found = [states.get(connection, user).state for user in ("ann", "bob")]
    assert sorted(found) == [State.PENDING, State.VERIFIED]
    assert [line["kind"] for line in lines] == ["KeyError"]
    assert "Ann" not in str(lines)


def test_of_many_calls_at_once_one_begins_a_check(anywhere: Engine, seal: Seal, tmp_path: Path) -> None:
    provider, desk = FakeIdentityProvider(tmp_path / "d.db", seal), Desk(seal, POLICY)
    barrier = Barrier(6)

    def begin(_: int) -> str | None:
        barrier.wait()
        return begin_check(anywhere.begin, provider, "ann", desk, NOW).address

    with ThreadPoolExecutor(6) as pool:
        addresses = set(pool.map(begin, range(6)))
    assert len(addresses) == 1
    assert len(set(provider.starts())) == 1


def test_of_two_answers_at_once_none_is_lost(anywhere: Engine, seal: Seal, tmp_path: Path) -> None:
    """A question was on its way when a notice brought the proof: what was asked before says nothing against it."""
    provider, desk = FakeIdentityProvider(tmp_path / "d.db", seal), Desk(seal, POLICY)
    begin_check(anywhere.begin, provider, "ann", desk, NOW)
    (key,) = provider.starts()
    barrier = Barrier(2)

    def learn(answer: CheckAnswer) -> None:
        barrier.wait()
        with anywhere.begin() as connection:
            checks.learn(connection, key, answer, desk, LATER)

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(learn, (Waiting(), Proven(ANN))))
    with anywhere.begin() as connection:
        assert states.get(connection, "ann").state is State.VERIFIED
        assert checks.due(connection, provider.name, LATER + DAY, 10) == []


def test_what_the_fake_was_shown_outlives_a_restart_and_lies_there_sealed(office: Office, tmp_path: Path) -> None:
    office.begin()
    office.provider.prove(office.check().key, ANN, LATER + DAY)
    office.restart()
    assert office.provider.lookup(office.check().key) == Proven(ANN, LATER + DAY)
    assert not any(b"Ann" in file.read_bytes() or b"1990" in file.read_bytes() for file in tmp_path.iterdir())


def test_a_notice_of_the_fake_is_proven_by_its_signature(office: Office, seal: Seal, tmp_path: Path) -> None:
    headers, body = office.provider.notify("a-key", "n-1")
    office.restart()
    assert office.provider.read_notice(headers, body, NOW) == "a-key"
    other = FakeIdentityProvider(tmp_path / "another.db", seal)
    for provider, said, told in (
        (other, headers, body),
        (office.provider, {}, body),
        (office.provider, headers, b"{}"),
    ):
        with pytest.raises(Unverified):
            provider.read_notice(said, told, NOW)


def test_who_comes_after_a_lapse_is_still_believed(office: Office) -> None:
    office.begin()
    assert office.learn(Lapsed()) is State.EXPIRED
    assert office.learn(Proven(ANN)) is State.VERIFIED


def test_a_forgery_found_late_ends_the_proof_and_saying_it_twice_is_nothing(office: Office) -> None:
    office.begin()
    office.learn(Proven(ANN))
    assert office.learn(Disproven("document_forged")) is State.FAILED
    assert office.learn(Disproven("document_forged")) is State.FAILED
    with office.engine.begin() as connection:
        assert [row.reason for row in states.moves_of(connection, "ann")][-1] == "proof_withdrawn"


def test_proof_after_a_failure_is_not_believed(office: Office) -> None:
    office.begin()
    office.learn(Disproven("document_forged"))
    with pytest.raises(IllegalMove):
        office.learn(Proven(ANN))
    assert office.state is State.FAILED


def test_the_same_word_again_does_not_make_a_proof_younger(office: Office) -> None:
    office.begin()
    office.learn(Proven(ANN), now=NOW)
    end = NOW + POLICY.verified_days * DAY
    office.learn(Proven(ANN), now=NOW + DAY)
    with office.engine.begin() as connection:
        assert states.expire(connection, states.get(connection, "ann"), end).state is State.EXPIRED
    assert office.learn(Proven(ANN), now=end + 1) is State.EXPIRED


def test_what_is_said_of_an_earlier_check_is_old_news(office: Office) -> None:
    office.begin()
    first = office.check().key
    office.learn(Disproven("blurred"))
    office.begin(LATER)
    assert office.check().number == 2
    assert office.learn(Proven(ANN), first) is State.PENDING


def test_failed_checks_are_bounded_until_a_person_grants_more(office: Office) -> None:
    for place in range(POLICY.checks_max):
        office.begin(NOW + place)
        office.learn(Disproven("blurred"))
    with pytest.raises(ChecksSpent, match="a person must look"):
        office.begin()
    with office.engine.begin() as connection:
        states.grant(connection, "ann", "documents_seen", "rita", LATER)
    assert office.begin(LATER) is not None


def test_who_is_known_is_not_asked_again_before_the_proof_ends(office: Office) -> None:
    office.begin()
    office.learn(Proven(ANN), now=NOW)
    assert office.begin(NOW + POLICY.verified_days * DAY - 1) is None
    assert office.begin(NOW + POLICY.verified_days * DAY) is not None


def test_a_check_that_nobody_began_is_missing(office: Office) -> None:
    with pytest.raises(Missing):
        office.learn(Proven(ANN), "no key")
