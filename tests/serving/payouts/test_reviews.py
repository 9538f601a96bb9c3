from typing import Any

import pytest
from sqlalchemy import select

from serving.payouts import reviews
from serving.payouts.fake import Fault
from serving.payouts.moves import IllegalMove
from serving.payouts.reviews import PAYOUT_RULING
from serving.payouts.saga import State

DAY = 24 * 3_600 * 1_000_000
NOW = 1_000 * DAY


def lose(town: Any, id_: str = "w") -> Any:
    """A payout of which the provider has forgotten everything."""
    provider = town.provider(Fault.LOSE_REQUEST)
    town.withdraw(id_)
    town.run(provider)
    assert town.run(provider, NOW + 2 * DAY) == {State.UNKNOWN: 1}
    return provider


@pytest.mark.parametrize(
    ("is_paid", "state", "books"), [(True, State.SETTLED, "paid"), (False, State.REFUSED, "untouched")]
)
def test_a_person_ends_what_nobody_can_say(town: Any, is_paid: bool, state: State, books: str) -> None:
    lose(town)
    with town.engine.begin() as connection:
        assert [payout.id for payout in reviews.unknown(connection, NOW + DAY)] == ["w"]
        assert reviews.unknown(connection, NOW) == []
        ruled = reviews.rule(connection, "w", "rita", "seen in the provider's books", NOW + 2 * DAY, is_paid=is_paid)
        kept = connection.execute(select(PAYOUT_RULING)).one()
        assert reviews.unknown(connection, NOW + 9 * DAY) == []
    assert (ruled.state, town.books()) == (state, books)
    assert (kept.ruled_by, kept.is_paid) == ("rita", is_paid)


def test_what_was_never_paid_is_withdrawn_anew_under_a_new_key(town: Any) -> None:
    provider = lose(town)
    burnt = town.key()
    with town.engine.begin() as connection:
        reviews.rule(connection, "w", "rita", "not in their books", NOW + 2 * DAY, is_paid=False)
    town.withdraw("again")
    assert town.run(provider, NOW + 3 * DAY) == {State.SETTLED: 1}
    assert [payment.key == burnt for payment in provider.paid()] == [False]


def test_only_what_is_unknown_is_ruled_upon(town: Any) -> None:
    town.withdraw()
    town.run(town.provider())
    with town.engine.begin() as connection, pytest.raises(IllegalMove):
        reviews.rule(connection, "w", "rita", "it was not", NOW, is_paid=False)
    assert town.books() == "paid"


@pytest.mark.parametrize(("by", "reason"), [("", "why"), (" ", "why"), ("rita", " "), ("rita", "x" * 2_001)])
def test_who_rules_gives_a_name_and_a_reason(town: Any, by: str, reason: str) -> None:
    lose(town)
    with town.engine.begin() as connection, pytest.raises(ValueError, match=r"^(by|reason): "):
        reviews.rule(connection, "w", by, reason, NOW, is_paid=True)
    assert town.books() == "held"
