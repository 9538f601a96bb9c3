from typing import Any

import pytest
from sqlalchemy import select

from serving.payouts import claims, phases, reviews
from serving.payouts.fake import Fault
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Accepted
from serving.payouts.reviews import PAYOUT_RULING
from serving.payouts.saga import State

DAY = 24 * 3_600 * 1_000_000
NOW = 1_000 * DAY
MINUTE = 60 * 1_000_000
QUIET = reviews.QUIET_MICROS


def rule(town: Any, now: int = NOW + QUIET, *, is_paid: bool = False) -> State:
    with town.engine.begin() as connection:
        return reviews.rule(connection, "w", "rita", "seen in their books", now, is_paid=is_paid).state


def doubtful(town: Any, *more: Fault) -> Any:
    """The first request was lost without an answer, and its key lives."""
    provider = town.interrupted(Fault.LOSE_REQUEST, *more)
    town.withdraw()
    assert town.run(provider) == {State.UNKNOWN: 1}
    return provider


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
        assert [payout.id for payout in reviews.waiting(connection, NOW + DAY)] == ["w"]
        assert reviews.waiting(connection, NOW) == []
        ruled = reviews.rule(connection, "w", "rita", "seen in the provider's books", NOW + 2 * DAY, is_paid=is_paid)
        kept = connection.execute(select(PAYOUT_RULING)).one()
        assert reviews.waiting(connection, NOW + 9 * DAY) == []
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


def test_what_was_ruled_unpaid_while_it_was_looked_up_is_not_sent_again(town: Any) -> None:
    provider = doubtful(town)
    provider.at_lookup = lambda: rule(town)
    assert town.run(provider, NOW + QUIET) == {State.REFUSED: 1}
    assert (provider.sendings(town.key()), provider.paid(), town.books()) == (1, [], "untouched")


def test_what_was_accepted_while_it_was_looked_up_is_not_sent_again(town: Any) -> None:
    provider = doubtful(town)
    provider.at_lookup = lambda: town.learn(Accepted("by notification"), NOW + MINUTE)
    town.run(provider, NOW + MINUTE)
    assert (provider.sendings(town.key()), town.books()) == (1, "clearing")


def test_nobody_rules_upon_what_is_being_sent_again(town: Any) -> None:
    provider = doubtful(town)
    refused = []

    def try_to() -> None:
        with pytest.raises(IllegalMove, match="only what is unknown is ruled upon") as refusal:
            rule(town)
        refused.append(refusal.value.status)

    provider.at_send = try_to
    assert town.run(provider, NOW + MINUTE) == {State.SETTLED: 1}
    assert (refused, len(provider.paid()), town.books()) == ([409], 1, "paid")


def test_what_was_sent_again_without_an_answer_can_be_ruled_upon(town: Any) -> None:
    provider = doubtful(town, Fault.LOSE_REQUEST)
    assert town.run(provider, NOW + MINUTE) == {State.UNKNOWN: 1}
    assert provider.sendings(town.key()) == 2
    assert rule(town, NOW + MINUTE + QUIET) is State.REFUSED


def test_what_was_about_to_be_sent_again_when_all_stopped_is_paid_once(town: Any) -> None:
    provider = doubtful(town)
    with town.engine.begin() as connection:
        (claimed,) = claims.claim_each(connection, "fake", NOW + MINUTE)
        assert phases.reopen(connection, claimed.provider_key, claimed.version, NOW + MINUTE)
    assert town.state() is State.SUBMITTED
    assert town.run(provider, NOW + 2 * MINUTE) == {State.SETTLED: 1}
    assert (len(provider.paid()), town.books()) == (1, "paid")
