"""The policy is a checked file: every decision names its digest, and what cannot be meant is refused by its key."""

from pathlib import Path
from typing import Any

import pytest
import yaml
from pydantic import ValidationError

from features.events import Kind
from serving.policy import DEFAULT, HOUR, Policy, PolicyError, load_policy

SHIPPED: dict[str, Any] = yaml.safe_load(DEFAULT.read_bytes())


def load(folder: Path, path: str, value: Any) -> Policy:
    """The shipped policy with one key changed."""
    body = yaml.safe_load(DEFAULT.read_bytes())
    *sections, key = path.split(".")
    place = body
    for section in sections:
        place = place[section]
    place[key] = value
    file = folder / "policy.yaml"
    file.write_text(yaml.safe_dump(body))
    return load_policy(file)


def test_the_shipped_levels_rise_with_the_severity_of_what_they_do() -> None:
    policy = load_policy()
    assert 0 < policy.event.hold < policy.event.review < policy.event.decline <= 1
    assert 0 < policy.withdrawal.challenge < policy.withdrawal.review < policy.withdrawal.decline <= 1
    assert policy.withdrawal_limits.amount_micros_min < policy.withdrawal_limits.amount_micros_max


def test_the_shipped_aim_leaves_room_below_the_margin() -> None:
    reward = load_policy().reward
    assert reward.share_of_value < 1 - reward.margin_min
    assert max(reward.ladder_micros) <= reward.reward_micros_max


def test_nothing_of_the_file_is_left_unread() -> None:
    assert set(Policy.model_fields) == {*SHIPPED, "version"}


def test_the_version_changes_with_any_byte(tmp_path: Path) -> None:
    same, other = tmp_path / "same.yaml", tmp_path / "other.yaml"
    same.write_bytes(DEFAULT.read_bytes())
    other.write_bytes(DEFAULT.read_bytes() + b"\n")
    assert load_policy(same).version == load_policy().version
    assert load_policy(other).version != load_policy().version


def test_a_policy_of_ones_own_rules_where_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = load(tmp_path, "event.hold_hours", 1)
    monkeypatch.setenv("ASSAY_POLICY", str(tmp_path / "policy.yaml"))
    assert load_policy() == own != load_policy(DEFAULT)
    monkeypatch.setenv("ASSAY_POLICY", str(tmp_path / "gone.yaml"))
    with pytest.raises(PolicyError, match=r"gone\.yaml cannot be read: No such file or directory: name a copy of"):
        load_policy()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("event.hold", 1.01),
        ("event.review", -0.01),
        ("event.decline", float("nan")),
        ("event.hold_hours", -1),
        ("event.holds", 0.5),
        ("withdrawal.challenge", "often"),
        ("withdrawal.decline", float("inf")),
        ("reversal.hold", None),
        ("reward.margin_min", 1.0),
        ("reward.margin_min", 0),
        ("reward.share_of_value", 1),
        ("reward.exploration", 0.51),
        ("reward.ladder_micros", []),
        ("reward.ladder_micros", list(range(1, 17))),
        ("reward.reward_micros_max", 0),
        ("reward.reward_micros_max", 2**53),
        ("reward.accept_minutes", 0),
        ("reward.complete_hours", 0),
        ("maturity_hours.install", -1),
        ("withdrawal_limits.amount_micros_min", 0),
        ("withdrawal_limits.amount_micros_max", 0.5),
        ("partner_credit_micros_max", -1),
        ("generosity", 1),
    ],
)
def test_what_cannot_be_meant_is_refused_by_its_key(path: str, value: Any, tmp_path: Path) -> None:
    with pytest.raises(PolicyError) as refused:
        load(tmp_path, path, value)
    file, _, wrong = str(refused.value).partition(": ")
    assert file == str(tmp_path / "policy.yaml")
    assert [one.split(": ")[0] for one in wrong.split("; ")] == [path]


@pytest.mark.parametrize("ladder", [[200, 100], [100, 100, 200], [100, 300, 200]])
def test_the_ladder_must_rise(ladder: list[int], tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="ladder_micros must rise"):
        load(tmp_path, "reward.ladder_micros", ladder)


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(yaml.safe_dump({name: part for name, part in SHIPPED.items() if name != "reversal"}))
    with pytest.raises(PolicyError, match="reversal: Field required"):
        load_policy(file)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is no policy"),
        (b"- event", "is no policy"),
        (b"event: [", "is not YAML"),
        (b"event: 2026-13-45", "is not YAML, line 1"),
        (b"event: 1\nevent: 2", "is not YAML, line 2: event is given twice"),
        (b"[" * 5_000, "is not YAML: it is nested too deep"),
        (b"\x8a\x00", "is not YAML"),
        (b"event:\n  hold: 2", "event.hold: Input should be less"),
    ],
)
def test_a_file_that_is_no_policy_is_refused_by_its_name(content: bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(content)
    with pytest.raises(PolicyError, match=f"mine.yaml.*{words}"):
        load_policy(file)


def test_maturity_is_in_microseconds_and_kinds_without_one_share_the_default(tmp_path: Path) -> None:
    policy = load(tmp_path, "maturity_hours", {"install": 1.5, "check_in": 0, "default": 72})
    assert policy.maturity(Kind.INSTALL) == 5_400_000_000
    assert policy.maturity(Kind.CHECK_IN) == 0
    assert policy.maturity(Kind.PURCHASE) == 72 * HOUR


def test_a_policy_that_was_read_does_not_change() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_policy().event.hold = 0.9  # type: ignore[misc]  # that it cannot be assigned is the test
