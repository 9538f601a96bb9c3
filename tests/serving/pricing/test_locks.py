"""Keeping offers: a start locks and reserves, a completion in time is owed once, and nothing else is."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
from sqlalchemy import Engine, func, select

from features.events import Event, instant_of, micros_of
from features.windows import DAY, HOUR
from serving.contract import Campaign, Offer, OfferRequest
from serving.database import open_database
from serving.ledger import budgets, proofs, rewards
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.policy import load_policy
from serving.pricing import campaigns
from serving.pricing.expiry import expire
from serving.pricing.locks import Owed, reward_of
from serving.pricing.offer_log import OFFER, OFFER_GOAL
from serving.pricing.offers import Terms, make_offers
from serving.problems import Problem
from serving.records import Unit

POLICY = load_policy()
TERMS = Terms.plain(POLICY, b"a key of 32 bytes for these tests")
VALUE = 2_000_000
OFFERED = "2026-03-01T12:00:00Z"
BEFORE, IN_TIME, TOO_LATE = "2026-03-01T12:05:00Z", "2026-03-01T12:30:00Z", "2026-03-01T12:30:00.000001Z"
LAST, AFTER = "2026-03-04T12:00:00Z", "2026-03-04T12:00:00.000001Z"
GOALS = [{"goal_id": "install", "value_micros": 1_000_000}, {"goal_id": "level 9", "value_micros": 8_000_000}]


@pytest.fixture
def unit(tmp_path: Path) -> Iterator[Unit]:
    engine = open_database(tmp_path / "records.db")
    with engine.begin() as connection:
        yield Unit(connection, now=20_513 * DAY)
        assert proofs.check(connection) == []
    engine.dispose()


def offered(unit: Unit, id_: str = "r1", user: str = "ann", **fields: Any) -> Offer:
    candidate = {"task_id": "t0", "campaign_id": "c0", "value_micros": VALUE, "currency": "CNY"} | fields
    body = {"request_id": id_, "user_id": user, "occurred_at": OFFERED, "candidates": [candidate]}
    return make_offers(unit, OfferRequest.model_validate(body), TERMS).offers[0]


@pytest.fixture
def offer(unit: Unit) -> Offer:
    """An offer to ann for t0 of c0: to be started within half an hour, and completed within three days."""
    return offered(unit)


def event(offer_id: str | None, id_: str = "e1", **fields: Any) -> Event:
    body = {"event_id": id_, "kind": "task_completed", "occurred_at": BEFORE, "user_id": "ann", "offer_id": offer_id}
    return Event.model_validate(body | {"task_id": "t0", "campaign_id": "c0", "currency": "CNY"} | fields)


def tell(unit: Unit, offer: Offer, id_: str = "e1", **fields: Any) -> Owed:
    return reward_of(unit, event(**{"offer_id": offer.offer_id, "id_": id_} | fields), TERMS)


def start(unit: Unit, offer: Offer, id_: str = "s1", **fields: Any) -> Owed:
    return tell(unit, offer, id_, **{"kind": "task_started", **fields})


def refused(unit: Unit, offer: Offer, id_: str = "e9", **fields: Any) -> tuple[int, str, str]:
    """The status, the field and the words of a refusal, of which nothing may stay."""
    savepoint = unit.connection.begin_nested()
    with pytest.raises(Problem) as problem:
        tell(unit, offer, id_, **fields)
    savepoint.rollback()
    body = problem.value.body
    return body.status, body.errors[0].field, body.errors[0].message


def redeemer(unit: Unit, offer: Offer) -> str | None:
    found: str | None = unit.connection.scalar(
        select(OFFER_GOAL.c.completed_by_event).where(OFFER_GOAL.c.offer_id == offer.offer_id)
    )
    return found


def reserved(unit: Unit, campaign: str = "c0") -> int:
    accounts = [budgets.budget_of(campaign, "CNY"), rewards.funder_of(unit.connection, "CNY", campaign, None)]
    query = select(func.coalesce(func.sum(BALANCE.c.pending_out), 0)).select_from(STANDING)
    return int(unit.connection.execute(query.where(ACCOUNT.c.id.in_(one.id for one in accounts))).scalar_one())


def deposit(unit: Unit, micros: int, id_: str = "d") -> None:
    rewards.fund_campaign(unit.connection, rewards.Deposit(id_, "c0", micros, "CNY"), unit.now)


def order(unit: Unit, **fields: Any) -> None:
    body = {"currency": "CNY", "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-04-01T00:00:00Z"}
    campaigns.order(unit, "c0", Campaign.model_validate(body | fields))


def test_a_completion_without_a_start_is_its_own_start(unit: Unit, offer: Offer) -> None:
    assert tell(unit, offer, occurred_at=IN_TIME).micros == offer.reward_micros
    assert redeemer(unit, offer) == "e1"
    assert unit.connection.scalar(select(OFFER.c.started_by_event)) == "e1"


def test_a_completion_without_a_start_is_too_late_after_accept_by(unit: Unit, offer: Offer) -> None:
    status, field, words = refused(unit, offer, occurred_at=TOO_LATE)
    assert (status, field) == (422, "offer_id")
    assert "had to be started by 2026-03-01T12:30:00" in words
    assert redeemer(unit, offer) is None


@pytest.mark.parametrize("kind", ["task_started", "click"])
def test_a_start_in_time_locks_the_price_until_the_last_instant(kind: str, unit: Unit, offer: Offer) -> None:
    assert start(unit, offer, kind=kind, occurred_at=IN_TIME) == Owed(0, "CNY")
    assert redeemer(unit, offer) is None
    assert offer.complete_by.isoformat() == "2026-03-04T12:00:00+00:00"
    assert tell(unit, offer, occurred_at=LAST).micros == offer.reward_micros


def test_a_start_after_accept_by_is_refused(unit: Unit, offer: Offer) -> None:
    status, field, words = refused(unit, offer, kind="task_started", occurred_at=TOO_LATE)
    assert (status, field) == (422, "offer_id")
    assert "ask for new offers" in words


def test_a_start_that_is_told_again_or_later_changes_nothing(unit: Unit, offer: Offer) -> None:
    start(unit, offer)
    start(unit, offer, "s2", occurred_at=LAST)
    assert unit.connection.scalar(select(OFFER.c.started_by_event)) == "s1"
    assert reserved(unit) == VALUE


def test_a_completion_that_is_told_weeks_later_is_owed_if_it_occurred_in_time(unit: Unit, offer: Offer) -> None:
    start(unit, offer)
    late = replace(unit, now=unit.now + 60 * DAY)
    assert expire(replace(late, now=micros_of(offer.complete_by) + 25 * HOUR)) == 1
    assert tell(late, offer, occurred_at=LAST).micros == offer.reward_micros
    assert refused(late, offer, "e2", occurred_at=AFTER)[0] == 422


def test_an_offer_is_redeemed_once(unit: Unit, offer: Offer) -> None:
    tell(unit, offer)
    assert refused(unit, offer, "e2")[:2] == (409, "offer_id")
    assert redeemer(unit, offer) == "e1"


def test_each_goal_is_paid_once_and_they_are_reserved_together(unit: Unit) -> None:
    several = offered(unit, value_micros=None, goals=GOALS)
    start(unit, several)
    assert reserved(unit) == 9_000_000
    first, last = several.goals
    assert tell(unit, several, "e1", kind="install", goal_id="install").micros == first.reward_micros
    assert tell(unit, several, "e2", kind="goal_reached", goal_id="level 9").micros == last.reward_micros
    assert refused(unit, several, "e3", kind="goal_reached", goal_id="level 9")[0] == 409
    assert refused(unit, several, "e4", kind="task_completed")[1:] == (
        "goal_id",
        "is required, for this offer has several: install, level 9",
    )


def test_an_install_starts_what_is_paid_for_a_later_goal(unit: Unit) -> None:
    several = offered(unit, value_micros=None, goals=GOALS)
    assert tell(unit, several, "s1", kind="install").micros == 0
    named = offered(unit, "r2", goal_id="level 9")
    assert tell(unit, named, "s2", kind="install").micros == 0
    plain = offered(unit, "r3")
    assert tell(unit, plain, "s3", kind="install").micros == plain.reward_micros


@pytest.mark.parametrize("kind", ["login", "screened_out"])
def test_what_is_neither_start_nor_completion_earns_and_locks_nothing(kind: str, unit: Unit, offer: Offer) -> None:
    assert tell(unit, offer, kind=kind) == Owed(0, "CNY")
    assert reserved(unit) == 0


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"offer_id": "o_" + "0" * 40}, "offer_id", "never made"),
        ({"user_id": "bob"}, "offer_id", "another user_id"),
        ({"user_id": None}, "user_id", "is required"),
        ({"task_id": "t9"}, "offer_id", "another task_id"),
        ({"campaign_id": "c9"}, "offer_id", "another campaign_id"),
        ({"goal_id": "g9"}, "offer_id", "another goal_id"),
        ({"currency": "USD"}, "currency", "made in CNY"),
        ({"occurred_at": AFTER}, "offer_id", "completed by 2026-03-04T12:00:00"),
        ({"occurred_at": "2026-03-01T11:00:00Z"}, "occurred_at", "before the offer"),
    ],
)
@pytest.mark.parametrize("kind", ["task_started", "task_completed"])
def test_an_event_that_an_offer_does_not_mean_is_refused_by_field(
    kind: str, change: dict[str, Any], field: str, words: str, unit: Unit, offer: Offer
) -> None:
    found = refused(unit, offer, kind=kind, **change)
    assert found[:2] == (422, field)
    assert words in found[2]
    assert redeemer(unit, offer) is None
    assert reserved(unit) == 0


def test_a_completion_that_claims_another_amount_is_refused(unit: Unit, offer: Offer) -> None:
    status, field, words = refused(unit, offer, kind="task_completed", reward_micros=1)
    assert (status, field) == (422, "reward_micros")
    assert "the offer promised" in words
    assert redeemer(unit, offer) is None


def test_what_the_event_leaves_out_is_taken_from_the_offer(unit: Unit, offer: Offer) -> None:
    assert tell(unit, offer, task_id=None, campaign_id=None, currency=None).micros == offer.reward_micros


def test_without_an_offer_the_promise_of_the_platform_counts(unit: Unit) -> None:
    assert reward_of(unit, event(None, reward_micros=7), TERMS) == Owed(7, "CNY")
    assert reward_of(unit, event(None, currency=None), TERMS) == Owed(0, None)


def test_a_budget_for_one_is_promised_to_one(unit: Unit) -> None:
    deposit(unit, 2 * VALUE - 1)
    first, second = offered(unit), offered(unit, "r2")
    start(unit, first)
    status, field, words = refused(unit, second, kind="task_started")
    assert (status, field) == (409, "offer_id")
    assert "budget is spent or reserved" in words
    assert reserved(unit) == VALUE


def test_a_reward_budget_for_one_is_promised_to_one(unit: Unit) -> None:
    order(unit, reward_budget_micros=1_500_000)
    first, second = offered(unit), offered(unit, "r2")
    start(unit, first)
    assert refused(unit, second, kind="task_started")[0] == 409
    left = campaigns.answer(unit.connection, "c0")
    assert (left.reward_left_micros, left.reward_reserved_micros) == (
        1_500_000 - first.reward_micros,
        first.reward_micros,
    )


def test_what_nobody_completes_is_free_again_after_the_last_late_postback(unit: Unit) -> None:
    deposit(unit, VALUE)
    offer = offered(unit)
    start(unit, offer)
    until = micros_of(offer.complete_by) + POLICY.reward.late_hours * HOUR
    assert expire(replace(unit, now=until - 1)) == 0
    assert reserved(unit) == VALUE
    assert expire(replace(unit, now=until)) == 1
    assert reserved(unit) == 0
    assert expire(replace(unit, now=until)) == 0


def test_caps_count_starts(unit: Unit) -> None:
    order(unit, caps={"per_person": 1, "per_day": 2})
    of_ann, of_bob, of_eve = (offered(unit, f"r-{user}", user) for user in ("ann", "bob", "eve"))
    again = offered(unit, "r-again")
    start(unit, of_ann)
    assert "this can be done once" in refused(unit, again, kind="task_started")[2]
    start(unit, of_bob, "s2", user_id="bob")
    assert "enough people" in refused(unit, of_eve, kind="task_started", user_id="eve")[2]


def test_racing_completions_that_are_their_own_starts_pass_no_cap(engine: Engine) -> None:
    """Eight at once, of eight offers, where two may be done: two are owed, six wait for a person."""
    with engine.begin() as connection:
        unit = Unit(connection, now=20_513 * DAY)
        order(unit, caps={"per_person": 2})
        offers = [offered(unit, f"r{at}") for at in range(8)]
    together = Barrier(len(offers), timeout=120)

    def complete(at: int) -> str | None:
        with engine.connect() as connection:
            together.wait()
            with connection.begin():
                return tell(Unit(connection, now=20_513 * DAY), offers[at], f"e{at}").doubt

    with ThreadPoolExecutor(len(offers)) as threads:
        doubts = Counter(threads.map(complete, range(len(offers))))
    assert doubts == {None: 2, "cap_reached": 6}
    with engine.begin() as connection:
        assert reserved(Unit(connection, now=0)) == 2 * VALUE
        assert proofs.check(connection) == []


def test_past_the_threshold_of_a_day_the_start_locks_less_and_says_so(unit: Unit) -> None:
    big = {"value_micros": 160_000_000}
    offers = [offered(unit, f"r{at}", **big) for at in range(6)]
    for at, made in enumerate(offers):
        start(unit, made, f"s{at}")
    owed = [tell(unit, made, f"e{at}").micros for at, made in enumerate(offers)]
    assert owed[0] == offers[0].reward_micros
    assert owed[-1] < offers[-1].reward_micros
    assert owed == sorted(owed, reverse=True)
    assert "begun now, this one pays" in offered(unit, "r9", **big).daily


def test_what_ran_out_no_longer_counts_towards_the_day(unit: Unit) -> None:
    offer = offered(unit)
    start(unit, offer)
    counted = "SELECT reward_micros FROM daily_earning"
    assert unit.connection.exec_driver_sql(counted).scalar_one() == offer.reward_micros
    expire(replace(unit, now=micros_of(offer.complete_by) + POLICY.reward.late_hours * HOUR))
    assert unit.connection.exec_driver_sql(counted).scalar_one() == 0


def test_the_instant_of_an_offer_is_exact(offer: Offer) -> None:
    assert offer.accept_by == instant_of(micros_of(offer.accept_by))
    assert offer.accept_by.isoformat() == "2026-03-01T12:30:00+00:00"
