"""The shadow scores what was decided and is on disk; it decides nothing, and nothing that befalls it is felt."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select

from features.events import Event, Kind, instant_of
from features.home import Home
from features.log import recorded_now
from serving import shadow as module
from serving.contract import Answer
from serving.database import reading
from serving.decision import UNEXPLAINED
from serving.flows import score_event, score_withdrawal
from serving.parts import Parts, assemble
from serving.records import DECISION, unpacked
from serving.scoring import FraudModel
from serving.shadow import SHADOW_SCORE, Shadow

REWARD = 1_000_000
WriteModel = Callable[..., Path]


class Service:
    """A service whose writer runs, a champion that approves, and a shadow that catches up when asked."""

    def __init__(self, root: Path, write_model: WriteModel) -> None:
        self._root, self._write_model, self._ids = root, write_model, iter(range(1_000_000))
        self.parts: Parts = assemble(Home(root / "home"))
        self.parts.fraud = self.model("1", event=0.01)
        self.shadow = self.another_shadow()
        self.parts.writer.start()

    def another_shadow(self) -> Shadow:
        return Shadow(self.parts.engine, self.parts.writer, self.parts.policy)

    def model(self, version: str, **probabilities: float) -> FraudModel:
        return FraudModel(self._write_model(self._root / "models" / version, **probabilities), version)

    def earn(self, **fields: Any) -> Answer:
        body = {"event_id": f"e{next(self._ids)}", "kind": "ad_viewed", "user_id": "ann", "campaign_id": "tea"}
        money = {"partner_id": "p", "revenue_micros": 2 * REWARD, "reward_micros": REWARD, "currency": "CNY"}
        event = Event.model_validate(body | money | {"occurred_at": instant_of(recorded_now())} | fields)
        flow = score_withdrawal if event.kind is Kind.WITHDRAWAL_REQUESTED else score_event
        answer: Answer = self.parts.writer.do_now(lambda unit: flow(event, self.parts, unit))
        return answer

    def withdraw(self, amount: int) -> Answer:
        where = {"payout_destination": "ab" * 32, "amount_micros": amount, "revenue_micros": None}
        return self.earn(kind="withdrawal_requested", reward_micros=None, **where)

    def logged(self) -> list[tuple[str, str, float, str]]:
        """Decision, version, score and action, in the order of arrival."""
        columns = (SHADOW_SCORE.c[name] for name in ("decision_id", "model_version", "score", "action"))
        with reading(self.parts.engine) as connection:
            rows = connection.execute(select(*columns).order_by(SHADOW_SCORE.c.sequence)).all()
        return [(row.decision_id, row.model_version, round(row.score, 6), row.action) for row in rows]

    def decisions(self) -> list[Any]:
        with reading(self.parts.engine) as connection:
            return list(connection.execute(select(DECISION).order_by(DECISION.c.sequence)))


@pytest.fixture
def service(tmp_path: Path, write_model: WriteModel) -> Iterator[Service]:
    service = Service(tmp_path, write_model)
    yield service
    service.parts.writer.stop()
    service.parts.engine.dispose()


def counted(result: str) -> float:
    return REGISTRY.get_sample_value("assay_shadow_decisions_total", {"result": result}) or 0.0


def test_the_shadow_is_logged_and_decides_nothing(service: Service) -> None:
    service.shadow.follow(service.model("2", event=0.99))
    answers = [service.earn() for _ in range(3)]
    before = service.decisions()
    service.shadow.catch_up()
    assert service.logged() == [(answer.decision_id, "2", 0.99, "decline") for answer in answers]
    assert {(answer.decision, answer.versions.model) for answer in answers} == {("approve", "1")}
    assert service.decisions() == before


def test_what_was_decided_before_it_was_named_is_not_scored(service: Service) -> None:
    service.earn()
    service.shadow.follow(service.model("2", event=0.99))
    service.shadow.catch_up()
    assert service.logged() == []


def test_nothing_is_scored_twice_and_a_new_start_goes_on_where_the_last_one_stopped(service: Service) -> None:
    challenger = service.model("2", event=0.99)
    service.shadow.follow(challenger)
    ids = [service.earn().decision_id]
    service.shadow.catch_up()
    ids += [service.earn().decision_id for _ in range(2)]
    later = service.another_shadow()
    later.follow(challenger)
    later.catch_up()
    service.shadow.catch_up()
    assert [row[0] for row in service.logged()] == ids


def test_it_is_never_compared_with_itself(service: Service) -> None:
    challenger = service.model("2", event=0.99)
    service.shadow.follow(challenger)
    watched = service.earn()
    service.parts.fraud = challenger
    service.earn()
    before = counted("skipped")
    service.shadow.catch_up()
    assert [row[0] for row in service.logged()] == [watched.decision_id]
    assert counted("skipped") == before + 1


def test_the_scores_are_those_that_the_model_gives_the_recorded_vectors(service: Service) -> None:
    challenger = service.model("2", event=0.3, withdrawal=0.6, reversal=0.7)
    service.shadow.follow(challenger)
    for _ in range(3):
        service.earn()
    service.withdraw(REWARD)
    service.shadow.catch_up()
    for row, found in zip(service.decisions(), service.logged(), strict=True):
        score = challenger.score(Kind(row.kind), unpacked(row.vector), UNEXPLAINED)
        assert found[2] == round(score.probability or np.nan, 6)


def test_the_policy_says_what_it_would_have_done(service: Service) -> None:
    service.parts.fraud = service.model("1", event=0.01)
    service.shadow.follow(service.model("2", event=0.01, reversal=0.7))
    service.earn()
    service.earn(reward_micros=2 * REWARD)
    service.shadow.catch_up()
    assert [row[3] for row in service.logged()] == ["hold", "review"]


def test_where_money_decided_the_shadow_would_have_ended_there_too(service: Service) -> None:
    service.shadow.follow(service.model("2", event=0.01))
    assert service.withdraw(REWARD).reason_codes == ["insufficient_available"]
    service.shadow.catch_up()
    assert [row[3] for row in service.logged()] == ["decline"]


def test_one_that_fails_is_counted_and_passed_over(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.shadow.follow(service.model("2", event=0.99))
    service.earn()
    before = counted("failed")
    with monkeypatch.context() as patched:
        patched.setattr(FraudModel, "scores", fail)
        service.shadow.catch_up()
    assert counted("failed") == before + 1
    answer = service.earn()
    service.shadow.catch_up()
    assert [row[0] for row in service.logged()] == [answer.decision_id]


def fail(*_: object) -> None:
    raise RuntimeError("a shadow with a defect")


def test_one_that_is_too_far_behind_skips_the_oldest_and_counts_them(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BEHIND_MAX", 2)
    service.shadow.follow(service.model("2", event=0.99))
    ids = [service.earn().decision_id for _ in range(5)]
    before = counted("skipped")
    service.shadow.catch_up()
    assert [row[0] for row in service.logged()] == ids[3:]
    assert counted("skipped") == before + 3


def test_a_round_ends_although_more_is_waiting(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CHUNKS_PER_ROUND", 1)
    monkeypatch.setattr(module, "_NEXT", module._NEXT.limit(2))
    service.shadow.follow(service.model("2", event=0.99))
    for _ in range(5):
        service.earn()
    lengths = []
    for _ in range(4):
        service.shadow.catch_up()
        lengths.append(len(service.logged()))
    assert lengths == [2, 4, 5, 5]


def test_decisions_under_another_policy_are_not_compared(service: Service) -> None:
    service.shadow.follow(service.model("2", event=0.99))
    service.parts.policy = service.parts.policy.model_copy(update={"version": "another"})
    service.earn()
    service.shadow.catch_up()
    assert service.logged() == []


def test_a_decision_keeps_the_reversal_that_its_model_saw(service: Service) -> None:
    service.parts.fraud = service.model("3", event=0.01, reversal=0.7)
    answer = service.earn()
    assert (answer.decision, answer.reason_codes) == ("hold", ["reversal_likely"])
    (row,) = service.decisions()
    assert (round(row.score, 6), round(row.reversal_score, 6)) == (0.01, 0.7)
    assert json.loads(row.reason_codes) == ["reversal_likely"]
