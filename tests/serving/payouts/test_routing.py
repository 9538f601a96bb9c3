"""What no configured provider was promised finds one once it can, waits in plain sight until then, and is not lost."""

from typing import Any

import pytest
from sqlalchemy import update

from serving.database import reading
from serving.ledger import book, proofs
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.payouts import attempts, reviews, saga
from serving.payouts.desk import DESTINATION_CHANGED, DESTINATION_NEEDED, PROVIDER_NEEDED, Desk
from serving.payouts.destinations import Vault, forget
from serving.payouts.duties import Books, payout_duties
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.identity.sealing import Seal
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Provider
from serving.payouts.routing import strangers
from serving.payouts.saga import PAYOUT, PaidBy, PayoutOrder, State, Terms
from serving.policy import Policy, load_policy
from serving.policy_payouts import FeeRule, Route

NOW = 1_000 * 24 * 3_600 * 1_000_000
MINUTE = 60 * 1_000_000
VAULT = Vault(Seal(b"s" * 32))
FEES = {"bank": {"CNY": FeeRule(fixed_micros=300_000, paid_by="person")}}
ROUTES = Route(provider="bank", kinds=("email",)), Route(provider="chain", kinds=("wallet_address",))


def policy() -> Policy:
    shipped = load_policy()
    return shipped.model_copy(update={"payouts": shipped.payouts.model_copy(update={"routes": ROUTES, "fees": FEES})})


class House:
    """Who pays in this town, each from a memory of its own, and the duties that make them."""

    def __init__(self, town: Any, *names: str, faults: tuple[Fault, ...] = ()) -> None:
        self.town, self.now = town, NOW
        self.providers: dict[str, Any] = {name: self._made(name, faults) for name in names}
        self.desk = Desk(policy(), VAULT, providers=frozenset(names))
        books = Books(town.engine.begin, lambda: reading(town.engine))
        asked: list[Provider] = list(self.providers.values())
        self._duties = payout_duties(books, asked, self.desk, lambda: self.now)

    def _made(self, name: str, faults: tuple[Fault, ...]) -> FakeProvider:
        made = FakeProvider(self.town.folder / f"{name}.db", {"ann@example.com": faults})
        made.name = name
        return made

    def round(self, *duties: str) -> None:
        """Some duties, or all of them, once."""
        for name in duties or self._duties:
            self._duties[name][0]()

    def paid(self) -> dict[str, list[str]]:
        return {name: [one.destination for one in made.paid()] for name, made in self.providers.items()}


def withdraw(town: Any, id_: str, terms: Terms | None = None) -> None:
    with town.engine.begin() as connection:
        held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", 1_000_000, "CNY"), NOW)
        saga.start(connection, PayoutOrder(id_, held.id, f"digest of {id_}", terms or Terms()), NOW)
        saga.decide(connection, id_, "approve", f"{id_}/decision", NOW)


def keep(town: Any, id_: str, destination: str) -> None:
    with town.engine.begin() as connection:
        VAULT.keep(connection, f"digest of {id_}", destination, NOW)
        saga.wake(connection, "ann", NOW + 1)


def payout(town: Any, id_: str) -> saga.Payout:
    with town.engine.begin() as connection:
        return saga.get(connection, id_)


def test_what_was_asked_for_first_waits_for_its_destination_and_then_finds_its_provider(town: Any) -> None:
    house = House(town, "bank", "chain")
    for id_ in ("mail", "wallet"):
        withdraw(town, id_)
    house.round()
    assert {payout(town, id_).waits_for for id_ in ("mail", "wallet")} == {DESTINATION_NEEDED}
    keep(town, "mail", "ann@example.com")
    keep(town, "wallet", "0x" + "ab" * 20)
    house.now = NOW + 1
    house.round("payouts-bank", "payouts-chain")
    assert house.paid() == {"bank": [], "chain": []}, "nobody takes what was promised to nobody"
    house.round()
    assert house.paid() == {"bank": ["ann@example.com"], "chain": ["0x" + "ab" * 20]}
    assert {payout(town, id_).state for id_ in ("mail", "wallet")} == {State.SETTLED}


def test_a_destination_that_nobody_pays_waits_with_a_word_until_somebody_does(town: Any) -> None:
    house = House(town, "bank")
    withdraw(town, "wallet")
    keep(town, "wallet", "0x" + "ab" * 20)
    for _ in range(2):
        house.round()
        found = payout(town, "wallet")
        assert (found.state, found.waits_for, found.due_at) == (
            State.SUBMITTED,
            PROVIDER_NEEDED,
            house.now + 5 * MINUTE,
        )
        house.now += 5 * MINUTE
    assert town.amounts() == (8_000_000, 1_000_000, 0, 0)
    later = House(town, "bank", "chain")
    later.now = house.now
    later.round("payouts-routing")
    later.round("payouts-chain")
    assert later.paid()["chain"] == ["0x" + "ab" * 20]
    assert payout(town, "wallet").waits_for is None


def test_what_was_promised_to_a_provider_that_is_gone_and_not_begun_is_paid_by_another_for_no_more(town: Any) -> None:
    withdraw(town, "mail", Terms("fake", 100_000, PaidBy.PERSON))
    withdraw(town, "free", Terms("fake"))
    keep(town, "mail", "ann@example.com")
    keep(town, "free", "ann@example.com")
    house = House(town, "bank")
    house.round("payouts-routing")
    assert {payout(town, id_).provider for id_ in ("mail", "free")} == {"bank"}
    assert payout(town, "mail").fee_micros == 100_000, "what the person was shown, though it costs more"
    assert payout(town, "free").taken_micros == 0, "the platform bears what nobody was shown"
    house.round("payouts-bank")
    assert sorted(one.amount_micros for one in house.providers["bank"].paid()) == [900_000, 1_000_000]


def test_what_a_provider_that_is_gone_has_begun_stays_its_own(town: Any) -> None:
    withdraw(town, "mail", Terms("bank"))
    keep(town, "mail", "ann@example.com")
    house = House(town, "bank", faults=(Fault.LOSE_ANSWER,))
    house.round()
    assert payout(town, "mail").state is State.UNKNOWN
    other = House(town, "chain")
    other.now = NOW + 2 * MINUTE
    other.round()
    found = payout(town, "mail")
    assert (found.state, found.provider, found.waits_for) == (State.UNKNOWN, "bank", PROVIDER_NEEDED)
    house.now = other.now + 5 * MINUTE
    house.round()
    found = payout(town, "mail")
    assert (found.state, found.waits_for) == (State.SETTLED, None)
    assert house.paid() == {"bank": ["ann@example.com"]}


def keep_anew(town: Any, id_: str, destination: str, now: int) -> None:
    with town.engine.begin() as connection:
        assert forget(connection, f"digest of {id_}")
        VAULT.keep(connection, f"digest of {id_}", destination, now)
        saga.wake(connection, "ann", now)


def test_a_destination_kept_anew_as_another_kind_is_paid_by_who_pays_that_for_no_more(town: Any) -> None:
    house = House(town, "bank", "chain")
    keep(town, "mail", "ann@example.com")
    withdraw(town, "mail", Terms("bank", 100_000, PaidBy.PERSON))
    keep_anew(town, "mail", "0x" + "ab" * 20, NOW + 1)
    house.now = NOW + 1
    house.round("payouts-bank")
    found = payout(town, "mail")
    assert (found.provider, found.waits_for, found.attempt_count) == ("", DESTINATION_CHANGED, 0)
    house.round()
    house.round()
    assert house.paid() == {"bank": [], "chain": ["0x" + "ab" * 20]}
    found = payout(town, "mail")
    assert (found.state, found.waits_for) == (State.SETTLED, None)
    assert found.taken_micros <= 100_000, "no more than the person was shown"


def test_a_destination_kept_anew_as_a_kind_that_nobody_pays_waits_with_a_word(town: Any) -> None:
    house = House(town, "bank")
    keep(town, "mail", "ann@example.com")
    withdraw(town, "mail", Terms("bank"))
    keep_anew(town, "mail", "0x" + "ab" * 20, NOW + 1)
    house.now = NOW + 1
    for _ in range(2):
        house.round()
    assert (payout(town, "mail").waits_for, house.paid()) == (PROVIDER_NEEDED, {"bank": []})
    keep_anew(town, "mail", "bob@example.com", NOW + 2)
    house.now = NOW + 2
    for _ in range(2):
        house.round()
    assert house.paid() == {"bank": ["bob@example.com"]}


def test_a_destination_kept_anew_as_the_same_kind_keeps_its_promise(town: Any) -> None:
    house = House(town, "bank", "chain")
    keep(town, "mail", "ann@example.com")
    withdraw(town, "mail", Terms("bank", 100_000, PaidBy.PERSON))
    keep_anew(town, "mail", "bob@example.com", NOW + 1)
    house.now = NOW + 1
    house.round("payouts-bank")
    assert (house.paid()["bank"], payout(town, "mail").taken_micros) == (["bob@example.com"], 100_000)


def test_what_was_begun_is_never_sent_again_to_a_destination_that_was_kept_anew(town: Any) -> None:
    keep(town, "mail", "ann@example.com")
    withdraw(town, "mail", Terms("bank"))
    house = House(town, "bank", faults=(Fault.LOSE_REQUEST,))
    house.round()
    keep_anew(town, "mail", "bob@example.com", NOW + 1)
    house.now = NOW + 2 * MINUTE
    house.round()
    assert (payout(town, "mail").state, house.paid()) == (State.UNKNOWN, {"bank": []})
    assert house.providers["bank"].sendings(attempts.key_of("mail")) == 1


@pytest.mark.parametrize("fault", [Fault.SETTLE_LATER, Fault.LOSE_REQUEST])
@pytest.mark.parametrize("is_paid", [True, False])
def test_a_person_ends_what_a_provider_that_is_gone_has_begun(town: Any, fault: Fault, is_paid: bool) -> None:
    withdraw(town, "mail", Terms("bank"))
    keep(town, "mail", "ann@example.com")
    house = House(town, "bank", faults=(fault,))
    house.round()
    was_accepted = fault is Fault.SETTLE_LATER
    later = House(town, "chain")
    later.now = NOW + 20 * MINUTE
    with town.engine.begin() as connection:
        if was_accepted:
            with pytest.raises(IllegalMove, match="submitted"):
                reviews.rule(connection, "mail", "rita", "seen", later.now, is_paid=is_paid)
    later.round()
    with town.engine.begin() as connection:
        assert [one.id for one in reviews.waiting(connection, later.now)] == ["mail"]
        reviews.rule(connection, "mail", "rita", "seen in the bank's books", later.now, is_paid=is_paid)
        assert reviews.waiting(connection, later.now) == []
    unpaid = State.RETURNED if was_accepted else State.REFUSED
    found = payout(town, "mail")
    assert (found.state, found.waits_for) == (State.SETTLED if is_paid else unpaid, None)
    with town.engine.begin() as connection:
        assert proofs.check(connection) == []
        paid = book.balance(connection, Account(AccountKind.PROVIDER_CASH, "bank", "CNY")).posted_micros
        assert paid == (1_000_000 if is_paid else 0)
    assert town.amounts()[:3] == (8_000_000 if is_paid else 9_000_000, 0, 0)


def test_a_whole_bundle_of_a_provider_that_is_gone_follows_a_ruling_upon_any_of_it(town: Any) -> None:
    for id_ in ("one", "two"):
        with town.engine.begin() as connection:
            held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", 1_000_000, "CNY"), NOW)
            saga.start(connection, PayoutOrder(id_, held.id, "digest", Terms("bank", bundle_micros=1)), NOW)
            saga.decide(connection, id_, "approve", f"{id_}/decision", NOW)
            VAULT.keep(connection, "digest", "ann@example.com", NOW)
    house = House(town, "bank", faults=(Fault.SETTLE_LATER,))
    house.now = NOW + 1
    house.round()
    later = House(town, "chain")
    later.now = NOW + 20 * MINUTE
    later.round()
    with town.engine.begin() as connection:
        reviews.rule(connection, "two", "rita", "not in their books", later.now, is_paid=False)
    assert {payout(town, id_).state for id_ in ("one", "two")} == {State.RETURNED}
    assert town.amounts() == (9_000_000, 0, 0, 0)


def test_only_names_with_payouts_that_are_due_are_strangers(town: Any) -> None:
    withdraw(town, "mail", Terms("bank"))
    withdraw(town, "lost", Terms("aaa"))
    withdraw(town, "nobody's")
    with town.engine.begin() as connection:
        assert strangers(connection, {"bank"}, NOW) == ["", "aaa"]
        assert strangers(connection, {"bank"}, NOW - 1) == []
        connection.execute(update(PAYOUT).values(due_at=None))
        assert strangers(connection, {"bank"}, NOW) == []
