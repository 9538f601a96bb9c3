"""Offers through the flows: what a start reserves is what its completion costs, however it is scored or told late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from features.events import Event, Outcome, instant_of, micros_of
from features.intelligence.lists import Lists
from features.log import Log
from features.windows import DAY, HOUR
from serving.contract import Answer, Campaign, Offer, OfferRequest
from serving.database import open_database
from serving.flows import follow_offers, record_outcome, score_event
from serving.knowledge import Clock, Knowledge
from serving.ledger import book, budgets, proofs, rewards
from serving.ledger.transfer import PLATFORM, Account, AccountKind
from serving.ledger.wallets import wallet
from serving.parts import Parts
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.sealing import Seal
from serving.policy import load_policy
from serving.pricing import campaigns
from serving.pricing.offers import make_offers
from serving.pricing.persons import SEEN_MAX
from serving.problems import Problem
from serving.records import Unit, Writer
from serving.scoring import FraudModel

NOW = 20_513 * DAY
VALUE = 2_000_000


class Platform:
    """The parts as the service wires them; every unit of work leaves a sound book."""

    def __init__(self, folder: Path, write_model: Callable[..., Path]) -> None:
        self.now, self._ids, self._folder, self._write_model = NOW, iter(range(1_000_000)), folder, write_model
        engine = open_database(folder / "records.db")
        knowledge = Knowledge(Log(folder / "log"), Clock.WALL, Lists(folder / "lists"))
        self.parts = Parts(
            engine=engine,
            writer=Writer(engine, lambda: self.now, knowledge),
            knowledge=knowledge,
            fraud=self._model(0.01),
            policy=load_policy(),
            offer_key=b"a key",
            seal=Seal(b"s" * 32),
            providers={"fake": FakeProvider(folder / "provider.db")},
        )

    def _model(self, probability: float) -> FraudModel:
        return FraudModel(self._write_model(self._folder / f"model-{probability}", event=probability), "1")

    def believe(self, probability: float) -> None:
        self.parts.fraud = self._model(probability)

    def unit(self, work: Callable[[Unit], Any]) -> Any:
        with self.parts.engine.begin() as connection:
            result = work(Unit(connection, self.now))
            assert proofs.check(connection) == []
        return result

    def offer(self, value: int = VALUE, user: str = "ann") -> Offer:
        answer = self.ask(value, user)
        return answer.offers[0]

    def ask(self, value: int = VALUE, user: str = "ann", person: Any = None, **fields: Any) -> Any:
        candidate = {"task_id": "t", "campaign_id": "tea", "value_micros": value, "currency": "CNY"} | fields
        body = {"request_id": f"r{next(self._ids)}", "user_id": user, "occurred_at": instant_of(self.now)}
        request = OfferRequest.model_validate(body | {"candidates": [candidate], "person": person or {}})
        return self.unit(lambda unit: make_offers(unit, request, self.parts.terms))

    def tell(self, offer: Offer | None, kind: str = "task_completed", **fields: Any) -> Answer:
        body = {
            "event_id": f"e{next(self._ids)}",
            "kind": kind,
            "user_id": "ann",
            "campaign_id": "tea",
            "currency": "CNY",
        }
        body |= {"occurred_at": instant_of(self.now), "offer_id": offer and offer.offer_id}
        event = Event.model_validate(body | fields)
        answer: Answer = self.unit(lambda unit: score_event(event, self.parts, unit))
        return answer

    def say(self, event_id: str, **fields: Any) -> None:
        body = {"event_id": f"o{next(self._ids)}", "subject_event_id": event_id, "occurred_at": instant_of(self.now)}
        outcome = Outcome.model_validate(body | fields)
        self.unit(lambda unit: record_outcome(outcome, self.parts, unit))

    def deposit(self, micros: int) -> None:
        self.unit(lambda unit: rewards.fund_campaign(unit.connection, rewards.Deposit("d", "tea", micros, "CNY"), 0))

    def order(self, **fields: Any) -> None:
        body = {"currency": "CNY", "starts_at": instant_of(NOW - DAY), "ends_at": instant_of(NOW + 30 * DAY)}
        self.unit(lambda unit: campaigns.order(unit, "tea", Campaign.model_validate(body | fields)))

    def left(self) -> tuple[int, int]:
        """Of the campaign's budget: available, and held."""
        found = self.unit(lambda unit: book.balance(unit.connection, budgets.budget_of("tea", "CNY")))
        return found.available_micros, found.held_micros

    def earned(self, user: str = "ann") -> int:
        purse = self.unit(lambda unit: wallet(unit.connection, user, "CNY"))
        return int(purse.pending_micros + purse.available_micros)

    def later(self, micros: int) -> None:
        self.now += micros
        while self.unit(lambda unit: follow_offers(unit, self.parts)):
            pass


@pytest.fixture
def platform(tmp_path: Path, write_model: Callable[..., Path]) -> Iterator[Platform]:
    made = Platform(tmp_path, write_model)
    yield made
    made.parts.engine.dispose()


def test_what_a_start_reserves_is_what_its_completion_is_charged(platform: Platform) -> None:
    platform.deposit(5_000_000)
    offer = platform.offer()
    assert platform.tell(offer, "task_started").reward_micros == 0
    assert platform.left() == (3_000_000, VALUE)
    assert platform.tell(offer).reward_micros == offer.reward_micros
    assert platform.left() == (3_000_000, 0)
    assert platform.earned() == offer.reward_micros


@pytest.mark.parametrize(("reported", "charged"), [(None, VALUE), (1_500_000, 1_500_000), (9_000_000, VALUE)])
def test_a_partner_may_report_less_revenue_and_is_never_charged_more(
    reported: int | None, charged: int, platform: Platform
) -> None:
    platform.deposit(5_000_000)
    offer = platform.offer()
    platform.tell(offer, "task_started")
    platform.tell(offer, revenue_micros=reported)
    assert platform.left() == (5_000_000 - charged, 0)


@pytest.mark.parametrize("decision", ["approve", "hold", "review"])
def test_fraud_holds_an_offer_and_never_changes_its_amount(decision: str, platform: Platform) -> None:
    levels = platform.parts.policy.event
    risk = {"approve": levels.hold / 2, "hold": (levels.hold + levels.review) / 2, "review": levels.review + 1e-6}
    offer = platform.offer()
    platform.tell(offer, "task_started")
    platform.believe(risk[decision])
    answer = platform.tell(offer)
    assert answer.reward_micros == offer.reward_micros
    assert platform.earned() == offer.reward_micros
    assert answer.decision == decision


def test_what_was_declined_and_found_genuine_is_paid_out_of_its_reservation(platform: Platform) -> None:
    platform.deposit(VALUE)
    offer = platform.offer()
    platform.tell(offer, "task_started")
    platform.believe(0.99)
    declined = platform.tell(offer)
    assert (platform.earned(), platform.left()) == (0, (0, VALUE))
    platform.say(declined.event_id, kind="disposition", disposition="genuine", caused_by="person")
    assert (platform.earned(), platform.left()) == (offer.reward_micros, (0, 0))


def test_a_promise_whose_budget_went_to_others_is_kept_and_charged_to_nobody(platform: Platform) -> None:
    """Its postback comes after the reservation ran out, and another has taken the money: the platform bears it."""
    platform.deposit(VALUE)
    late = platform.offer()
    platform.tell(late, "task_started")
    in_time = micros_of(late.complete_by)
    platform.later(5 * DAY)
    other = platform.offer(user="bob")
    platform.tell(other, "task_started", user_id="bob")
    answer = platform.tell(late, occurred_at=instant_of(in_time))
    assert (answer.decision, answer.reward_micros) == ("approve", late.reward_micros)
    assert (platform.earned(), platform.left()) == (late.reward_micros, (0, VALUE))
    reserve = Account(AccountKind.NO_FAULT_RESERVE, PLATFORM, "CNY")
    bore = platform.unit(lambda unit: book.balance(unit.connection, reserve)).posted_micros
    assert bore == -late.reward_micros
    assert platform.tell(other, user_id="bob").decision == "approve"


def test_a_late_postback_whose_budget_is_still_there_is_charged(platform: Platform) -> None:
    platform.deposit(VALUE)
    offer = platform.offer()
    platform.tell(offer, "task_started")
    platform.later(60 * DAY)
    platform.tell(offer, occurred_at=offer.complete_by)
    assert (platform.earned(), platform.left()) == (offer.reward_micros, (0, 0))


def test_only_what_an_offer_promised_may_be_told_a_week_later(platform: Platform) -> None:
    offer = platform.offer()
    platform.tell(offer, "task_started")
    platform.now += 7 * DAY
    with pytest.raises(Problem, match="occurred_at"):
        platform.tell(None, occurred_at=offer.complete_by)
    with pytest.raises(Problem, match="occurred_at"):
        platform.tell(offer, "login", occurred_at=offer.complete_by)
    assert platform.tell(offer, occurred_at=offer.complete_by).reward_micros == offer.reward_micros


def test_a_reward_budget_pays_and_gets_back_what_is_reversed(platform: Platform) -> None:
    platform.order(reward_budget_micros=1_500_000)
    offer = platform.offer()
    platform.tell(offer, "task_started")
    done = platform.tell(offer)
    account = budgets.reward_budget_of("tea", "CNY")

    def free() -> int:
        return int(platform.unit(lambda unit: book.balance(unit.connection, account)).available_micros)

    assert free() == 1_500_000 - offer.reward_micros
    platform.say(done.event_id, kind="reversal", reversal_kind="advertiser_reversal", reason="quality")
    assert free() == 1_500_000


def test_what_an_advertiser_takes_back_no_longer_counts_towards_the_day(platform: Platform) -> None:
    offer = platform.offer()
    platform.tell(offer, "task_started")
    done = platform.tell(offer)
    counted = "SELECT reward_micros, paid_micros FROM daily_earning"

    def day() -> tuple[int, int]:
        return tuple(platform.unit(lambda unit: unit.connection.exec_driver_sql(counted).one()))  # type: ignore[return-value]  # a pair

    part = {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "quality"}
    platform.say(done.event_id, **part, amount_micros=1, currency="CNY")
    assert day() == (offer.reward_micros, offer.reward_micros)
    platform.say(done.event_id, **part)
    assert day() == (0, 0)
    platform.say(done.event_id, **part)
    assert day() == (0, 0)


def test_a_completion_that_is_its_own_start_waits_for_a_person_where_the_budget_is_spent(platform: Platform) -> None:
    platform.deposit(VALUE)
    first, second = platform.offer(), platform.offer(user="bob")
    platform.tell(first, "task_started")
    answer = platform.tell(second, user_id="bob")
    assert (answer.decision, answer.reason_codes[0]) == ("review", "budget_exhausted")
    assert (platform.earned("bob"), platform.left()) == (0, (0, VALUE))


def test_what_passes_a_cap_without_a_start_is_paid_by_a_persons_word_alone(platform: Platform) -> None:
    platform.deposit(10 * VALUE)
    platform.order(caps={"per_person": 1})
    first, second, third = (platform.offer() for _ in range(3))
    assert platform.tell(first).decision == "approve"
    over, refused = platform.tell(second), platform.tell(third)
    assert (over.decision, over.reason_codes[0]) == ("review", "cap_reached")
    assert (platform.earned(), platform.left()) == (first.reward_micros, (9 * VALUE, 0))
    platform.say(over.event_id, kind="disposition", disposition="genuine")
    platform.say(refused.event_id, kind="disposition", disposition="fraud")
    assert platform.earned() == first.reward_micros + second.reward_micros
    assert platform.left() == (8 * VALUE, 0)
    counted = "SELECT reward_micros FROM daily_earning"
    day = platform.unit(lambda unit: unit.connection.exec_driver_sql(counted).scalar_one())
    assert day == first.reward_micros + second.reward_micros


def test_no_goal_of_an_offer_that_passed_a_cap_is_paid_unseen(platform: Platform) -> None:
    platform.order(caps={"per_person": 1})
    goals = [{"goal_id": "install", "value_micros": VALUE}, {"goal_id": "level 9", "value_micros": VALUE}]
    first, second = (platform.ask(value_micros=None, goals=goals).offers[0] for _ in range(2))
    for offer, decision in ((first, "approve"), (second, "review")):
        assert platform.tell(offer, "install", goal_id="install").decision == decision
        assert platform.tell(offer, "goal_reached", goal_id="level 9").decision == decision
    assert platform.earned() == first.reward_micros


def test_a_completion_that_leaves_its_campaign_out_is_charged_to_the_offers_all_the_same(platform: Platform) -> None:
    platform.deposit(VALUE)
    first, second = platform.offer(), platform.offer(user="bob")
    platform.tell(first, "task_started")
    answer = platform.tell(second, user_id="bob", campaign_id=None)
    assert (answer.decision, answer.reason_codes[0]) == ("review", "budget_exhausted")
    assert platform.earned("bob") == 0
    done = platform.tell(first, campaign_id=None)
    row = platform.unit(lambda unit: rewards.get_reward(unit.connection, done.event_id))
    assert (row.campaign_id, row.revenue_micros) == ("tea", VALUE)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"country": "JP"}, "country JP"),
        ({"fingerprint": {"os": "ios", "price_tier": 1}}, "device_os ios"),
        ({"kind": "sign_up"}, "account_days 1 or more"),
        ({}, "send person.country"),
    ],
)
def test_what_assay_has_seen_counts_where_the_request_says_nothing(
    fields: dict[str, Any], words: str, platform: Platform
) -> None:
    platform.tell(None, **({"kind": "login"} | fields))
    targeting = {"countries": ["CN"]} if "country" in words else {"device_os": ["android"]}
    if "account" in words:
        targeting = {"account_days_min": 1}
    (refused,) = platform.ask(targeting=targeting).refused
    assert words in refused.reason


def test_an_identity_that_was_verified_here_meets_the_requirement(platform: Platform) -> None:
    targeting = {"requirements": ["identity_verified"]}
    assert "identity_verified first" in platform.ask(targeting=targeting).refused[0].reason
    platform.tell(None, "identity_verified", identity="ab" * 32)
    assert len(platform.ask(targeting=targeting).offers) == 1


def test_who_is_looked_at_or_banned_is_offered_nothing_and_told_so(platform: Platform) -> None:
    platform.believe(platform.parts.policy.event.review + 1e-6)
    suspect = platform.tell(None, "login")
    assert "being looked at" in platform.ask().refused[0].reason
    platform.say(suspect.event_id, kind="disposition", disposition="genuine", caused_by="person")
    assert len(platform.ask().offers) == 1
    platform.say(suspect.event_id, kind="ban", user_id="ann", caused_by="person")
    assert "closed" in platform.ask().refused[0].reason


def test_an_identity_that_was_verified_is_remembered_however_much_happens_after_it(platform: Platform) -> None:
    targeting = {"requirements": ["identity_verified"]}
    platform.tell(None, "identity_verified", identity="ab" * 32)
    for _ in range(SEEN_MAX):
        platform.tell(None, "check_in", task_id="identity_verified")
    assert len(platform.ask(targeting=targeting).offers) == 1
    platform.tell(None, "check_in", task_id="identity_verified", user_id="bob")
    assert "identity_verified first" in platform.ask(user="bob", targeting=targeting).refused[0].reason


def test_a_ban_is_remembered_however_much_happens_after_it(platform: Platform) -> None:
    banned = platform.tell(None, "login")
    platform.say(banned.event_id, kind="ban", caused_by="partner")
    for _ in range(SEEN_MAX):
        platform.tell(None, "check_in")
    assert "closed" in platform.ask().refused[0].reason
    assert len(platform.ask(user="bob").offers) == 1


def test_what_is_not_completed_frees_its_money_after_the_last_late_postback(platform: Platform) -> None:
    platform.deposit(VALUE)
    platform.tell(platform.offer(), "task_started")
    platform.later((72 + 24) * HOUR - 1)
    assert platform.left() == (0, VALUE)
    platform.later(1)
    assert platform.left() == (VALUE, 0)
