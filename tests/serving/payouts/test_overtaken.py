"""Two runners at once, the first one slow: what the second and a person do meanwhile it learns before it acts."""

from collections.abc import Callable
from typing import Any, Final

import pytest

from serving.ledger.refusals import Refusal
from serving.payouts import phases, reviews, saga
from serving.payouts.fake import Fault
from serving.payouts.provider import Accepted, Answer, Refused, Unknown
from serving.payouts.reviews import QUIET_MICROS, StillSending
from serving.payouts.saga import State

MINUTE: Final = 60 * 1_000_000
NOW: Final = 1_000 * 24 * 60 * MINUTE
ASKED: Final = 1_000_000


class Late:
    """A runner that hangs in its first request, for two minutes, while `meanwhile` happens."""

    def __init__(self, town: Any, meanwhile: Callable[["Late"], object], *faults: Fault) -> None:
        self.town, self.now = town, NOW
        self.provider, self.other = town.interrupted(*faults), town.interrupted(*faults)
        self.provider.at_send = self._hang
        self._meanwhile = meanwhile

    def run(self) -> dict[State, int]:
        found: dict[State, int] = self.town.run(self.provider, NOW, clock=lambda: self.now)
        return found

    def second(self, now: int) -> dict[State, int]:
        found: dict[State, int] = self.town.run(self.other, now)
        return found

    def _hang(self) -> None:
        self.provider.at_send = lambda: None
        self.now += 2 * MINUTE
        self._meanwhile(self)


def rule_unpaid(town: Any, id_: str, now: int) -> State:
    with town.engine.begin() as connection:
        return reviews.rule(connection, id_, "rita", "not in their books", now, is_paid=False).state


def version(town: Any) -> int:
    with town.engine.begin() as connection:
        found: int = saga.get(connection, "w").version
    return found


def test_what_hangs_while_another_sends_it_too_is_paid_once(town: Any) -> None:
    town.withdraw()
    late = Late(town, lambda late: late.second(late.now))
    assert late.run() == {State.SETTLED: 1}
    assert (late.provider.sendings(town.key()), len(late.provider.paid()), town.books()) == (2, 1, "paid")


def test_nobody_rules_upon_what_hangs_though_another_found_it_unknown(town: Any) -> None:
    town.withdraw()
    refused: list[StillSending] = []

    def meanwhile(late: Late) -> None:
        assert late.second(late.now) == {State.UNKNOWN: 1}
        with pytest.raises(StillSending, match="rule that it was never paid in 900 seconds") as refusal:
            rule_unpaid(town, "w", late.now)
        refused.append(refusal.value)

    late = Late(town, meanwhile, Fault.LOSE_REQUEST)
    assert late.run() == {State.SETTLED: 1}
    assert (len(refused), len(late.provider.paid()), town.books()) == (1, 1, "paid")


def test_what_was_ruled_unpaid_while_its_group_hung_is_never_sent(town: Any) -> None:
    for id_ in ("v", "w"):
        town.withdraw(id_, amount=ASKED)

    def meanwhile(late: Late) -> None:
        assert late.second(late.now) == {State.UNKNOWN: 2}
        for id_ in ("v", "w"):
            assert rule_unpaid(town, id_, late.now + QUIET_MICROS) is State.REFUSED

    late = Late(town, meanwhile, *[Fault.LOSE_REQUEST] * 3)
    assert late.run() == {State.REFUSED: 2}
    assert len(late.provider.paid()) == 0
    assert town.amounts() == (9_000_000, 0, 0, 0)


def test_the_rest_of_a_group_that_nobody_took_over_is_sent_after_all(town: Any) -> None:
    for id_ in ("v", "w"):
        town.withdraw(id_, amount=ASKED)
    late = Late(town, lambda _: None)
    assert late.run() == {State.SETTLED: 2}
    assert town.amounts() == (7_000_000, 0, 0, 2 * ASKED)


def test_what_is_renewed_late_is_left_alone_for_as_long_again(town: Any) -> None:
    for id_ in ("v", "w"):
        town.withdraw(id_, amount=ASKED)
    taken: list[dict[State, int]] = []
    late = Late(town, lambda _: None)
    hang = late.provider.at_send

    def then() -> None:
        hang()
        late.provider.at_send = lambda: taken.append(late.second(late.now + MINUTE - 1))

    late.provider.at_send = then
    late.run()
    assert taken == [{State.SETTLED: 1}], "the first was due long ago, the second is being sent"


@pytest.mark.parametrize("answer", [Refused("not under this account"), Unknown("lost")])
def test_who_was_overtaken_neither_gives_money_back_nor_calls_it_unknown(town: Any, answer: Answer) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_REQUEST))
    before, key = version(town), town.key()
    with town.engine.begin() as connection:
        (other,) = town.claimed(connection, NOW + MINUTE)
        assert phases.reopen(connection, key, other.version, NOW + MINUTE)
        phases.learn_each(connection, {key: answer}, NOW + MINUTE, {key: before})
    assert (town.state(), town.books()) == (State.SUBMITTED, "held")


def test_who_was_overtaken_still_tells_what_was_paid(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_REQUEST))
    before, key = version(town), town.key()
    with town.engine.begin() as connection:
        town.claimed(connection, NOW + MINUTE)
        phases.learn_each(connection, {key: Accepted("after all")}, NOW + MINUTE, {key: before})
    assert town.books() == "clearing"


def test_whoever_paid_may_be_ruled_at_once(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_ANSWER))
    with town.engine.begin() as connection:
        assert reviews.rule(connection, "w", "rita", "in their books", NOW, is_paid=True).state is State.SETTLED


def test_too_early_a_ruling_says_when(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_REQUEST))
    with pytest.raises(Refusal) as refusal:
        rule_unpaid(town, "w", NOW + QUIET_MICROS - 1)
    assert (refusal.value.status, refusal.value.facts["seconds"]) == (409, 1)
    assert rule_unpaid(town, "w", NOW + QUIET_MICROS) is State.REFUSED
