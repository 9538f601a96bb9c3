from pathlib import Path

import pytest
import yaml

from serving.policy import DEFAULT, load_policy
from serving.pricing import rolled
from serving.pricing.rolled import Served
from serving.pricing.rollout import (
    HOUR,
    STAGES,
    Live,
    Rollout,
    RolloutError,
    Rules,
    Step,
    advanced,
    judged,
    rolled_back,
    started,
    version_for,
)

KEY = b"k" * 32
PEOPLE = [f"u{number}" for number in range(20_000)]
GOOD = Live(candidate_people=5000, incumbent_people=5000, ratio_low=0.99, ratio_high=1.4, breaches=0)


def begun(candidate: str = "new") -> Rollout:
    return started("old", candidate, 1_000_000, at=0, reason="the gate passed it", by="ann")


def holders(rollout: Rollout) -> set[str]:
    return {person for person in PEOPLE if version_for(rollout, person, KEY) == rollout.candidate}


def test_each_stage_holds_its_share_of_people_and_everybody_of_the_stage_before() -> None:
    rollout, before = begun(), set[str]()
    for share in STAGES:
        now = holders(rollout)
        assert before <= now
        assert len(now) / len(PEOPLE) == pytest.approx(share, abs=0.01)
        before = now
        if rollout.is_open:
            rollout = advanced(rollout, at=1, reason="as good", by="ann")
    assert before == set(PEOPLE)


def test_another_candidate_and_another_key_find_other_people_first() -> None:
    mine, theirs = holders(begun()), holders(begun("newer"))
    assert len(mine & theirs) < len(mine) / 4
    assert {person for person in PEOPLE if version_for(begun(), person, b"other") == "new"} != mine


def test_after_a_rollback_nobody_has_the_candidate_and_every_move_is_kept() -> None:
    rollout = rolled_back(advanced(begun(), 1, "as good", "ann"), 2, "margin fell", "bob")
    assert not holders(rollout)
    assert [(move.step, move.share, move.at, move.by) for move in rollout.moves] == [
        (Step.START, 0.01, 0, "ann"),
        (Step.ADVANCE, 0.05, 1, "ann"),
        (Step.ROLLBACK, 0.0, 2, "bob"),
    ]
    with pytest.raises(RolloutError, match="rolled back already"):
        rolled_back(rollout, 3, "again", "bob")
    with pytest.raises(RolloutError, match="start another"):
        advanced(rollout, 3, "again", "bob")


def test_a_move_without_its_reason_is_refused() -> None:
    with pytest.raises(RolloutError, match="--reason"):
        advanced(begun(), 1, " ", "ann")


def test_a_stage_advances_only_when_every_question_is_met() -> None:
    day = 24 * HOUR
    assert judged(begun(), GOOD, Rules(), at=day).step is Step.ADVANCE
    lacking = [
        judged(begun(), GOOD, Rules(), at=day - 1),
        judged(begun(), Live(99, 5000, 0.99, 1.4, 0), Rules(), at=day),
        judged(begun(), Live(5000, 5000, 0.49, 1.4, 0), Rules(), at=day),
    ]
    for judgement in lacking:
        assert judgement.step is Step.STAY
        assert "not met" in judgement.reasons[0]
        assert "not met" not in judgement.reasons[1]


def test_the_more_people_are_at_stake_the_surer_it_must_be() -> None:
    at_25 = advanced(advanced(begun(), 1, "as good", "ann"), 2, "as good", "ann")
    unsure = Live(5000, 5000, ratio_low=0.6, ratio_high=1.4, breaches=0)
    assert judged(begun(), unsure, Rules(), at=24 * HOUR).step is Step.ADVANCE
    assert judged(at_25, unsure, Rules(), at=48 * HOUR).step is Step.STAY


@pytest.mark.parametrize(
    ("live", "told"),
    [(Live(120, 9000, 0.2, 0.97, 0), "beyond doubt"), (Live(0, 0, 0.0, float("inf"), 1), "guardrail")],
)
def test_proven_harm_rolls_back_at_once(live: Live, told: str) -> None:
    judgement = judged(begun(), live, Rules(), at=1)
    assert judgement.step is Step.ROLLBACK
    assert told in judgement.reasons[0]


def candidate_file(folder: Path, **changed: object) -> Path:
    body = yaml.safe_load(DEFAULT.read_text())
    body["reward"] |= changed or {"share_of_value": 0.4}
    file = folder / "candidate.yaml"
    file.write_text(yaml.safe_dump(body))
    return file


def test_a_running_service_follows_the_file_between_two_requests(tmp_path: Path) -> None:
    usual, candidate = load_policy(), rolled.keep(tmp_path, candidate_file(tmp_path))
    served = Served(tmp_path, usual, KEY)
    assert served.policy_for("u1") is usual

    rollout = started(usual.version, candidate.version, 1, at=0, reason="the gate passed it", by="ann")
    while rollout.is_open:
        rollout = advanced(rollout, 1, "as good", "ann")
    rolled.write(tmp_path, rollout)
    got = served.policy_for("u1")
    assert (got.version, got.reward.share_of_value) == (candidate.version, 0.4)
    assert got.event == usual.event

    rolled.write(tmp_path, rolled_back(rollout, 2, "margin fell", "ann"))
    assert served.policy_for("u1") is usual
    assert rolled.read(tmp_path) == rolled_back(rollout, 2, "margin fell", "ann")


def test_an_edited_policy_file_wins_over_a_rollout_that_was_started_against_the_old_one(tmp_path: Path) -> None:
    candidate = rolled.keep(tmp_path, candidate_file(tmp_path))
    full = Rollout("of-yesterday", candidate.version, 1, advanced_to_all("of-yesterday", candidate.version).moves)
    rolled.write(tmp_path, full)
    assert Served(tmp_path, load_policy(), KEY).policy_for("u1") == load_policy()


def advanced_to_all(incumbent: str, candidate: str) -> Rollout:
    rollout = started(incumbent, candidate, 1, 0, "the gate passed it", "ann")
    while rollout.is_open:
        rollout = advanced(rollout, 1, "as good", "ann")
    return rollout


def test_a_damaged_or_edited_file_leaves_everybody_with_the_usual_policy(tmp_path: Path) -> None:
    usual, candidate = load_policy(), rolled.keep(tmp_path, candidate_file(tmp_path))
    rolled.write(tmp_path, advanced_to_all(usual.version, candidate.version))
    served = Served(tmp_path, usual, KEY)
    assert served.policy_for("u1").version == candidate.version
    rolled.file_of(tmp_path, candidate.version).write_text(candidate_file(tmp_path, share_of_value=0.9).read_text())
    assert Served(tmp_path, usual, KEY).policy_for("u1") is usual
    (tmp_path / "rollout.json").write_text('{"moves": []')
    assert served.policy_for("u1") is usual
    with pytest.raises(ValueError, match="put it back from a backup"):
        rolled.read(tmp_path)


def test_what_lies_outside_of_pricing_is_named(tmp_path: Path) -> None:
    body = yaml.safe_load(DEFAULT.read_text())
    body["event"]["hold"] = 0.3
    file = tmp_path / "other.yaml"
    file.write_text(yaml.safe_dump(body))
    assert rolled.differing(load_policy(), load_policy(file)) == ["event"]
    assert rolled.differing(load_policy(), load_policy(candidate_file(tmp_path))) == []
