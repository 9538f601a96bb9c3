"""A provider that cannot be asked: what was not sent waits and is sent by itself; what may have been sent stays so."""

import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any, Final

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import func, select

from pipelines.doubles.faulty import Response, serving
from pipelines.doubles.stripe import SECRET, StripeDouble
from serving.database import reading
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.outbox.changes import after
from serving.outbox.numbering import number
from serving.payouts import phases, reviews, runner, saga
from serving.payouts.attempts import PAYOUT_ATTEMPT
from serving.payouts.desk import OPEN_DESK
from serving.payouts.duties import Books, payout_duties
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.provider import PROVIDER_UNREACHABLE, Absent, Answer, Settled, Unsent
from serving.payouts.providers.limits import Breaker, NotSent
from serving.payouts.providers.stripe import StripeTransfers
from serving.payouts.providers.transport import Door, Manners
from serving.payouts.saga import PaidBy, PayoutOrder, State, Terms

MINUTE: Final = 60 * 1_000_000
DAY: Final = 24 * 60 * MINUTE
NOW: Final = 1_000 * DAY


class Away(FakeProvider):
    """As the fake, once it `is_there`."""

    is_there = False

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        self._assert_there()
        return super().send(key, destination, amount_micros, currency)

    def lookup(self, key: str) -> Answer:
        self._assert_there()
        return super().lookup(key)

    def _assert_there(self) -> None:
        if not self.is_there:
            raise NotSent("not asked for 30 s more")


def away(town: Any, *faults: Fault) -> Away:
    return Away(town.folder / "provider.db", {"ann's bank": faults})


def seen(town: Any, id_: str = "w") -> tuple[State, str | None]:
    with town.engine.begin() as connection:
        payout = saga.get(connection, id_)
    return payout.state, payout.waits_for


def outcome(town: Any) -> str | None:
    with town.engine.begin() as connection:
        found: str | None = connection.scalar(select(PAYOUT_ATTEMPT.c.outcome))
    return found


def is_unbegun(town: Any, *ids: str) -> bool:
    """Nothing is left of having tried: whatever may stop what nobody has begun may stop this."""
    with town.engine.begin() as connection:
        stoppable = {one.id: one for one in saga.unbegun(connection, ["ann"])}
        tried = connection.scalar(select(func.count()).select_from(PAYOUT_ATTEMPT))
    found = [stoppable[id_] for id_ in ids if id_ in stoppable]
    return len(found) == len(ids) and tried == 0 and all(one.tax_year is one.tax_micros is None for one in found)


@pytest.fixture
def stripe() -> Iterator[tuple[StripeTransfers, StripeDouble, int]]:
    """An adapter, its provider's double, and the port at which nobody serves that yet."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    manners = Manners(deadline_seconds=120, reads_max=1)
    with Door("stripe", f"http://127.0.0.1:{port}", manners, breaker=Breaker(failures_max=1_000)) as door:
        yield StripeTransfers(door, "key", SECRET), StripeDouble(), port


def test_what_could_not_be_sent_for_days_is_paid_once_and_by_itself_when_its_provider_is_back(
    town: Any, stripe: tuple[StripeTransfers, StripeDouble, int]
) -> None:
    provider, double, port = stripe
    town.withdraw()
    for later in (0, MINUTE, 3 * DAY):
        assert town.run(provider, NOW + later) == {State.SUBMITTED: 1}
        assert seen(town) == (State.SUBMITTED, PROVIDER_UNREACHABLE)
        assert is_unbegun(town, "w")
    with serving(double, port):
        assert town.run(provider, NOW + 3 * DAY + MINUTE) == {State.SETTLED: 1}
    assert (seen(town), len(double.taken())) == ((State.SETTLED, None), 1)


def test_refused_credentials_keep_payouts_waiting_too(
    town: Any, stripe: tuple[StripeTransfers, StripeDouble, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    provider, double, port = stripe
    town.withdraw()
    with ExitStack() as stack:
        stack.enter_context(serving(double, port))
        with monkeypatch.context() as patch:
            patch.setattr("pipelines.doubles.stripe.StripeDouble.respond", lambda *_: double_refuses())
            for later in (0, MINUTE, 3 * DAY):
                assert town.run(provider, NOW + later) == {State.SUBMITTED: 1}
        assert town.run(provider, NOW + 3 * DAY + MINUTE) == {State.SETTLED: 1}
    assert len(double.taken()) == 1


def double_refuses() -> Any:
    return Response(401, json.dumps({"error": {"type": "invalid_request_error"}}).encode())


def test_what_may_have_been_sent_is_not_called_unsent_because_nobody_could_be_asked(town: Any) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        assert town.claimed(connection, NOW)  # and then all stopped: who knows whether it was sent
    provider = away(town)
    for later in (MINUTE, 2 * DAY):
        assert town.run(provider, NOW + later) == {State.SUBMITTED: 1}
        assert (seen(town)[1], outcome(town)) == (PROVIDER_UNREACHABLE, None)
    provider.is_there = True
    assert town.run(provider, NOW + 3 * DAY) == {State.UNKNOWN: 1}
    assert (provider.sendings(town.key()), town.books()) == (0, "held")


def test_what_is_unknown_stays_unknown_while_nobody_can_be_asked(town: Any) -> None:
    town.withdraw()
    provider = away(town, Fault.LOSE_ANSWER)
    provider.is_there = True
    assert town.run(provider) == {State.UNKNOWN: 1}
    provider.is_there = False
    assert town.run(provider, NOW + MINUTE) == {State.UNKNOWN: 1}
    assert (seen(town), outcome(town)) == ((State.UNKNOWN, PROVIDER_UNREACHABLE), "unknown")
    provider.is_there = True
    assert town.run(provider, NOW + 2 * MINUTE) == {State.SETTLED: 1}
    assert (seen(town), provider.sendings(town.key()), town.books()) == ((State.SETTLED, None), 1, "paid")


def test_what_was_accepted_waits_for_nobody_once_its_provider_has_answered_whatever_it_said(town: Any) -> None:
    town.withdraw()
    provider = away(town, Fault.SETTLE_LATER)
    provider.is_there = True
    town.run(provider)
    provider.is_there = False
    assert town.run(provider, NOW + MINUTE) == {State.SUBMITTED: 1}
    assert (seen(town), town.books()) == ((State.SUBMITTED, PROVIDER_UNREACHABLE), "clearing")
    provider.forget(town.key())
    provider.is_there = True
    assert isinstance(provider.lookup(town.key()), Absent)
    assert town.run(provider, NOW + 3 * MINUTE) == {State.SUBMITTED: 1}
    assert (seen(town), outcome(town), provider.sendings(town.key())) == ((State.SUBMITTED, None), "accepted", 1)


def test_the_life_of_a_key_begins_when_it_may_first_have_been_sent(town: Any) -> None:
    town.withdraw()
    provider = away(town, Fault.LOSE_REQUEST)
    town.run(provider)
    provider.is_there = True
    assert town.run(provider, NOW + 2 * DAY) == {State.UNKNOWN: 1}
    assert (outcome(town), provider.sendings(town.key())) == ("unknown", 1)
    assert town.run(provider, NOW + 4 * DAY) == {State.UNKNOWN: 1}, "it was sent once: it may have been forgotten"
    assert provider.sendings(town.key()) == 1


def test_what_was_tried_in_vain_is_begun_anew_with_all_that_it_was(town: Any) -> None:
    ids = ["w1", "w2"]
    with town.engine.begin() as connection:
        for id_ in ids:
            held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", 1_000_000, "CNY"), NOW)
            terms = Terms("fake", 0, PaidBy.PLATFORM, bundle_micros=MINUTE)
            saga.start(connection, PayoutOrder(id_, held.id, "ann's bank", terms), NOW)
            saga.decide(connection, id_, "approve", f"{id_}/decision", NOW)
    provider = away(town)
    town.run(provider, NOW + MINUTE)
    assert is_unbegun(town, *ids)
    assert {seen(town, id_)[1] for id_ in ids} == {PROVIDER_UNREACHABLE}
    provider.is_there = True
    assert town.run(provider, NOW + 2 * MINUTE) == {State.SETTLED: 2}
    with town.engine.begin() as connection:
        assert connection.scalar(select(func.count(func.distinct(PAYOUT_ATTEMPT.c.bundle)))) == 1, "one payment of both"
    assert town.amounts()[3] == 2_000_000


def test_nothing_is_left_to_send_of_what_was_stopped_while_its_provider_was_away(town: Any) -> None:
    town.withdraw()
    provider = away(town)
    town.run(provider)
    with town.engine.begin() as connection:
        reviews.rule(connection, "w", "Ann Lee", "the person asked for it", NOW, is_paid=False)
    provider.is_there = True
    assert town.run(provider, NOW + MINUTE) == {}
    assert (town.state(), town.amounts()) == (State.REFUSED, (9_000_000, 0, 0, 0))


def test_who_was_overtaken_does_not_say_that_nothing_was_sent(town: Any) -> None:
    town.withdraw()
    with town.engine.begin() as connection:
        (slow,) = town.claimed(connection, NOW)
    assert town.run(town.provider(Fault.LOSE_REQUEST), NOW + MINUTE) == {State.UNKNOWN: 1}
    said = {slow.provider_key: Unsent("its breaker is open")}
    with town.engine.begin() as connection:
        phases.learn_each(connection, said, NOW + MINUTE, {slow.provider_key: slow.version})
    assert (seen(town), outcome(town)) == ((State.UNKNOWN, None), "unknown")


def test_a_provider_s_own_notification_ends_the_wait(town: Any) -> None:
    town.withdraw()
    provider = away(town, Fault.SETTLE_LATER)
    provider.is_there = True
    town.run(provider)
    provider.is_there = False
    town.run(provider, NOW + MINUTE)
    assert seen(town) == (State.SUBMITTED, PROVIDER_UNREACHABLE)
    assert town.learn(Settled("by a notification"), NOW) is State.SETTLED
    assert (seen(town), town.books()) == ((State.SETTLED, None), "paid")


def test_a_wait_is_told_once_however_often_it_is_tried_again(town: Any) -> None:
    town.withdraw()
    provider = away(town)
    for minute in range(4):
        town.run(provider, NOW + minute * MINUTE)
    provider.is_there = True
    town.run(provider, NOW + 4 * MINUTE)
    with town.engine.begin() as connection:
        number(connection, NOW, is_awaited=False)
        told = [one.data for one in after(connection, 0, 100) if one.type == "payout.updated"]
    waits = [(one["state"], one["waits_for"]) for one in told if one["state"] != State.HELD]
    assert waits == [("submitted", None), ("submitted", PROVIDER_UNREACHABLE), ("settled", None)]


def test_what_waits_for_its_provider_is_not_woken_by_a_proof(town: Any) -> None:
    town.withdraw()
    town.run(away(town))
    with town.engine.begin() as connection:
        assert saga.wake(connection, "ann", NOW) == 0


def test_a_run_that_found_nobody_leaves_the_rest_unbegun(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = [town.withdraw(f"w{at}", amount=1_000_000) for at in range(3)]
    monkeypatch.setattr(runner, "SINGLE_GROUP_MAX", 2)
    assert town.run(away(town)) == {State.SUBMITTED: 2}
    with town.engine.begin() as connection:
        assert [one.waits_for for one in saga.get_each(connection, ids).values()].count(None) == 1


def test_a_monitor_sees_what_waits_and_for_what(town: Any) -> None:
    town.withdraw()
    town.run(away(town))
    books = Books(town.engine.begin, lambda: reading(town.engine))
    show, _ = payout_duties(books, [], OPEN_DESK, lambda: NOW)["payouts-gauges"]

    def figure() -> float | None:
        labels = {"provider": "fake", "state": "submitted", "waits_for": PROVIDER_UNREACHABLE}
        return REGISTRY.get_sample_value("assay_payouts_unfinished", labels)

    show()
    assert figure() == 1
    town.run(town.provider(), NOW + MINUTE)
    show()
    assert figure() == 0
