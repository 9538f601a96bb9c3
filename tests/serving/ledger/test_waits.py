"""How long a reward waits: by the home's table and the person's own rewards of late, or by the policy, in writing."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, update

from features.events import Event, instant_of
from features.windows import DAY, HOUR
from serving.ledger.rewards import REWARD, Reward, credit_reward
from serving.ledger.waits import Wait, Waits, find_wait, record_wait
from serving.policy import Policy, load_policy
from serving.policy_money import WaitingRule

NOW = 20_000 * DAY
POLICY = load_policy()
TRUST = {
    "window_days": 30,
    "aged_days": 7,
    "aged_min": 5,
    "prior_reversed": 0.4,
    "prior_rewards": 8,
    "edges": [0.03, 0.3],
}


def line(hours: float, trust: int, partner: str = "*", goal: str = "*", kind: str = "install") -> dict[str, Any]:
    return {"partner": partner, "kind": kind, "goal": goal, "trust": trust, "hours": hours}


LINES = [
    *(line(hours, trust) for trust, hours in enumerate((10, 1, 20, 500))),
    line(11, 0, partner="amber"),
    line(12, 0, goal="deep"),
    line(13, 0, partner="amber", goal="deep"),
]


def written(folder: Path, stale_at: int = NOW + DAY, lines: list[dict[str, Any]] | None = None) -> str:
    """Writes a table into the folder, as `assay holds fit` does; its version."""
    body = {"format": 1, "stale_at": stale_at, "settings": {"trust": TRUST}, "waits": lines or LINES}
    version = hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()[:12]
    (folder / "waits.json").write_text(json.dumps({"version": version} | body))
    return version


def install(partner: str | None = None, goal: str | None = None, kind: str = "install") -> Event:
    return Event.model_validate(
        {
            "event_id": "e",
            "kind": kind,
            "occurred_at": instant_of(NOW),
            "user_id": "ann",
            "partner_id": partner,
            "goal_id": goal,
        }
    )


def earlier(connection: Connection, count: int, days: int, reversed_: int = 0, user: str = "ann") -> None:
    """`count` rewards so many days ago, of which the first ones were taken back."""
    for number in range(count):
        event_id = f"{user}-{days}-{number}"
        at = NOW - days * DAY
        credit_reward(connection, Reward(event_id, user, 100, 200, "USD", at), at)
        if number < reversed_:
            # Only the column that is read; the book's own tests reverse whole rewards.
            connection.execute(update(REWARD).where(REWARD.c.event_id == event_id).values(reversed_micros=100))


@pytest.mark.parametrize(
    ("event", "hours"),
    [
        (install(), 10),
        (install("amber"), 11),
        (install("unheard-of"), 10),
        (install(goal="deep"), 12),
        (install("amber", "deep"), 13),
        (install("unheard-of", "deep"), 12),
        (install("amber", "unheard-of"), 11),
    ],
)
def test_the_nearest_line_of_the_table_decides(
    connection: Connection, tmp_path: Path, event: Event, hours: int
) -> None:
    version = written(tmp_path)
    assert Waits(tmp_path / "waits.json").of(connection, event, POLICY, NOW) == Wait(hours * HOUR, version, 0)


@pytest.mark.parametrize(
    ("count", "days", "reversed_", "tier"),
    [
        (4, 10, 0, 0),  # too few
        (20, 10, 0, 1),
        (20, 10, 3, 2),
        (20, 10, 15, 3),
        (20, 3, 0, 0),  # too young to have shown anything
        (3, 1, 3, 3),  # what was taken back is known at once
        (20, 31, 15, 0),  # long ago
    ],
)
def test_trust_is_what_became_of_the_persons_own_rewards_of_late(
    engine: Any, tmp_path: Path, count: int, days: int, reversed_: int, tier: int
) -> None:
    written(tmp_path)
    with engine.connect() as connection:  # left without a commit: the book is not sound with such short reversals
        earlier(connection, count, days, reversed_)
        earlier(connection, 20, 10, 20, user="bob")
        assert Waits(tmp_path / "waits.json").of(connection, install(), POLICY, NOW).trust == tier


def test_without_a_table_the_policy_decides(connection: Connection, tmp_path: Path) -> None:
    usual = Wait(POLICY.maturity("install"), "policy")
    assert Waits().of(connection, install(), POLICY, NOW) == usual
    assert Waits(tmp_path / "waits.json").of(connection, install(), POLICY, NOW) == usual


def test_a_stale_table_is_not_used_and_is_named(connection: Connection, tmp_path: Path) -> None:
    version = written(tmp_path, stale_at=NOW)
    wait = Waits(tmp_path / "waits.json").of(connection, install(), POLICY, NOW)
    assert wait == Wait(POLICY.maturity("install"), f"policy: {version} is stale")


def test_a_kind_that_the_table_does_not_know_is_the_policys(connection: Connection, tmp_path: Path) -> None:
    version = written(tmp_path)
    wait = Waits(tmp_path / "waits.json").of(connection, install(kind="purchase"), POLICY, NOW)
    assert wait == Wait(POLICY.maturity("purchase"), f"policy: no purchase in {version}")


@pytest.mark.parametrize("spoil", [lambda text: text[:50], lambda text: text.replace("500", "5"), lambda _: "[]"])
def test_a_table_that_was_cut_or_changed_by_hand_is_not_used(
    connection: Connection, tmp_path: Path, spoil: Any
) -> None:
    written(tmp_path)
    file = tmp_path / "waits.json"
    file.write_text(spoil(file.read_text()))
    assert Waits(file).of(connection, install(), POLICY, NOW).version == "policy: table unreadable"


def test_a_new_table_counts_from_the_next_reward_on(connection: Connection, tmp_path: Path) -> None:
    waits = Waits(tmp_path / "waits.json")
    versions = [waits.of(connection, install(), POLICY, NOW).version]
    versions += [written(tmp_path)]
    assert waits.of(connection, install(), POLICY, NOW).version == versions[-1]
    other = written(tmp_path, lines=[line(99, 0)])
    assert waits.of(connection, install(), POLICY, NOW) == Wait(99 * HOUR, other, 0)
    (tmp_path / "waits.json").unlink()
    assert waits.of(connection, install(), POLICY, NOW).version == "policy"


def test_a_wait_is_kept_with_its_version_and_renewed(connection: Connection) -> None:
    record_wait(connection, "e", Wait(HOUR, "policy"), NOW)
    record_wait(connection, "e", Wait(2 * HOUR, "abc", 3), NOW + 1)
    row = find_wait(connection, "e")
    assert row is not None
    assert tuple(row) == ("e", "abc", 3, 2 * HOUR, NOW + 1)


RULES = [
    {"hours": 1, "kind": "install"},
    {"hours": 2, "partner": "amber"},
    {"hours": 3, "partner": "amber", "kind": "install"},
    {"hours": 4, "partner": "amber", "kind": "install", "goal": "deep"},
    {"hours": 5, "partner": "amber", "kind": "install", "trust": 0},
    {"hours": 6, "kind": "install", "trust": 5},
]


def ruled(rules: list[dict[str, Any]]) -> Policy:
    waiting = POLICY.waiting.model_copy(update={"rules": tuple(WaitingRule.model_validate(rule) for rule in rules)})
    return POLICY.model_copy(update={"waiting": waiting})


@pytest.mark.parametrize(
    ("event", "rules", "hours", "trust"),
    [
        (install(), RULES[:4], 1, None),
        (install("amber", kind="purchase"), RULES[:4], 2, None),
        (install("amber"), RULES[:4], 3, None),
        (install("amber", "deep"), RULES[:4], 4, None),
        (install("amber"), RULES, 5, 0),
        (install(), RULES, 1, 0),
        (install(), RULES[1:2], POLICY.maturity("install") // HOUR, None),
    ],
)
def test_without_a_table_the_rule_that_names_most_of_partner_kind_goal_and_trust_decides(
    connection: Connection, event: Event, rules: list[dict[str, Any]], hours: int, trust: int | None
) -> None:
    wait = Waits().of(connection, event, ruled(rules), NOW)
    assert (wait.micros, wait.trust) == (hours * HOUR, trust)
    assert wait.version == ("policy" if hours * HOUR == POLICY.maturity("install") else "policy rule")


def test_a_rule_for_people_whose_rewards_are_taken_back_often_is_theirs_alone(engine: Any) -> None:
    with engine.connect() as connection:  # left without a commit, as above
        earlier(connection, 20, 10, 15)
        assert Waits().of(connection, install(), ruled(RULES), NOW).micros == 6 * HOUR
