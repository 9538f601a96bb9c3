"""The offer log: outcomes become known once, in an order; who folds it again ends where who folded it live did."""

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest
from sqlalchemy import Engine, select

from features.events import Event, instant_of
from features.windows import DAY, HOUR
from serving.contract import Offer, OfferRequest
from serving.database import open_database, reading
from serving.policy import load_policy
from serving.pricing import offer_log
from serving.pricing.earned import Nobody
from serving.pricing.learned import Learned, caught_up
from serving.pricing.locks import reward_of
from serving.pricing.offer_log import COLUMNS, OFFER_GOAL
from serving.pricing.offers import Terms, make_offers
from serving.records import Unit

POLICY = load_policy()
NOW = 20_513 * DAY
KNOWN = NOW + (POLICY.reward.complete_hours + POLICY.reward.late_hours) * HOUR


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_database(tmp_path / "records.db")
    yield engine
    engine.dispose()


def learned() -> Learned:
    return Learned(POLICY, lambda _: POLICY)


def terms(pricer: Learned) -> Terms:
    return Terms(POLICY, b"a key", Nobody(), pricer)


def offered(engine: Engine, number: int, at: int, pricer: Learned) -> Offer:
    candidate = {"task_id": "t", "campaign_id": "c", "value_micros": 2_000_000 + number * 100_000, "currency": "CNY"}
    body = {"request_id": f"r{number}", "user_id": f"u{number}", "occurred_at": instant_of(at)}
    with engine.begin() as connection:
        request = OfferRequest.model_validate(body | {"candidates": [candidate]})
        return make_offers(Unit(connection, at), request, terms(pricer)).offers[0]


def complete(engine: Engine, offer: Offer, number: int, at: int, told: int) -> None:
    body = {"event_id": f"e{number}", "kind": "task_completed", "occurred_at": instant_of(at), "user_id": f"u{number}"}
    with engine.begin() as connection:
        event = Event.model_validate(body | {"offer_id": offer.offer_id})
        reward_of(Unit(connection, told), event, terms(learned()))


def become_known(engine: Engine, now: int) -> int:
    with engine.begin() as connection:
        return offer_log.become_known(connection, now)


def learn(engine: Engine, pricer: Learned) -> None:
    with reading(engine) as connection:
        caught_up(pricer, connection)


def test_an_outcome_is_known_when_it_is_told_or_time_has_shown_that_there_is_none(engine: Engine) -> None:
    offers = [offered(engine, number, NOW, learned()) for number in range(3)]
    complete(engine, offers[1], 1, NOW + 1, NOW + HOUR)
    assert become_known(engine, KNOWN - 1) == 0
    assert become_known(engine, KNOWN) == 2
    assert become_known(engine, KNOWN + DAY) == 0
    with reading(engine) as connection:
        found = offer_log.news(connection, 0)
        assert offer_log.news(connection, 3) == []
    assert [row.known_order for row in found] == [1, 2, 3]
    assert [(row.offer_id == offers[1].offer_id, row.completed) for row in found] == [
        (True, True),
        (False, False),
        (False, False),
    ]
    assert [row.known_at for row in found] == [NOW + HOUR, KNOWN, KNOWN]


def test_what_is_told_after_the_outcome_is_known_changes_nothing_that_was_learned(engine: Engine) -> None:
    offer = offered(engine, 1, NOW, learned())
    become_known(engine, KNOWN)
    complete(engine, offer, 1, NOW + 1, KNOWN + DAY)
    with reading(engine) as connection:
        (row,) = connection.execute(select(OFFER_GOAL)).all()
        (known,) = offer_log.news(connection, 0)
    assert (row.completed, row.completed_by_event, known.known_order) == (False, "e1", 1)


def test_folding_the_log_again_gives_the_state_of_who_folded_it_live(engine: Engine) -> None:
    live, dice = learned(), Random(3)  # noqa: S311  # no secrets
    learn(engine, live)
    for number in range(60):
        at = NOW + number * 6 * HOUR
        offer = offered(engine, number, at, live)
        if dice.random() < 0.5:
            complete(engine, offer, number, at + HOUR // 4, at + HOUR)
        become_known(engine, at)
        learn(engine, live)
    again = learned()
    learn(engine, again)
    until = KNOWN + 90 * DAY
    live.tick(until, [])
    again.tick(until, [])
    desks = [one._learners[POLICY.version].desk for one in (live, again)]
    assert desks[0].responses["CNY"].dumps() == desks[1].responses["CNY"].dumps()
    assert desks[0].responses["CNY"].dumps() != learned()._learners[POLICY.version].desk._response("CNY").dumps()


def test_a_restart_goes_on_where_it_was(engine: Engine) -> None:
    pricer = learned()
    learn(engine, pricer)
    offered(engine, 1, NOW, pricer)
    become_known(engine, KNOWN)
    learn(engine, pricer)
    assert pricer._learners[POLICY.version].folded == 1
    with reading(engine) as connection:
        assert pricer.news(connection) == {}


def test_a_version_that_a_rollout_brings_learns_from_the_first_outcome_on(engine: Engine) -> None:
    candidate = POLICY.model_copy(update={"version": "candidate"})
    pricer = Learned(POLICY, lambda user: candidate if user == "u2" else POLICY)
    offered(engine, 1, NOW, pricer)
    become_known(engine, KNOWN)
    learn(engine, pricer)
    offered(engine, 2, NOW, pricer)  # the first who has it: static, for nothing is learned yet
    learn(engine, pricer)
    assert {version: one.folded for version, one in pricer._learners.items()} == {POLICY.version: 1, "candidate": 1}
    offered(engine, 2 + 1, NOW, pricer)
    with reading(engine) as connection:
        logged = [row for part in offer_log.rows(connection) for row in part]
    assert {row.user_id: row.policy_version for row in logged} == {
        "u1": POLICY.version,
        "u2": "candidate",
        "u3": POLICY.version,
    }


def test_the_log_has_what_is_needed_to_learn_and_to_judge_off_policy() -> None:
    needed = "offer_id user_id task_kind segment campaign_id reward_micros propensity stratum policy_version"
    assert set(needed.split()) | {"allowed_micros", "value_micros"} <= set(COLUMNS)
    assert {"offered_at", "accept_by", "complete_by", "completed"} <= set(COLUMNS)
