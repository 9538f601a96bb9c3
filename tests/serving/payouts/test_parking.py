"""What stands between an approved payout and its provider parks it, with its reason, and refuses nothing."""

from typing import Any

import pytest
from sqlalchemy import select, update

from serving.database import reading
from serving.ledger.refusals import Conflicting
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.payouts import reviews, saga
from serving.payouts.attempts import PAYOUT_ATTEMPT, key_of
from serving.payouts.claims import PATIENCE_MICROS, claim_each
from serving.payouts.desk import DESTINATION_NEEDED, Desk
from serving.payouts.destinations import PAYOUT_DESTINATION, Vault, forget
from serving.payouts.duties import TABLES, Books, payout_duties
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.identity import persons, states
from serving.payouts.identity.gate import Reason
from serving.payouts.identity.persons import Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.identity.states import State as Proof
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Accepted, Answer, Returned
from serving.payouts.providers.inbox import INBOX, Effect, accept
from serving.payouts.providers.limits import NotSent
from serving.payouts.providers.notices import Notice
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PAYOUT, PayoutOrder, State, Terms
from serving.payouts.screening import hits
from serving.payouts.screening.fake import FakeScreen
from serving.policy import Policy, load_policy

DAY = 24 * 3_600 * 1_000_000
NOW = 1_000 * DAY
MINUTE = 60 * 1_000_000
SEAL = Seal(b"s" * 32)
SHIPPED = load_policy()


def policy(rolling: int) -> Policy:
    amounts = SHIPPED.identity.amounts
    cny = amounts["CNY"].model_copy(update={"rolling_micros": rolling})
    identity = SHIPPED.identity.model_copy(update={"amounts": {"CNY": cny}})
    return SHIPPED.model_copy(update={"identity": identity})


STRICT = Desk(policy(rolling=1_000_000))


def run(town: Any, provider: Any, desk: Desk, now: int = NOW) -> dict[State, int]:
    return dict(advance_payouts(town.engine.begin, provider, now, desk=desk))


def reason(town: Any, id_: str = "w") -> str | None:
    with town.engine.begin() as connection:
        return saga.get(connection, id_).waits_for


def prove(town: Any, user: str = "ann", now: int = NOW) -> None:
    with town.engine.begin() as connection:
        pending = states.move(connection, states.get(connection, user), Proof.PENDING, "check_began", now)
        states.move(connection, pending, Proof.VERIFIED, "check_proven", now, verified_until=now + 700 * DAY)


def test_a_payout_beyond_the_amount_waits_for_proof_and_then_goes_on(town: Any) -> None:
    provider = town.provider()
    town.withdraw()
    assert run(town, provider, STRICT) == {}
    assert (town.state(), town.books(), reason(town)) == (State.SUBMITTED, "held", Reason.IDENTITY_NEEDED)
    assert provider.payments() == []
    assert run(town, provider, STRICT, NOW + DAY) == {}
    prove(town, now=NOW + DAY)
    assert run(town, provider, STRICT, NOW + DAY) == {State.SETTLED: 1}, "a proof wakes what waits for it"
    assert (town.books(), reason(town)) == ("paid", None)


def test_how_far_a_proof_is_shows_in_what_waits_for_it_at_once(town: Any) -> None:
    town.withdraw()
    run(town, town.provider(), STRICT)
    with town.engine.begin() as connection:
        pending = states.move(connection, states.get(connection, "ann"), Proof.PENDING, "check_began", NOW)
    run(town, town.provider(), STRICT)
    assert reason(town) == Reason.IDENTITY_PENDING
    with town.engine.begin() as connection:
        states.move(connection, pending, Proof.FAILED, "check_failed", NOW, check_count=3)
    run(town, town.provider(), STRICT)
    assert reason(town) == Reason.CHECKS_SPENT
    with town.engine.begin() as connection:
        states.grant(connection, "ann", "documents_seen", "rita", NOW)
    run(town, town.provider(), STRICT)
    assert reason(town) == Reason.IDENTITY_FAILED


def test_a_proof_wakes_nobody_elses_payout_and_none_that_is_looked_at_just_now(town: Any) -> None:
    town.withdraw()
    run(town, town.provider(), STRICT)
    with town.engine.begin() as connection:
        assert saga.wake(connection, "bob", NOW) == 0
    if town.engine.dialect.name != "postgresql":
        return  # SQLite has one writer at a time
    with town.engine.begin() as looking, town.engine.begin() as proving:
        assert saga.find(looking, "w") is not None
        assert saga.wake(proving, "ann", NOW) == 0, "it waits for nobody"
    with town.engine.begin() as connection:
        assert saga.wake(connection, "ann", NOW) == 1


def test_what_waits_for_a_person_keeps_nobody_else_waiting(town: Any) -> None:
    provider = town.provider()
    town.withdraw("large", amount=4_000_000)
    with town.engine.begin() as connection:
        states.demand(connection, "ann", "odd_payout", "reviewer", NOW)
    assert run(town, provider, STRICT) == {}
    assert reason(town, "large") == Reason.IDENTITY_NEEDED


def test_of_two_payouts_in_one_group_both_count(town: Any) -> None:
    for id_ in ("a", "b"):
        town.withdraw(id_, amount=600_000)
    assert run(town, town.provider(), STRICT) == {}
    assert {reason(town, "a"), reason(town, "b")} == {Reason.IDENTITY_NEEDED}


def test_the_group_permits_exactly_what_the_gate_permits(town: Any) -> None:
    town.withdraw("a", amount=1_000_000)
    assert run(town, town.provider(), STRICT) == {State.SETTLED: 1}
    town.withdraw("b", amount=1_000_000)
    assert run(town, town.provider(), STRICT, NOW + 30 * DAY - 1) == {}
    assert run(town, town.provider(), Desk(policy(rolling=1_000_000)), NOW + 31 * DAY) == {State.SETTLED: 1}


def test_other_accounts_of_the_same_person_count(town: Any) -> None:
    town.withdraw("a", amount=900_000)
    run(town, town.provider(), STRICT)
    with town.engine.begin() as connection:
        connection.execute(update(PAYOUT).values(user_id="bob"))
    town.withdraw("b", amount=900_000)
    linked = Desk(STRICT.policy, accounts_of=lambda users: {one: frozenset({"bob"}) for one in users})
    assert run(town, town.provider(), linked) == {}, "nobody was asked yet who else ann is"
    assert reason(town, "b") is None
    assert run(town, town.provider(), linked.knowing(["ann"])) == {}
    assert reason(town, "b") == Reason.IDENTITY_NEEDED
    assert run(town, town.provider(), STRICT, NOW + 5 * MINUTE) == {State.SETTLED: 1}


def suspect(town: Any) -> None:
    with town.engine.begin() as connection:
        persons.record(connection, "ann", Person(("Ann Lee",)), SEAL, NOW)
        known = persons.find(connection, "ann")
        assert known is not None
        hits.announce(connection, FakeScreen().version, NOW)
        hits.record(connection, known, FakeScreen().version, None, SEAL, NOW)


def test_a_possible_hit_waits_for_a_reviewer_and_is_not_refused(town: Any) -> None:
    town.withdraw()
    prove(town)
    suspect(town)
    assert run(town, town.provider(), STRICT) == {}
    assert (town.state(), reason(town)) == (State.SUBMITTED, Reason.POSSIBLE_HIT)
    with town.engine.begin() as connection:
        (hit,) = hits.open_hits(connection)
        hits.answer(connection, hit, hits.HitState.CLEARED, "rita", "another person", SEAL, NOW)
    assert run(town, town.provider(), STRICT) == {State.SETTLED: 1}, "the answer wakes what waited for it"


def test_a_confirmed_hit_holds_the_money_until_a_person_rules_and_then_it_stays_in_the_wallet(town: Any) -> None:
    prove(town)
    suspect(town)
    town.withdraw()
    with town.engine.begin() as connection:
        (hit,) = hits.open_hits(connection)
        hits.answer(connection, hit, hits.HitState.CONFIRMED, "rita", "the same passport", SEAL, NOW)
    for days in (0, 30, 365):
        assert run(town, town.provider(), STRICT, NOW + days * DAY) == {}
        assert (town.books(), reason(town)) == ("held", Reason.CONFIRMED_HIT)
    later = NOW + 400 * DAY
    with town.engine.begin() as connection:
        assert [one.id for one in reviews.waiting(connection, later)] == ["w"]
        with pytest.raises(IllegalMove, match="can only be ruled not paid"):
            reviews.rule(connection, "w", "omar", "licence 7", later, is_paid=True)
        reviews.rule(connection, "w", "omar", "licence 7", later, is_paid=False)
        assert reviews.waiting(connection, later) == []
    assert (town.state(), town.books(), reason(town)) == (State.REFUSED, "untouched", None)
    town.withdraw("again")
    assert run(town, town.provider(), STRICT, later) == {}
    assert (town.books(), reason(town, "again")) == ("held", Reason.CONFIRMED_HIT)


def test_what_is_parked_and_not_begun_can_be_given_back_and_what_is_not_parked_cannot(town: Any) -> None:
    town.withdraw()
    with town.engine.begin() as connection, pytest.raises(IllegalMove, match="only what is unknown"):
        reviews.rule(connection, "w", "rita", "the person asked", NOW, is_paid=False)
    run(town, town.provider(), Desk(vault=Vault(SEAL)))
    assert reason(town) == DESTINATION_NEEDED
    with town.engine.begin() as connection:
        assert reviews.rule(connection, "w", "rita", "the person asked", NOW, is_paid=False).state is State.REFUSED
    assert run(town, town.provider(), Desk(), NOW + DAY) == {}
    assert town.books() == "untouched"


def test_a_destination_is_kept_sealed_and_opened_only_to_pay(town: Any) -> None:
    desk, provider = Desk(vault=Vault(SEAL)), town.provider()
    town.withdraw()
    assert run(town, provider, desk) == {}
    assert (town.books(), reason(town)) == ("held", DESTINATION_NEEDED)
    with town.engine.begin() as connection:
        for plain in ("ann@example.com", "Ann@Example.com"):
            assert Vault(SEAL).keep(connection, "ann's bank", plain, NOW) == "email"
        with pytest.raises(Conflicting, match="names another destination") as refusal:
            Vault(SEAL).keep(connection, "ann's bank", "somewhere else", NOW)
        assert "somewhere" not in str(refusal.value)
        row = connection.execute(select(PAYOUT_DESTINATION)).one()
    assert (row.kind, b"example" in row.sealed) == ("email", False)
    assert run(town, provider, desk, NOW + 5 * MINUTE) == {State.SETTLED: 1}
    assert [payment.destination for payment in provider.paid()] == ["ann@example.com"]


def test_a_destination_that_was_erased_is_looked_up_and_never_sent_to_again(town: Any) -> None:
    desk = Desk(vault=Vault(SEAL))
    provider = FakeProvider(town.folder / "provider.db", {"ann@example.com": [Fault.LOSE_REQUEST]})
    with town.engine.begin() as connection:
        Vault(SEAL).keep(connection, "ann's bank", "ann@example.com", NOW)
    town.withdraw()
    assert run(town, provider, desk) == {State.UNKNOWN: 1}
    with town.engine.begin() as connection:
        assert forget(connection, "ann's bank")
    assert run(town, provider, desk, NOW + PATIENCE_MICROS) == {State.UNKNOWN: 1}
    assert provider.sendings(town.key()) == 1


@pytest.mark.parametrize("destination", ["", "a\nb", "x" * 129])
def test_what_is_no_destination_is_refused_without_being_repeated(town: Any, destination: str) -> None:
    with town.engine.begin() as connection, pytest.raises(ValueError, match=r"^destination: ") as refusal:
        Vault(SEAL).keep(connection, "digest", destination, NOW)
    assert not destination or destination not in str(refusal.value)


def books(town: Any) -> Books:
    return Books(town.engine.begin, lambda: reading(town.engine))


class Down:
    """A provider whose breaker is open."""

    name, key_lifetime_micros, sendings = "down", DAY, 0

    def send(self, *_: object) -> Answer:
        raise NotSent("not asked for 30 s more")

    def lookup(self, _: str) -> Answer:
        raise NotSent("not asked for 30 s more")


def withdraw(town: Any, id_: str, provider: str) -> None:
    with town.engine.begin() as connection:
        held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", 1_000_000, "CNY"), NOW)
        saga.start(connection, PayoutOrder(id_, held.id, "ann's bank", Terms(provider)), NOW)
        saga.decide(connection, id_, "approve", f"{id_}/decision", NOW)


def test_payouts_of_a_provider_that_is_down_wait_and_the_others_go_on(town: Any) -> None:
    withdraw(town, "waits", "down")
    withdraw(town, "goes", "fake")
    assert run(town, Down(), Desk()) == {State.SUBMITTED: 1}
    assert run(town, town.provider(), Desk()) == {State.SETTLED: 1}
    assert town.amounts() == (7_000_000, 1_000_000, 0, 1_000_000)
    up = town.provider()
    up.name = "down"
    assert run(town, up, Desk(), NOW + PATIENCE_MICROS) == {State.SETTLED: 1}
    assert len(up.paid()) == 2


def test_no_provider_takes_what_was_promised_to_another(town: Any) -> None:
    withdraw(town, "w", "elsewhere")
    assert run(town, town.provider(), Desk(), NOW + DAY) == {}


def test_each_provider_has_a_duty_of_its_own_and_notices_that_waited_are_applied(town: Any) -> None:
    town.withdraw()
    provider = town.provider()
    duties = payout_duties(books(town), [Down(), provider], Desk(), lambda: NOW)
    assert set(duties) == {"payouts-inbox", "payouts-gauges", "payouts-down", "payouts-fake"}
    assert {table.name for table in TABLES} <= set(PAYOUT.metadata.tables)
    with town.engine.begin() as connection:
        assert accept(connection, "fake", Notice("event", key_of("w"), Returned("r")), NOW) is Effect.WAITING
    duties["payouts-fake"][0]()
    assert (town.state(), len(provider.paid())) == (State.SETTLED, 1)
    duties["payouts-inbox"][0]()
    assert (town.state(), town.books()) == (State.RETURNED, "untouched")


def test_a_notice_that_waits_since_an_earlier_release_is_applied(town: Any) -> None:
    provider = town.provider()
    with town.engine.begin() as connection:
        accept(connection, "fake", Notice("event", key_of("w"), Returned("r")), NOW)
        connection.execute(update(INBOX).values(due_at=None))
    town.withdraw()
    town.run(provider)
    payout_duties(books(town), [provider], Desk(), lambda: NOW)["payouts-inbox"][0]()
    assert (town.state(), town.books()) == (State.RETURNED, "untouched")


def test_a_payout_of_an_earlier_release_is_taken_up(town: Any) -> None:
    provider = town.provider()
    town.withdraw("new")
    town.withdraw("tried", amount=1_000_000)
    with town.engine.begin() as connection:
        (attempt,) = [one for one in claim_each(connection, "fake", NOW) if one.payout_id == "tried"]
        connection.execute(update(PAYOUT).values(provider=None, due_at=None, fee_micros=None))
        connection.execute(update(PAYOUT).where(PAYOUT.c.id == "new").values(attempt_count=0))
        connection.execute(PAYOUT_ATTEMPT.delete().where(PAYOUT_ATTEMPT.c.payout_id == "new"))
    duties = payout_duties(books(town), [provider], Desk(), lambda: NOW + DAY // 2)
    duties["payouts-fake"][0]()
    assert {town.state("new"), town.state("tried")} == {State.SETTLED}
    assert attempt.provider_key in {payment.key for payment in provider.paid()}


def test_a_voucher_never_comes_back_whatever_is_said(town: Any) -> None:
    withdraw(town, "w", "voucher")
    provider = town.provider()
    provider.name = "voucher"
    assert run(town, provider, Desk()) == {State.SETTLED: 1}
    with pytest.raises(IllegalMove, match="cannot come back from voucher"):
        town.learn(Returned("r"))
    assert town.learn(Accepted("r")) is State.SETTLED
