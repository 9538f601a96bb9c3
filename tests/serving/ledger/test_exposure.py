"""What is advanced before a partner's date: counted by partner, capped, reported; and the reserve behind it."""

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, text

from features.events import Reason
from features.windows import DAY, HOUR
from serving.ledger import exposure, reserve
from serving.ledger.adjustments import Adjustment, Corrects, adjust
from serving.ledger.advances import Advance, Dates, dated, promised
from serving.ledger.maturity import mature
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward
from serving.policy_money import ExposurePolicy

NOW = 20_000 * DAY
POLICY = ExposurePolicy(window_hours={"default": 720, "slow": 2400}, cap_micros={"amber": 1000, "none": 0})
EARLY = Dates(NOW + DAY, NOW + 30 * DAY)


def credit(connection: Connection, id_: str, micros: int, partner: str | None = "amber", now: int = NOW) -> Dates:
    """As the service credits: at the wanted dates, or where the cap says."""
    wanted = Dates(now + DAY, now + POLICY.window(partner))
    dates = dated(connection, POLICY, Advance(partner, "CNY", wanted, micros), now)
    due, final = dates.matures_at, dates.final_at
    credit_reward(connection, Reward(id_, "ann", micros, 0, "CNY", due, partner_id=partner, final_at=final), now)
    return dates


def reported(connection: Connection, now: int = NOW) -> dict[str, Any]:
    assert exposure.check(connection) == []
    return {one.partner_id: one for one in exposure.exposure(connection, POLICY, now)}


def test_up_to_its_cap_a_partner_s_rewards_mature_early_and_beyond_it_at_the_partner_s_date(
    connection: Connection,
) -> None:
    assert credit(connection, "e1", 600) == EARLY
    assert credit(connection, "e2", 401) == Dates(NOW + 30 * DAY, NOW + 30 * DAY, is_capped=True)
    assert credit(connection, "e3", 400) == EARLY
    assert promised(connection, "amber", "CNY", NOW) == 1000
    assert mature(connection, NOW + DAY) == 2
    assert mature(connection, NOW + 30 * DAY) == 1


def test_who_has_no_cap_is_counted_all_the_same_and_a_cap_of_zero_advances_nothing(connection: Connection) -> None:
    assert credit(connection, "e1", 5000, None).matures_at == NOW + DAY
    assert credit(connection, "e2", 5000, "slow").final_at == NOW + 100 * DAY
    assert credit(connection, "e3", 1, "none").is_capped
    found = reported(connection)
    assert (found["unattributed"].promised_micros, found["unattributed"].cap_micros) == (5000, None)
    assert (found["none"].promised_micros, found["none"].cap_micros) == (0, 0)


def test_the_report_tells_what_has_matured_from_what_will(connection: Connection) -> None:
    credit(connection, "e1", 600)
    mature(connection, NOW + DAY)
    credit(connection, "e2", 300, now=NOW + DAY)
    one = reported(connection, NOW + DAY)["amber"]
    assert (one.rewards, one.advanced_micros, one.promised_micros, one.lost_micros) == (2, 600, 300, 0)
    assert one.until == NOW + 31 * DAY


def test_once_its_window_has_ended_a_reward_exposes_nobody(connection: Connection) -> None:
    credit(connection, "e1", 1000)
    mature(connection, NOW + DAY)
    after = EARLY.final_at + DAY
    assert promised(connection, "amber", "CNY", after) == 0
    assert reported(connection, after) == {}
    assert not credit(connection, "e2", 1000, now=after).is_capped


def test_what_was_taken_back_frees_the_cap_and_what_was_given_back_fills_it(connection: Connection) -> None:
    credit(connection, "e1", 1000)
    reverse_reward(connection, ReversalOrder("o1", "e1", Reason.QUALITY, 300), NOW)
    assert promised(connection, "amber", "CNY", NOW) == 700
    reverse_reward(connection, ReversalOrder("o2", "e1", Reason.QUALITY, ground=Ground.REFUND), NOW)
    assert promised(connection, "amber", "CNY", NOW) == 1000
    mature(connection, NOW + DAY)
    reverse_reward(connection, ReversalOrder("o3", "e1", Reason.QUALITY, 200), NOW + DAY)
    one = reported(connection, NOW + DAY)["amber"]
    assert (one.advanced_micros, one.lost_micros) == (800, 200)


def test_a_wrong_sum_is_found(engine: Any) -> None:
    with engine.connect() as connection:  # left without a commit
        credit(connection, "e1", 600)
        connection.execute(text("UPDATE exposure SET micros = 599"))
        assert "its rewards say 600" in exposure.check(connection)[0]


def test_a_reward_without_a_partners_date_exposes_nobody(connection: Connection) -> None:
    credit_reward(connection, Reward("e", "ann", 600, 0, "CNY", NOW + DAY, partner_id="amber"), NOW)
    assert reported(connection) == {}


MINUTE = 60_000_000
TOP_UP = Adjustment("top", Corrects.RESERVE, "platform", "CNY", 500, "Mo", "a slow quarter")


def test_a_share_of_each_reward_is_set_aside_once(connection: Connection) -> None:
    credit(connection, "e1", 1050)
    assert reserve.set_aside(connection, 0.01, NOW) == 0
    assert [reserve.set_aside(connection, 0.01, NOW + MINUTE) for _ in range(2)] == [1, 0]
    credit(connection, "e2", 99, now=NOW + HOUR)
    assert reserve.set_aside(connection, 0.02, NOW + 2 * HOUR) == 1
    (found,) = reserve.state(connection)
    assert (found.set_aside_micros, found.balance_micros) == (10 + 1, 11)


def test_the_state_of_the_reserve_adds_up(connection: Connection) -> None:
    credit(connection, "e1", 10_000, None)
    mature(connection, NOW + DAY)
    reserve.set_aside(connection, 0.01, NOW + DAY)
    adjust(connection, TOP_UP, NOW + DAY)
    adjust(connection, replace(TOP_UP, id="gift", corrects=Corrects.WALLET, owner="bob", amount_micros=40), NOW + DAY)
    reverse_reward(connection, ReversalOrder("o1", "e1", Reason.QUALITY, 700), NOW + DAY)
    reverse_reward(connection, ReversalOrder("o2", "e1", Reason.FRAUD, ground=Ground.CLAWBACK), NOW + DAY)
    (found,) = reserve.state(connection)
    assert found == reserve.State("CNY", 560, 100, 500, 700, 700, 40, 0)


def test_no_share_sets_nothing_aside_and_the_reserve_is_owned_by_the_platform(connection: Connection) -> None:
    credit(connection, "e1", 1000)
    assert reserve.set_aside(connection, 0, NOW + DAY) == 0
    assert reserve.state(connection) == []
    with pytest.raises(ValueError, match="owned by"):
        replace(TOP_UP, owner="ann")
