"""`assay identity`: what a reviewer sees and rules, beside a service or without one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from typer.testing import CliRunner, Result

from features.home import Home
from pipelines.cli import app
from serving.database import open_database
from serving.payouts.identity import persons, states
from serving.payouts.identity.checks import Desk
from serving.payouts.identity.fake import MEMORY, FakeIdentityProvider
from serving.payouts.identity.persons import Person
from serving.payouts.identity.runner import begin_check
from serving.payouts.identity.sealing import seal_of_home
from serving.payouts.identity.states import State
from serving.payouts.screening.fake import FakeScreen
from serving.payouts.screening.lists import Entry
from serving.payouts.screening.runner import screen_due
from serving.policy import load_policy

NOW = 1_700_000_000_000_000


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Home:
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return Home(tmp_path)


@pytest.fixture
def engine(place: Home) -> Iterator[Engine]:
    engine = open_database(place.records)
    yield engine
    engine.dispose()


def said(*words: str) -> Result:
    return CliRunner().invoke(app, ["identity", *words])


def ruled(*words: str) -> Result:
    return said(*words, "--by", "rita", "--reason", "another_birthday")


def test_a_possible_hit_is_shown_and_ruled_on(engine: Engine, place: Home) -> None:
    seal, screen = seal_of_home(place), FakeScreen()
    screen.list(Entry("eu/1", ("Ann Lee",), ("1961",)))
    with engine.begin() as connection:
        persons.record(connection, "ann", Person(("Ann Lee",), "1990-01-31"), seal, NOW)
    screen_due(engine.begin, screen, seal, NOW)
    listed = said("hits")
    assert "ann, eu/1, 1.00" in listed.stdout
    assert "Lee" not in listed.stdout, "names are for who rules on one"
    id_ = listed.stdout.split()[0]
    shown = said("hit", id_).stdout
    assert all(word in shown for word in ("Ann Lee", "1990-01-31", "1961"))
    assert ruled("rule", id_, "--answer", "perhaps").exit_code == 1
    assert ruled("rule", "nothing", "--answer", "cleared").exit_code == 1
    assert ruled("rule", id_, "--answer", "cleared").stdout == "ann: cleared\n"
    assert "no possible hit waits" in said("hits").stdout


def test_a_document_of_the_fake_convinces_or_does_not(engine: Engine, place: Home) -> None:
    seal = seal_of_home(place)
    provider, desk = FakeIdentityProvider(place.root / MEMORY, seal), Desk(seal, load_policy().identity)
    assert "/v1/people/ann/identity` begins one" in said("fake-document", "ann").output
    begin_check(engine.begin, provider, "ann", desk, NOW)
    assert "does not convince" in said("fake-document", "ann").stdout
    assert begin_check(engine.begin, provider, "ann", desk, NOW).identity.state is State.FAILED
    assert "ann: failed, 0 checks begun" in ruled("grant", "ann").stdout
    begin_check(engine.begin, provider, "ann", desk, NOW)
    refused = said("fake-document", "ann", "--name", "Ann Lee", "--born", "1990-02-30").output
    assert "--born: there is no day '1990-02-30': write it as 1990-12-31" in refused
    for name in (" ", "Ann\nLee", "A" * 301):
        assert "--name: write 1 to 300 characters" in said("fake-document", "ann", "--name", name).output
    assert "add --name" in said("fake-document", "ann", "--born", "1990-01-31").output
    assert begin_check(engine.begin, provider, "ann", desk, NOW).identity.state is State.PENDING
    shown = ("fake-document", "ann", "--name", "Ann Lee", "--born", "1990-01-31", "--country")
    assert "--country: add --name, and write two capital letters" in said(*shown, "China").output
    assert "it convinces" in said(*shown, "CN").stdout
    assert begin_check(engine.begin, provider, "ann", desk, NOW).identity.state is State.VERIFIED
    with engine.begin() as connection:
        assert persons.countries(connection, ["ann"]) == {"ann": "CN"}


def test_a_proof_is_wanted_with_a_word_of_code(engine: Engine, place: Home) -> None:
    assert said("require", "ann", "--by", "rita", "--reason", "Ann is odd").exit_code == 1
    assert "ann: required" in ruled("require", "ann").stdout
    with engine.begin() as connection:
        assert states.get(connection, "ann").is_demanded


def test_a_home_that_never_served_has_nobody_to_rule_on(place: Home) -> None:
    refused = said("hits")
    assert refused.exit_code == 1
    assert "has no records" in refused.stderr
