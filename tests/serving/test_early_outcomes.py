"""Through the flows: what is said of an event before it arrives costs nobody a reward, and promises none."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from features.events import Event, Outcome, instant_of
from features.intelligence.lists import Lists
from features.log import Log
from features.windows import DAY
from serving import records
from serving.cases import open_cases
from serving.contract import Answer, OutcomeAnswer
from serving.database import open_database
from serving.flows import record_outcome, score_event
from serving.knowledge import Clock, Knowledge
from serving.ledger import proofs
from serving.ledger.wallets import wallet
from serving.parts import Parts
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.sealing import Seal
from serving.policy import load_policy
from serving.problems import Problem
from serving.records import Unit, Writer
from serving.scoring import FraudModel

NOW = 20_000 * DAY
REWARD = 1_000_000
FOREIGN = {"reversal_kind": "card_chargeback", "reason": "quality", "amount_micros": 5, "currency": "KWD"}
WHOLE = {"reversal_kind": "advertiser_reversal", "reason": "duplicate"}


class Platform:
    """The parts on a database of its own, with a model that believes what a test says."""

    def __init__(self, folder: Path, write_model: Callable[..., Path]) -> None:
        self._folder, self._write_model = folder, write_model
        engine = open_database(folder / "records.db")
        knowledge = Knowledge(Log(folder / "log"), Clock.WALL, Lists(folder / "lists"))
        self.parts = Parts(
            engine=engine,
            writer=Writer(engine, lambda: NOW, knowledge),
            knowledge=knowledge,
            fraud=self._model(0.01),
            policy=load_policy(),
            offer_key=b"a key",
            seal=Seal(b"s" * 32),
            providers={"fake": FakeProvider(folder / "provider.db")},
        )

    def _model(self, probability: float) -> FraudModel:
        return FraudModel(self._write_model(self._folder / f"model-{probability}", event=probability), "1")

    def unit(self, work: Callable[[Unit], Any]) -> Any:
        with self.parts.engine.begin() as connection:
            result = work(Unit(connection, NOW))
            assert proofs.check(connection) == []
        return result

    def earn(self, probability: float = 0.01) -> Answer:
        self.parts.fraud = self._model(probability)
        body = {"event_id": "e", "kind": "ad_viewed", "user_id": "ann", "partner_id": "p", "currency": "CNY"}
        money = {"revenue_micros": 2 * REWARD, "reward_micros": REWARD, "occurred_at": instant_of(NOW)}
        event = Event.model_validate(body | money)
        answer: Answer = self.unit(lambda unit: score_event(event, self.parts, unit))
        return answer

    def tell(self, kind: str, id_: str, **fields: Any) -> OutcomeAnswer:
        body = {"event_id": id_, "kind": kind, "subject_event_id": "e", "occurred_at": instant_of(NOW)}
        outcome = Outcome.model_validate(body | fields)
        answer: OutcomeAnswer = self.unit(lambda unit: record_outcome(outcome, self.parts, unit))
        return answer

    def kept(self) -> int:
        purse = self.unit(lambda unit: wallet(unit.connection, "ann", "CNY"))
        return int(purse.pending_micros + purse.available_micros)

    def decided(self) -> str:
        return str(self.unit(lambda unit: records.decision_of_event(unit, "e")).action)

    def waiting(self) -> list[str]:
        """Events whose cases are open."""
        return self.unit(lambda unit: [case.event_id for case in open_cases(unit.connection)])


@pytest.fixture
def platform(tmp_path: Path, write_model: Callable[..., Path]) -> Iterator[Platform]:
    made = Platform(tmp_path, write_model)
    yield made
    made.parts.engine.dispose()


def test_an_early_reversal_in_another_currency_takes_nothing_and_is_logged_by_ids_only(platform: Platform) -> None:
    platform.tell("reversal", "o1", **FOREIGN)
    with capture_logs() as lines:
        assert platform.earn().decision == "approve"
    assert platform.kept() == REWARD
    warning = {"event": "early_reversal_misfits", "log_level": "warning", "event_id": "e", "outcome_id": "o1"}
    assert lines == [warning]


def test_of_early_reversals_only_the_one_that_does_not_fit_is_left_out(platform: Platform) -> None:
    platform.tell("reversal", "o1", **FOREIGN)
    platform.tell("reversal", "o2", **FOREIGN | {"currency": "CNY"})
    platform.earn(0.55)  # held: what has matured, the reserve would bear
    assert platform.kept() == REWARD - 5


def test_what_was_declined_is_credited_after_all_past_a_reversal_in_another_currency(platform: Platform) -> None:
    assert platform.earn(0.98).decision == "decline"
    platform.tell("reversal", "o1", **FOREIGN)
    assert platform.tell("disposition", "o2", disposition="genuine").decision_revised
    assert platform.kept() == REWARD


def test_a_reversal_in_another_currency_after_its_event_is_still_refused(platform: Platform) -> None:
    platform.earn()
    with pytest.raises(Problem) as problem:
        platform.tell("reversal", "o1", **FOREIGN)
    assert (problem.value.body.status, problem.value.body.errors[0].field) == (422, "currency")
    assert platform.kept() == REWARD


@pytest.mark.parametrize(("probability", "action"), [(0.7, "review"), (0.55, "hold")])
def test_a_reward_taken_by_an_early_finding_of_fraud_is_promised_by_nobody(
    platform: Platform, probability: float, action: str
) -> None:
    platform.tell("disposition", "o1", disposition="fraud")
    assert platform.earn(probability).decision == action
    assert platform.kept() == 0
    with pytest.raises(Problem) as problem:
        platform.tell("disposition", "o2", disposition="genuine")
    body = problem.value.body
    assert (body.status, body.type, body.retry) == (409, "cannot-follow", False)
    assert platform.decided() == action
    assert platform.waiting() == []


def test_a_case_that_nobody_has_answered_waits_whatever_else_was_said_before_its_event(platform: Platform) -> None:
    platform.tell("reversal", "o1", **WHOLE)
    platform.tell("disposition", "o2", disposition="unsure")
    platform.earn(0.7)
    assert platform.waiting() == ["e"]


def test_a_reward_that_its_advertiser_took_back_may_be_found_genuine(platform: Platform) -> None:
    platform.tell("reversal", "o1", **WHOLE)
    assert platform.earn(0.7).decision == "review"
    assert platform.tell("disposition", "o2", disposition="genuine").decision_revised
    assert (platform.decided(), platform.kept()) == ("approve", 0)
