"""Settling: what several accounts of one person were paid beyond one curve is taken before money leaves, once."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, insert

from features.events import Reason, micros_of, parse
from features.graph import DeviceGraph
from features.log import row_of
from serving.database import open_database
from serving.ledger import proofs
from serving.ledger.holds import release
from serving.ledger.maturity import release_on_hold
from serving.ledger.reversals import ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal, wallet
from serving.policy import load_policy
from serving.pricing.daily import day_of, paid_micros, total_micros
from serving.pricing.offer_log import OFFER, OFFER_GOAL
from serving.pricing.settling import Leaving, accounts_paid, settle

CURVE = load_policy().daily
NOW = micros_of(datetime(2026, 2, 28, 16, tzinfo=UTC))  # when 1 March begins in Shanghai
DAY = day_of(NOW, CURVE)
UNIT = 1_000_000
PHONE, OTHER_PHONE = ({"devices": [{"kind": "android_id", "id": id_ * 16}]} for id_ in "12")
PURSE, OTHER_PURSE = "c" * 64, "d" * 64


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[Connection]:
    engine = open_database(tmp_path / "records.db")
    with engine.begin() as connection:
        yield connection
        assert proofs.check(connection) == []
    engine.dispose()


def graph_of(*said: dict[str, object]) -> DeviceGraph:
    """A graph that learned one event an hour, each with what `said` gives."""
    graph = DeviceGraph()
    for at, fields in enumerate(said):
        when = {"event_id": f"e{at}", "occurred_at": f"2026-03-01T{at:02}:00:00Z", "kind": "login"}
        event = parse(when | {"attestation": "device", "ip": {"address": "203.0.113.7"}} | fields)
        graph.fold(row_of(event) | {"sequence": at + 1, "as_of": event.event_time, "recorded_at": event.event_time})
    return graph


def seen(user: str, identity: str | None = None, purse: str | None = None, **fields: object) -> dict[str, object]:
    shown = {"identity": identity and identity * 64, "payout_destination": purse}
    return {"user_id": user} | shown | fields


def in_turns(one: str, two: str, **fields: object) -> list[dict[str, object]]:
    return [seen(one, **PHONE), seen(two, **PHONE), seen(one, **PHONE), seen(two, **PHONE, **fields)]


def work(connection: Connection, *accounts: str, units: int = 40, day: int = DAY, **reward: bool) -> None:
    """Each account completes a task as if it were alone; without `on_hold` the money is its own at once."""
    for user in accounts:
        paid = paid_micros(0, units * UNIT, CURVE)
        ids = {"offer_id": f"o-{user}-{day}", "user_id": user, "currency": "CNY", "started_day": day}
        named = {"request_id": "r", "task_id": "t", "campaign_id": "c", "task_kind": "", "segment": ""}
        times = dict.fromkeys(("offered_at", "accept_by", "complete_by", "started_at"), NOW)
        connection.execute(insert(OFFER), [ids | named | times])
        amounts = {"value_micros": 2 * units * UNIT, "reward_micros": units * UNIT, "owed_micros": paid}
        chosen = {"propensity": 1.0, "stratum": "static", "policy_version": "p", "allowed_micros": "[]", "quality": 1.0}
        done = {"offer_id": ids["offer_id"], "position": 0, "completed_by_event": f"{user}-{day}", "known_from": NOW}
        connection.execute(insert(OFFER_GOAL), [amounts | chosen | done])
        credit_reward(connection, Reward(f"{user}-{day}", user, paid, 0, "CNY", matures_at=NOW, **reward), NOW)


def taken(connection: Connection, graph: DeviceGraph, user: str, purse: str | None = None, id_: str = "w") -> int:
    return settle(connection, graph, Leaving(f"{id_}-{user}", user, "CNY", purse), NOW, CURVE)


def available(connection: Connection, *users: str) -> int:
    return sum(wallet(connection, user, "CNY").available_micros for user in users)


ANNS = graph_of(seen("ann", "a"), seen("ann2", "a"), seen("ann3", "a"), seen("bob", "b"))


def test_what_one_verified_person_was_paid_twice_is_taken_once_and_whole(connection: Connection) -> None:
    work(connection, "ann", "ann2", "ann3")
    beyond = 120 * UNIT - total_micros(120 * UNIT, CURVE)
    assert beyond > 0
    assert sum(taken(connection, ANNS, user) for user in ("ann3", "ann", "ann2")) == beyond
    assert available(connection, "ann", "ann2", "ann3") == total_micros(120 * UNIT, CURVE)
    assert taken(connection, ANNS, "ann3", id_="again") == 0


def test_an_account_never_pays_more_than_it_was_paid(connection: Connection) -> None:
    work(connection, "ann", units=1_000)
    work(connection, "ann2", units=1)
    assert 0 < taken(connection, ANNS, "ann2") <= UNIT
    assert available(connection, "ann2") >= 0


def test_what_a_wallet_cannot_pay_is_taken_at_the_next_withdrawal(connection: Connection) -> None:
    work(connection, "ann", "ann2")
    hold = hold_withdrawal(connection, WithdrawalOrder("early", "ann2", 39 * UNIT, "CNY"), NOW)
    beyond = 80 * UNIT - total_micros(80 * UNIT, CURVE)
    assert taken(connection, ANNS, "ann2") == UNIT < beyond
    release(connection, hold.id, NOW)
    assert taken(connection, ANNS, "ann2", id_="next") == beyond - UNIT


def test_what_is_on_hold_or_was_taken_back_is_settled_by_nobody(connection: Connection) -> None:
    work(connection, "ann", "ann2")
    work(connection, "ann3", on_hold=True)
    reverse_reward(connection, ReversalOrder("back", f"ann-{DAY}", Reason.FRAUD), NOW)
    assert taken(connection, ANNS, "ann2") == taken(connection, ANNS, "ann3") == 0
    release_on_hold(connection, f"ann3-{DAY}", NOW)
    assert taken(connection, ANNS, "ann3", id_="next") == 80 * UNIT - total_micros(80 * UNIT, CURVE)


def test_work_of_different_days_is_nothing_to_settle(connection: Connection) -> None:
    work(connection, "ann")
    work(connection, "ann2", day=DAY - 1)
    assert taken(connection, ANNS, "ann") == taken(connection, ANNS, "ann2") == 0


def test_neighbours_lose_nothing(connection: Connection) -> None:
    work(connection, "ann", "bob")
    assert taken(connection, ANNS, "ann", PURSE) == taken(connection, ANNS, "bob", PURSE) == 0


def test_the_purse_that_a_withdrawal_names_counts_at_once(connection: Connection) -> None:
    """One phone in turns says too little, and so does one purse; both say enough."""
    graph = graph_of(*in_turns("ann", "ann2"), seen("ann", purse=PURSE, **PHONE))
    work(connection, "ann", "ann2")
    assert taken(connection, graph, "ann2", OTHER_PURSE) == 0
    assert taken(connection, graph, "ann2", PURSE, id_="v") == 80 * UNIT - total_micros(80 * UNIT, CURVE)


def test_a_couple_with_one_purse_and_a_phone_each_loses_nothing(connection: Connection) -> None:
    couple = graph_of(seen("ann", purse=PURSE, **PHONE), seen("bob", **OTHER_PHONE))
    work(connection, "ann", "bob")
    assert taken(connection, couple, "bob", PURSE) == 0
    couple = graph_of(seen("ann", purse=PURSE, **PHONE), seen("bob", purse=PURSE, **OTHER_PHONE))
    assert taken(connection, couple, "bob", PURSE, id_="v") == 0


def test_a_family_with_one_phone_and_one_purse_loses_nothing_once_each_has_shown_who_they_are() -> None:
    told = [seen("ann", "a", purse=PURSE, **PHONE), *in_turns("ann", "bob"), seen("bob", "b", purse=PURSE, **PHONE)]
    assert accounts_paid(graph_of(*told[:-1]), "bob", PURSE, CURVE.settled_person_min) == ["bob", "ann"]
    assert accounts_paid(graph_of(*told), "bob", PURSE, CURVE.settled_person_min) == ["bob"]
