"""Through the flows: early and late bans, findings of fraud, partners' caps, and micro-rewards that are netted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from features.events import Event, Outcome, instant_of
from features.intelligence.lists import Lists
from features.log import Log
from features.windows import DAY
from serving import records
from serving.contract import Answer
from serving.database import open_database
from serving.flows import record_outcome, score_event, score_withdrawal
from serving.knowledge import Clock, Knowledge
from serving.ledger import proofs
from serving.ledger.rewards import get_reward
from serving.ledger.waits import find_wait
from serving.ledger.wallets import Wallet, wallet
from serving.parts import Parts
from serving.payouts import saga
from serving.payouts.desk import DESTINATION_NEEDED, Desk
from serving.payouts.destinations import Vault
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.identity.sealing import Seal
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import Payout, State
from serving.policy import load_policy
from serving.policy_money import ExposurePolicy, NettingPolicy
from serving.records import Unit, Writer
from serving.scoring import FraudModel

NOW = 20_000 * DAY
REWARD = 1_000_000


class Platform:
    """The parts on a database of its own, with a model that suspects nobody; each unit of work leaves a sound book."""

    def __init__(self, folder: Path, model: Path, engine: Engine | None = None) -> None:
        engine = engine or open_database(folder / "records.db")
        self.folder = folder
        knowledge = Knowledge(Log(folder / "log"), Clock.WALL, Lists(folder / "lists"))
        self.parts = Parts(
            engine=engine,
            writer=Writer(engine, lambda: NOW, knowledge),
            knowledge=knowledge,
            fraud=FraudModel(model, "1"),
            policy=load_policy(),
            offer_key=b"a key",
            seal=Seal(b"s" * 32),
            providers={"fake": FakeProvider(folder / "provider.db")},
        )

    def unit(self, work: Callable[[Unit], Any]) -> Any:
        with self.parts.engine.begin() as connection:
            result = work(Unit(connection, NOW))
            assert proofs.check(connection) == []
        return result

    def earn(self, id_: str, **fields: Any) -> Answer:
        body = {"event_id": id_, "kind": "ad_viewed", "user_id": "ann", "partner_id": "p", "currency": "CNY"}
        money = {"revenue_micros": 2 * REWARD, "reward_micros": REWARD, "occurred_at": instant_of(NOW)}
        event = Event.model_validate(body | money | fields)
        answer: Answer = self.unit(lambda unit: score_event(event, self.parts, unit))
        return answer

    def withdraw(self, amount: int, id_: str) -> str:
        body = {"event_id": id_, "kind": "withdrawal_requested", "user_id": "ann", "payout_destination": "ab" * 32}
        money = {"amount_micros": amount, "currency": "CNY", "occurred_at": instant_of(NOW)}
        event = Event.model_validate(body | money)
        return str(self.unit(lambda unit: score_withdrawal(event, self.parts, unit)).decision)

    def tell(self, subject: str, kind: str, id_: str, **fields: Any) -> None:
        body = {"event_id": id_, "kind": kind, "subject_event_id": subject, "occurred_at": instant_of(NOW)}
        outcome = Outcome.model_validate(body | fields)
        self.unit(lambda unit: record_outcome(outcome, self.parts, unit))

    def pay(self, now: int, *faults: Fault, desk: Desk | None = None) -> None:
        """One round of the runner; what befalls the requests for the only destination."""
        provider = FakeProvider(self.folder / "provider.db", {"ab" * 32: faults})
        advance_payouts(self.parts.engine.begin, provider, now, desk=desk or Desk())

    def payout(self, id_: str) -> Payout:
        found: Payout = self.unit(lambda unit: saga.get(unit.connection, id_))
        return found

    def wallet(self) -> Wallet:
        found: Wallet = self.unit(lambda unit: wallet(unit.connection, "ann", "CNY"))
        return found

    def say(self, **sections: Any) -> None:
        """Another policy."""
        self.parts.policy = self.parts.policy.model_copy(update=sections)


@pytest.fixture
def platform(tmp_path: Path, write_model: Callable[..., Path]) -> Platform:
    return Platform(tmp_path, write_model(tmp_path / "model", event=0.01))


@pytest.mark.parametrize("is_early", [True, False])
def test_a_ban_freezes_the_reward_of_its_event_and_a_reviewer_lifts_it(platform: Platform, is_early: bool) -> None:
    platform.earn("other")
    if is_early:
        platform.tell("tainted", "ban", "o1", caused_by="person")
        platform.earn("tainted")
    else:
        platform.earn("tainted")
        platform.tell("tainted", "ban", "o1", caused_by="person")
    found = platform.wallet()
    assert (found.available_micros, found.frozen_micros) == (REWARD, REWARD)
    assert platform.withdraw(2 * REWARD, "w1") == "decline"
    platform.tell("tainted", "disposition", "o2", disposition="genuine")
    assert platform.wallet().available_micros == 2 * REWARD


@pytest.mark.parametrize(("caused_by", "owed"), [("person", 3 * REWARD // 4), ("model", 0)])
def test_only_a_persons_finding_of_fraud_makes_a_debt(platform: Platform, caused_by: str, owed: int) -> None:
    platform.earn("e1")
    platform.withdraw(REWARD, "w1")
    platform.pay(NOW)
    platform.tell("e1", "disposition", "o1", disposition="fraud", caused_by=caused_by)
    platform.earn("e2")
    found = platform.wallet()
    assert (found.owed_micros, found.available_micros) == (owed, owed or REWARD)


def test_beyond_its_partners_cap_a_reward_waits_for_the_partners_date_and_says_why(platform: Platform) -> None:
    platform.say(exposure=ExposurePolicy(window_hours={"default": 48}, cap_micros={"p": REWARD}))
    for id_ in ("e1", "e2"):
        platform.earn(id_)

    def looked(unit: Unit) -> tuple[list[int], str]:
        due = [get_reward(unit.connection, id_).matures_at for id_ in ("e1", "e2")]
        return due, find_wait(unit.connection, "e2").version  # type: ignore[union-attr]  # it was credited

    assert platform.unit(looked) == ([NOW, NOW + 2 * DAY], "policy, at its cap")
    assert (platform.wallet().available_micros, platform.wallet().pending_micros) == (REWARD, REWARD)


def test_micro_rewards_are_netted_where_the_policy_says_so_and_can_be_withdrawn_at_once(platform: Platform) -> None:
    platform.say(netting=NettingPolicy(minutes=10, reward_micros_max=200_000))
    for number in range(4):
        platform.earn(f"small{number}", reward_micros=150_000)
    platform.earn("large")
    found = platform.wallet()
    assert (found.accrued_micros, found.available_micros, found.withdrawable_micros) == (600_000, REWARD, 1_600_000)
    assert platform.withdraw(1_600_000, "w1") == "approve"
    assert platform.wallet().accrued_micros == 0


@pytest.mark.parametrize("is_parked", [True, False])
def test_fraud_stops_a_payout_that_nobody_has_begun(
    tmp_path: Path, write_model: Callable[..., Path], engine: Engine, is_parked: bool
) -> None:
    platform = Platform(tmp_path, write_model(tmp_path / "model", event=0.01), engine)
    platform.earn("e1")
    assert platform.withdraw(REWARD, "w1") == "approve"
    if is_parked:
        platform.pay(NOW, desk=Desk(vault=Vault(Seal(b"s" * 32))))
        assert platform.payout("w1").waits_for == DESTINATION_NEEDED
    platform.tell("w1", "disposition", "o1", disposition="fraud", caused_by="person")
    platform.pay(NOW + 2 * DAY)
    stopped = platform.payout("w1")
    assert (stopped.state, stopped.waits_for, stopped.attempt_count) == (State.REFUSED, None, 0)
    assert (platform.wallet().available_micros, platform.wallet().held_micros) == (REWARD, 0)


def test_fraud_stops_no_payout_that_may_have_been_sent(
    tmp_path: Path, write_model: Callable[..., Path], engine: Engine
) -> None:
    platform = Platform(tmp_path, write_model(tmp_path / "model", event=0.01), engine)
    platform.earn("e1")
    platform.withdraw(REWARD, "w1")
    platform.pay(NOW, Fault.LOSE_ANSWER)
    platform.tell("w1", "disposition", "o1", disposition="fraud", caused_by="person")
    assert platform.payout("w1").state is State.UNKNOWN
    assert (platform.wallet().available_micros, platform.wallet().held_micros) == (0, REWARD)


def parked(platform: Platform, *amounts: int) -> list[str]:
    """Withdrawals that are approved, and wait for where to pay them."""
    ids = [f"w{number}" for number, _ in enumerate(amounts)]
    for id_, amount in zip(ids, amounts, strict=True):
        assert platform.withdraw(amount, id_) == "approve"
    platform.pay(NOW, desk=Desk(vault=Vault(Seal(b"s" * 32))))
    assert {platform.payout(id_).waits_for for id_ in ids} == {DESTINATION_NEEDED}
    return ids


def why(platform: Platform, id_: str) -> tuple[str, str]:
    decision = platform.unit(lambda unit: records.decision_of_event(unit, id_))
    return decision.action, decision.reason_codes


def test_a_ban_stops_a_payout_that_nobody_has_begun_and_freezes_its_money(
    tmp_path: Path, write_model: Callable[..., Path], engine: Engine
) -> None:
    platform = Platform(tmp_path, write_model(tmp_path / "model", event=0.01), engine)
    platform.earn("e1")
    (id_,) = parked(platform, REWARD)
    platform.tell("e1", "ban", "o1", caused_by="person")
    platform.pay(NOW + 2 * DAY)
    assert (platform.payout(id_).state, why(platform, id_)) == (State.REFUSED, ("decline", '["reward_frozen"]'))
    found = platform.wallet()
    assert (found.available_micros, found.held_micros, found.frozen_micros) == (0, REWARD, REWARD)
    assert platform.parts.providers["fake"].paid() == []
    platform.tell("e1", "disposition", "o2", disposition="genuine")
    assert platform.withdraw(REWARD, "again") == "approve"


def test_the_clean_money_of_who_is_banned_is_paid(platform: Platform) -> None:
    platform.earn("tainted")
    platform.earn("clean")
    (id_,) = parked(platform, REWARD)
    platform.tell("tainted", "ban", "o1", caused_by="person")
    assert (platform.payout(id_).state, platform.wallet().frozen_micros) == (State.SUBMITTED, REWARD)
    platform.pay(NOW + 2 * DAY)
    assert platform.payout(id_).state is State.SETTLED


def test_a_ban_stops_the_newest_payouts_and_no_more_than_it_needs(platform: Platform) -> None:
    for id_ in ("tainted", "clean", "cleaner"):
        platform.earn(id_)
    first, second = parked(platform, REWARD, 2 * REWARD)
    platform.tell("tainted", "ban", "o1", caused_by="person")
    assert [platform.payout(id_).state for id_ in (first, second)] == [State.SUBMITTED, State.REFUSED]
    found = platform.wallet()
    assert (found.available_micros, found.frozen_micros, found.held_micros) == (REWARD, REWARD, 2 * REWARD)


@pytest.mark.parametrize("score", [0.01, 0.5])
@pytest.mark.parametrize("caused_by", ["person", "model"])
def test_a_finding_of_fraud_takes_back_what_a_payout_that_nobody_has_begun_holds(
    tmp_path: Path, write_model: Callable[..., Path], engine: Engine, caused_by: str, score: float
) -> None:
    platform = Platform(tmp_path, write_model(tmp_path / "model", event=0.01, withdrawal=score), engine)
    platform.earn("e1")
    assert platform.withdraw(REWARD, "w1") == ("approve" if score < 0.1 else "review")
    platform.tell("e1", "disposition", "o1", disposition="fraud", caused_by=caused_by)
    platform.pay(NOW + 2 * DAY)
    assert (platform.payout("w1").state, why(platform, "w1")) == (State.REFUSED, ("decline", '["reward_reversed"]'))
    found = platform.wallet()
    assert (found.available_micros, found.held_micros, found.owed_micros) == (0, 0, 0)


def test_what_an_advertiser_takes_back_for_quality_stops_no_payout(platform: Platform) -> None:
    platform.earn("e1")
    (id_,) = parked(platform, REWARD)
    platform.tell("e1", "reversal", "o1", reversal_kind="advertiser_reversal", reason="quality")
    assert platform.payout(id_).state is State.SUBMITTED


def test_a_ban_stops_no_payout_that_may_have_been_sent(platform: Platform) -> None:
    platform.earn("e1")
    platform.withdraw(REWARD, "w1")
    platform.pay(NOW, Fault.LOSE_ANSWER)
    platform.tell("e1", "ban", "o1", caused_by="person")
    assert (platform.payout("w1").state, platform.wallet().frozen_micros) == (State.UNKNOWN, 0)
