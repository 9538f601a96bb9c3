"""The flows on a real database: which verdict moves which money, when, and only once."""

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from features.events import Event, Outcome, instant_of
from features.fold import Vector
from features.intelligence.lists import Lists
from features.log import Log
from features.vector import FEATURES, VERSION
from features.windows import DAY, HOUR
from serving import records
from serving.cases import CASE, open_cases
from serving.contract import Answer, OfferRequest, OutcomeAnswer
from serving.database import open_database
from serving.flows import record_outcome, score_event, score_withdrawal
from serving.knowledge import Clock, Knowledge
from serving.ledger import proofs
from serving.ledger.maturity import mature
from serving.ledger.rewards import Deposit, find_reward, fund_campaign
from serving.ledger.wallets import wallet
from serving.parts import Parts
from serving.payouts import saga
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.sealing import Seal
from serving.payouts.saga import State
from serving.policy import load_policy
from serving.pricing.offer_log import OFFER_GOAL
from serving.pricing.offers import make_offers
from serving.problems import Problem
from serving.records import DECISION, EVENT, Unit, Writer
from serving.scoring import FraudModel, NoModel

NOW = 20_000 * DAY
REWARD = 1_000_000
UNTOUCHED, PENDING, AVAILABLE = (0, 0, 0), (REWARD, 0, 0), (0, REWARD, 0)
"""What a wallet holds: pending, available, held."""


def model_at(folder: Path, probability: float, target: str = "fraud") -> FraudModel:
    """A model in the format of training which gives everything one probability: a head with no parts."""
    head = {"intercept": math.log(probability / (1 - probability)), "weights": {}}
    place = folder / f"{target}-{probability}"
    place.mkdir(exist_ok=True)
    heads = {"event": head, "withdrawal": {"shared_with": "event"}} if target == "fraud" else {target: head}
    (place / "heads.json").write_text(json.dumps(heads))
    signature = {"features": FEATURES, "parts": {}, "features_version": VERSION, "target": target}
    (place / "signature.json").write_text(json.dumps(signature))
    return FraudModel(place, str(probability))


class Platform:
    """The parts, wired as the service wires them, on a database of its own; every unit of work leaves a sound book."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.now, self._ids = folder, NOW, iter(range(1_000_000))
        engine = open_database(folder / "records.db")
        knowledge = Knowledge(Log(folder / "log"), Clock.WALL, Lists(folder / "lists"))
        self.parts = Parts(
            engine=engine,
            writer=Writer(engine, lambda: self.now, knowledge),
            knowledge=knowledge,
            fraud=NoModel(),
            policy=load_policy(),
            offer_key=b"a key",
            seal=Seal(b"s" * 32),
            providers={"fake": FakeProvider(folder / "provider.db")},
        )

    def believe(self, probability: float, target: str = "fraud") -> "Platform":
        self.parts.fraud = model_at(self.folder, probability, target)
        return self

    def unit(self, work: Callable[[Unit], Any]) -> Any:
        with self.parts.engine.begin() as connection:
            result = work(Unit(connection, self.now))
            assert proofs.check(connection) == []
        return result

    def event(self, **fields: Any) -> Event:
        body = {"event_id": f"e{next(self._ids)}", "kind": "ad_viewed", "user_id": "ann", "campaign_id": "tea"}
        money = {"partner_id": "p", "revenue_micros": 2 * REWARD, "reward_micros": REWARD, "currency": "CNY"}
        return Event.model_validate(body | {"occurred_at": instant_of(self.now)} | money | fields)

    def earn(self, **fields: Any) -> Answer:
        return self.score(self.event(**fields))

    def score(self, event: Event) -> Answer:
        answer: Answer = self.unit(lambda unit: score_event(event, self.parts, unit))
        return answer

    def withdraw(self, amount: int = REWARD, id_: str = "w", **fields: Any) -> Answer:
        body = {"event_id": id_, "kind": "withdrawal_requested", "user_id": "ann", "payout_destination": "ab" * 32}
        money = {"amount_micros": amount, "currency": "CNY", "occurred_at": instant_of(self.now)}
        event = Event.model_validate(body | money | fields)
        answer: Answer = self.unit(lambda unit: score_withdrawal(event, self.parts, unit))
        return answer

    def tell(self, subject: str, kind: str, id_: str = "o", **fields: Any) -> OutcomeAnswer:
        body = {"event_id": id_, "kind": kind, "subject_event_id": subject, "occurred_at": instant_of(self.now)}
        outcome = Outcome.model_validate(body | fields)
        answer: OutcomeAnswer = self.unit(lambda unit: record_outcome(outcome, self.parts, unit))
        return answer

    def find(self, subject: str, disposition: str, id_: str = "o") -> OutcomeAnswer:
        """A reviewer's answer."""
        return self.tell(subject, "disposition", id_, disposition=disposition)

    def wallet(self) -> tuple[int, int, int]:
        purse = self.unit(lambda unit: wallet(unit.connection, "ann", "CNY"))
        return purse.pending_micros, purse.available_micros, purse.held_micros

    def later(self, wait: int) -> int:
        """Let time pass; how many rewards matured."""
        self.now += wait
        return int(self.unit(lambda unit: mature(unit.connection, unit.now)))

    def decided(self, event_id: str) -> tuple[str, int, bool]:
        row = self.unit(lambda unit: records.decision_of_event(unit, event_id))
        return row.action, row.revision, row.final

    def cases(self) -> list[tuple[str, str]]:
        return [(case.event_id, case.action) for case in self.unit(lambda unit: open_cases(unit.connection))]

    def payout(self, id_: str = "w") -> State | None:
        found = self.unit(lambda unit: saga.find(unit.connection, id_))
        return found.state if found else None

    def vector(self, event_id: str) -> Vector:
        """What the decision on an event saw."""
        return records.unpacked(self.unit(lambda unit: records.decision_of_event(unit, event_id)).vector)

    def counted(self, **fields: Any) -> float:
        """How many events of the person are known."""
        row = self.parts.knowledge.stamp(self.event(**fields), self.now)
        return float(self.parts.knowledge.vector(row)[FEATURES.index("user__count__30d")])


@pytest.fixture
def platform(tmp_path: Path) -> Iterator[Platform]:
    platform = Platform(tmp_path)
    yield platform
    platform.parts.engine.dispose()


def test_a_decline_credits_nothing_and_says_what_would_have_been_owed(platform: Platform) -> None:
    answer = platform.believe(0.98).earn()
    assert (answer.decision, answer.final, answer.reward_micros) == ("decline", True, REWARD)
    assert platform.wallet() == UNTOUCHED
    assert platform.cases() == []


def test_a_review_credits_on_hold_for_as_long_as_nobody_has_looked(platform: Platform) -> None:
    answer = platform.believe(0.7).earn()
    assert (answer.decision, answer.final) == ("review", False)
    assert platform.wallet() == PENDING
    assert platform.cases() == [(answer.event_id, "review")]
    assert platform.later(1000 * DAY) == 0
    assert platform.wallet() == PENDING


def test_a_hold_matures_by_itself_when_its_hours_are_over(platform: Platform) -> None:
    answer = platform.believe(0.55).earn()
    assert (answer.decision, answer.final) == ("hold", False)
    assert platform.cases() == []
    hours = int(platform.parts.policy.event.hold_hours)
    assert platform.later(hours * HOUR - 1) == 0
    assert platform.wallet() == PENDING
    assert platform.later(1) == 1
    assert platform.wallet() == AVAILABLE


def test_a_hold_never_shortens_the_maturity_of_its_kind(platform: Platform) -> None:
    platform.believe(0.55).earn(kind="purchase")
    assert platform.later(platform.parts.policy.maturity("purchase") - 1) == 0
    assert platform.later(1) == 1


def test_without_a_model_an_event_is_credited_as_held(platform: Platform) -> None:
    answer = platform.earn()
    assert (answer.decision, answer.score, answer.degraded) == ("hold", None, ["model"])
    assert platform.wallet() == PENDING


def test_a_budget_that_is_exhausted_makes_it_a_review_and_keeps_the_reasons(platform: Platform) -> None:
    platform.unit(lambda unit: fund_campaign(unit.connection, Deposit("d", "tea", 3 * REWARD, "CNY"), unit.now))
    assert platform.believe(0.01).earn().decision == "approve"
    answer = platform.earn()
    assert (answer.decision, answer.reason_codes[0]) == ("review", "budget_exhausted")
    assert platform.wallet() == AVAILABLE
    assert platform.cases() == [(answer.event_id, "review")]
    held = platform.earn(reward_micros=2 * REWARD)
    assert held.reason_codes == ["budget_exhausted", "margin_ceiling"]


def test_a_partner_cannot_owe_more_than_its_credit(platform: Platform) -> None:
    most = platform.parts.policy.partner_credit_micros_max
    assert platform.believe(0.01).earn(revenue_micros=most).decision == "approve"
    assert platform.earn().reason_codes == ["budget_exhausted"]


def test_an_event_that_owes_nothing_is_scored_and_opens_no_case(platform: Platform) -> None:
    answer = platform.believe(0.7).earn(reward_micros=None, revenue_micros=None, kind="login")
    assert (answer.decision, answer.reward_micros) == ("approve", 0)
    assert answer.score == pytest.approx(0.7)
    assert platform.cases() == []
    assert platform.wallet() == UNTOUCHED


def test_a_fold_happens_once_for_every_event_that_was_recorded(platform: Platform) -> None:
    platform.believe(0.98)
    events = [platform.event() for _ in range(3)]
    for event in (*events, *events):
        platform.score(event)
    platform.find(events[0].event_id, "genuine")
    platform.find(events[0].event_id, "genuine")
    assert platform.counted() == 3
    assert platform.parts.knowledge.sequence == 4
    stored = platform.unit(lambda unit: records.recorded_after(unit.connection, 0))
    assert [item.sequence for item in stored] == [1, 2, 3, 4]


def test_a_decision_keeps_the_vector_of_before_the_event(platform: Platform) -> None:
    platform.believe(0.01)
    for known_before in range(3):
        answer = platform.earn()
        assert platform.vector(answer.event_id)[FEATURES.index("user__count__30d")] == known_before


def test_an_event_that_is_refused_leaves_no_trace(platform: Platform) -> None:
    with pytest.raises(Problem):
        platform.believe(0.01).earn(offer_id="o_forged", reward_micros=None)
    assert platform.parts.knowledge.sequence == 0
    assert platform.unit(lambda unit: records.recorded_after(unit.connection, 0)) == []
    assert platform.earn().decision == "approve"


def test_an_offer_is_paid_although_the_platform_named_no_reward(platform: Platform) -> None:
    candidate = {"task_id": "t", "campaign_id": "tea", "value_micros": 2 * REWARD, "currency": "CNY"}
    asked = {"request_id": "r", "user_id": "ann", "occurred_at": instant_of(NOW), "candidates": [candidate]}
    request = OfferRequest.model_validate(asked)
    parts = platform.believe(0.01).parts
    (offer,) = platform.unit(lambda unit: make_offers(unit, request, parts.terms)).offers
    started = platform.earn(kind="task_started", offer_id=offer.offer_id, reward_micros=None, revenue_micros=None)
    assert (started.decision, started.reward_micros) == ("approve", 0)
    done = platform.event(kind="task_completed", offer_id=offer.offer_id, reward_micros=None)
    assert platform.score(done).reward_micros == offer.reward_micros
    assert platform.score(done).reward_micros == offer.reward_micros
    assert platform.wallet() == (offer.reward_micros, 0, 0)
    assert platform.unit(lambda unit: unit.connection.scalar(select(OFFER_GOAL.c.completed_by_event))) == done.event_id


def test_an_outcome_again_gets_the_same_answer_and_moves_nothing_twice(platform: Platform) -> None:
    earned = platform.believe(0.55).earn().event_id
    platform.earn()
    facts: dict[str, Any] = {"reversal_kind": "advertiser_reversal", "reason": "quality"}
    part: dict[str, Any] = {"amount_micros": 400_000, "currency": "CNY"}
    first = platform.tell(earned, "reversal", **facts, **part)
    assert first.reversed_micros == 400_000
    assert platform.tell(earned, "reversal", **facts, **part) == first
    assert platform.wallet() == (2 * REWARD - 400_000, 0, 0)
    assert platform.parts.knowledge.sequence == 3


def test_an_outcome_is_about_the_person_of_its_event_unless_it_names_one(platform: Platform) -> None:
    earned = platform.earn().event_id
    platform.tell(earned, "clean", "silent")
    platform.tell(earned, "clean", "named", user_id="bob")
    platform.tell("an event that nobody knows", "clean", "unknown")
    rows = platform.unit(lambda unit: unit.connection.execute(select(EVENT.c.event_id, EVENT.c.user_id)).all())
    assert dict(tuple(row) for row in rows[1:]) == {"silent": "ann", "named": "bob", "unknown": None}


def test_a_reversal_of_what_was_never_credited_takes_nothing(platform: Platform) -> None:
    declined = platform.believe(0.98).earn().event_id
    facts = {"reversal_kind": "advertiser_reversal", "reason": "fraud"}
    assert platform.tell(declined, "reversal", **facts).reversed_micros == 0
    assert platform.tell("never seen", "reversal", "o2", **facts).reversed_micros == 0


@pytest.mark.parametrize("kind", ["clean", "unsure"])
@pytest.mark.parametrize("probability", [0.01, 0.3, 0.6, 0.98])
def test_a_clean_end_and_doubt_move_no_money(platform: Platform, kind: str, probability: float) -> None:
    earned = platform.believe(probability).earn()
    before, cases = platform.wallet(), platform.cases()
    doubt = kind == "unsure"
    answer = platform.find(earned.event_id, kind) if doubt else platform.tell(earned.event_id, kind)
    assert (answer.reversed_micros, answer.decision_revised) == (0, False)
    assert (platform.wallet(), platform.cases()) == (before, cases)
    assert platform.decided(earned.event_id) == (earned.decision, 1, earned.final)


def test_what_was_declined_and_found_genuine_is_credited_after_all_and_once(platform: Platform) -> None:
    declined = platform.believe(0.98).earn()
    assert platform.find(declined.event_id, "genuine").decision_revised
    assert platform.wallet() == AVAILABLE
    assert platform.decided(declined.event_id) == ("approve", 2, True)
    assert not platform.find(declined.event_id, "genuine", "o2").decision_revised
    assert platform.wallet() == AVAILABLE


def test_a_review_found_genuine_releases_its_reward_and_closes_its_case(platform: Platform) -> None:
    reviewed = platform.believe(0.7).earn()
    assert platform.find(reviewed.event_id, "genuine").decision_revised
    assert platform.wallet() == AVAILABLE
    assert platform.cases() == []
    case = platform.unit(lambda unit: unit.connection.execute(select(CASE)).one())
    assert (case.disposition, case.closed_by) == ("genuine", "o")


def test_a_review_found_fraudulent_takes_its_reward_back(platform: Platform) -> None:
    reviewed = platform.believe(0.7).earn()
    answer = platform.find(reviewed.event_id, "fraud")
    assert (answer.reversed_micros, answer.decision_revised) == (REWARD, True)
    assert platform.wallet() == UNTOUCHED
    assert platform.decided(reviewed.event_id) == ("decline", 2, True)
    assert platform.cases() == []
    reward = platform.unit(lambda unit: find_reward(unit.connection, reviewed.event_id))
    assert reward.state == "reversed"


def test_what_the_model_saw_stays_as_it_was_when_a_person_decides(platform: Platform) -> None:
    declined = platform.believe(0.98).earn().event_id
    platform.find(declined, "genuine")
    query = select(DECISION).where(DECISION.c.event_id == declined).order_by(DECISION.c.revision)
    first, second = platform.unit(lambda unit: unit.connection.execute(query).all())
    assert (first.vector, first.score, first.model_version) == (second.vector, second.score, second.model_version)
    assert json.loads(second.reason_codes) == ["decided_by_a_person"]


@pytest.mark.parametrize(
    ("probability", "action", "state"),
    [(None, "hold", State.REVIEWED), (0.3, "challenge", State.CHALLENGED), (0.5, "review", State.REVIEWED)],
)
def test_a_withdrawal_that_waits_keeps_its_money_held_and_has_a_case(
    platform: Platform, probability: float | None, action: str, state: State
) -> None:
    platform.believe(0.01).earn()
    platform.parts.fraud = NoModel() if probability is None else model_at(platform.folder, probability)
    assert platform.withdraw().decision == action
    assert platform.wallet() == (0, 0, REWARD)
    assert platform.payout() is state
    assert platform.cases() == [("w", action)]


def test_a_declined_withdrawal_gives_the_money_back(platform: Platform) -> None:
    platform.believe(0.01).earn()
    assert platform.believe(0.99).withdraw().decision == "decline"
    assert platform.wallet() == AVAILABLE
    assert platform.payout() is State.REFUSED


def test_a_waiting_withdrawal_found_fraudulent_gives_the_money_back_and_refuses_the_payout(platform: Platform) -> None:
    platform.believe(0.01).earn()
    platform.believe(0.5).withdraw()
    answer = platform.find("w", "fraud")
    assert (answer.reversed_micros, answer.decision_revised) == (0, True)
    assert platform.wallet() == AVAILABLE
    assert platform.payout() is State.REFUSED
    assert platform.decided("w") == ("decline", 2, True)
    assert platform.cases() == []


def test_a_waiting_withdrawal_found_genuine_is_paid(platform: Platform) -> None:
    platform.believe(0.01).earn()
    platform.believe(0.5).withdraw()
    assert platform.find("w", "genuine").decision_revised
    assert platform.wallet() == (0, 0, REWARD)
    assert platform.payout() is State.SUBMITTED


def test_the_same_withdrawal_again_holds_nothing_more(platform: Platform) -> None:
    platform.believe(0.01).earn()
    platform.earn()
    assert platform.withdraw() == platform.withdraw()
    assert platform.wallet() == (0, REWARD, REWARD)


@pytest.mark.parametrize("amount", [299_999, 500_000_001])
def test_an_amount_outside_the_limits_is_declined_and_holds_nothing(platform: Platform, amount: int) -> None:
    platform.believe(0.01).earn(reward_micros=60_000_000, revenue_micros=120_000_000)
    answer = platform.withdraw(amount)
    assert (answer.decision, answer.reason_codes) == ("decline", ["amount_outside_limits"])
    assert platform.wallet() == (0, 60_000_000, 0)
    assert platform.payout() is None


def test_nobody_withdraws_what_is_not_theirs_yet_and_a_failed_hold_leaves_nothing_behind(platform: Platform) -> None:
    platform.believe(0.7).earn()
    answer = platform.withdraw()
    assert (answer.decision, answer.reason_codes) == ("decline", ["insufficient_available"])
    assert platform.wallet() == PENDING
    assert platform.payout() is None
    assert platform.counted() == 2
