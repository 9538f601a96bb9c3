"""What decisions do to money: credited, paid, stuck, returned, and how long honest money waits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from training.arena.aftermath import Aftermath
from training.arena.book import Act, Book, Rules
from training.arena.purse import Purse

DAY = 86_400_000_000
MINE = "u0100001"


@pytest.fixture
def book() -> Book:
    return Book(Purse(), Aftermath(np.random.default_rng(0)), np.array([9_000_000]), {"u000000": 0})


def act(kind: str, amount: int, day: float = 0.0, *, user: str = MINE, is_fraud: bool = True, name: str = "e1") -> Act:
    column = "amount_micros" if kind == "withdrawal_requested" else "reward_micros"
    row: dict[str, Any] = dict.fromkeys(("amount_micros", "reward_micros", "partner_id", "partner_transaction_id"))
    at = round(day * DAY)
    row |= {"event_id": name, "kind": kind, "user_id": user, "recorded_at": at, "as_of": at, column: amount}
    return Act(row, f"family:{user}" if is_fraud else user, is_fraud=is_fraud, is_attacker=is_fraud)


def answer(subject: str, said: str, day: float) -> dict[str, Any]:
    return {"subject_event_id": subject, "disposition": said, "recorded_at": round(day * DAY)}


def test_a_reward_can_be_withdrawn_once_it_is_mature_and_not_twice(book: Book, rules: Callable[..., Rules]) -> None:
    book.carry_out(act("ad_viewed", 5_000_000), "approve", rules())
    assert book.purse.available(MINE, DAY - 1) == 0
    assert book.purse.available(MINE, DAY) == 5_000_000
    asked = act("withdrawal_requested", 5_000_000, day=1)
    assert book.carry_out(asked, "approve", rules()) == "approve"
    assert book.carry_out(asked, "approve", rules()) == "decline"
    assert book.purse.sums["family:u0100001"].paid_micros == 5_000_000


def test_a_withdrawal_in_review_is_stopped_until_a_reviewer_calls_it_genuine(
    book: Book, rules: Callable[..., Rules]
) -> None:
    book.carry_out(act("ad_viewed", 5_000_000), "approve", rules())
    book.carry_out(act("withdrawal_requested", 4_000_000, day=2, name="w"), "review", rules())
    sums = book.purse.sums["family:u0100001"]
    assert (sums.stopped_micros, sums.paid_micros) == (4_000_000, 0)
    assert book.answer(answer("w", "unsure", 3), rules()) is None
    assert sums.stopped_micros == 4_000_000
    found = book.answer(answer("w", "genuine", 4), rules())
    assert found is not None
    assert found[1] == "approve"
    assert (sums.stopped_micros, sums.paid_micros) == (0, 4_000_000)


def test_a_finding_of_fraud_leaves_the_money_stopped(book: Book, rules: Callable[..., Rules]) -> None:
    book.carry_out(act("ad_viewed", 5_000_000, name="a"), "review", rules())
    book.answer(answer("a", "fraud", 2), rules())
    assert book.purse.sums["family:u0100001"].stopped_micros == 5_000_000
    assert book.purse.available(MINE, 30 * DAY) == 0


def test_a_declined_withdrawal_comes_back_and_counts_once_when_it_is_asked_for_again(
    book: Book, rules: Callable[..., Rules]
) -> None:
    book.carry_out(act("ad_viewed", 5_000_000), "approve", rules())
    for day in (2, 3):
        book.carry_out(act("withdrawal_requested", 5_000_000, day=day), "decline", rules())
    sums = book.purse.sums["family:u0100001"]
    assert sums.stopped_micros == 5_000_000
    book.carry_out(act("withdrawal_requested", 5_000_000, day=4), "approve", rules())
    assert (sums.stopped_micros, sums.paid_micros) == (0, 5_000_000)


def test_a_thief_takes_no_more_than_the_victim_has(book: Book, rules: Callable[..., Rules]) -> None:
    theft = act("withdrawal_requested", 8_000_000, user="u000000")
    assert book.carry_out(theft, "approve", rules()) == "approve"
    assert book.balance[0] == 1_000_000
    assert book.carry_out(theft, "approve", rules()) == "decline"


def test_honest_money_waits_as_long_as_its_case_is_open(book: Book, rules: Callable[..., Rules]) -> None:
    asked = act("withdrawal_requested", 3_000_000, user="u000000", is_fraud=False, name="w")
    book.carry_out(asked, "challenge", rules())
    book.answer(answer("w", "genuine", 2), rules())
    assert book.delayed == {"u000000": 6_000_000.0}


def test_a_hold_delays_by_what_it_adds_to_the_usual_wait(book: Book) -> None:
    longer = Rules(lambda *_: "hold", lambda _: "hold", lambda _, action: (7 if action == "hold" else 1) * DAY)
    book.carry_out(act("ad_viewed", 2_000_000, user="u000000", is_fraud=False), "hold", longer)
    assert book.delayed == {"u000000": 12_000_000.0}


def test_what_a_partner_takes_back_is_earned_again_before_it_can_be_withdrawn(
    book: Book, rules: Callable[..., Rules]
) -> None:
    earned = act("install", 5_000_000)
    book.carry_out(earned, "approve", rules())
    book.reverse(earned)
    book.carry_out(act("install", 7_000_000, name="e2"), "approve", rules())
    assert book.purse.available(MINE, 3 * DAY) == 7_000_000


def test_a_partner_takes_nothing_back_that_was_never_credited(book: Book, rules: Callable[..., Rules]) -> None:
    book.carry_out(act("install", 7_000_000), "approve", rules())
    refused = [act("install", 1_000_000, name=action) for action in ("review", "decline")]
    for one in refused:
        book.carry_out(one, one.row["event_id"], rules())
        book.reverse(one)
    assert book.purse.available(MINE, 3 * DAY) == 7_000_000
