"""Tax is a part of a payout: withheld by the rule of the proven country when it begins, given back with it."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random
from typing import Any

import pytest

from features.money import payable
from pipelines.reconcile.ours import payouts_of
from serving.decision import Action
from serving.ledger import book, proofs
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.payouts import phases, saga, taxes
from serving.payouts.attempts import key_of
from serving.payouts.claims import PATIENCE_MICROS, claim_each
from serving.payouts.desk import Desk
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.identity import persons
from serving.payouts.identity.persons import Person
from serving.payouts.identity.sealing import Seal
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import Refused, Returned, Settled
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PaidBy, PayoutOrder, State, Terms
from serving.payouts.taxes import YearLine, due, year_of
from serving.policy import Policy, load_policy
from serving.policy_money import TaxPolicy, TaxRule
from serving.policy_payouts import FeeRule

HOUR = 3_600 * 1_000_000
DAY = 24 * HOUR
NOW = int(datetime(2026, 3, 1, tzinfo=UTC).timestamp()) * 1_000_000
NEW_YEAR = int(datetime(2027, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000
YUAN, FEN = 1_000_000, 10_000
SEAL = Seal(b"s" * 32)
RULE = TaxRule(rate=0.2, threshold_micros=YUAN, currency="CNY")
TAX = TaxPolicy(booked_at="payout", time_zone="UTC", rules={"CN": RULE})
SHIPPED = load_policy()
SCREENED = SHIPPED.screening.model_copy(update={"is_required": False})
POLICY = SHIPPED.model_copy(update={"tax": TAX, "screening": SCREENED})
ALONE = Terms("fake", 0, PaidBy.PLATFORM)
KEPT = Account(AccountKind.TAX_WITHHELD, "CN", "CNY")


def prove(town: Any, country: str | None = "CN", user: str = "ann") -> None:
    with town.engine.begin() as connection:
        persons.record(connection, user, Person((user.title(),)), SEAL, NOW, country)


@pytest.fixture
def taxed(town: Any) -> Any:
    """Ann, who is known to be taxed in China, has 9 yuan."""
    prove(town)
    return town


def withdraw(town: Any, id_: str, amount: int, terms: Terms = ALONE, user: str = "ann", now: int = NOW) -> None:
    with town.engine.begin() as connection:
        held = hold_withdrawal(connection, WithdrawalOrder(id_, user, amount, "CNY"), now)
        saga.start(connection, PayoutOrder(id_, held.id, "ann's bank", terms), now)
        saga.decide(connection, id_, Action.APPROVE, f"{id_}/decision", now)


def run(town: Any, provider: Any, now: int = NOW, policy: Policy = POLICY, **desk: Any) -> dict[State, int]:
    return dict(advance_payouts(town.engine.begin, provider, now, desk=Desk(policy, **desk)))


def learn(town: Any, id_: str, answer: Any, now: int = NOW + DAY) -> State:
    with town.engine.begin() as connection:
        return phases.learn(connection, key_of(id_), answer, now).state


@dataclass
class Seen:
    """What the authority is owed, what was counted and withheld of 2026 by user, and the tax of each payout."""

    kept: int
    counted: dict[str, tuple[int, int]]
    taxes: dict[str, int | None]


def seen(town: Any, *ids: str) -> Seen:
    with town.engine.begin() as connection:
        assert proofs.check(connection) + taxes.check(connection) == []
        lines = taxes.of_year(connection, 2026)
        return Seen(
            book.balance(connection, KEPT).posted_micros,
            {one.user_id: (one.base_micros, one.tax_micros) for one in lines},
            {id_: saga.get(connection, id_).tax_micros for id_ in ids},
        )


def test_a_part_of_what_exceeds_the_years_threshold_is_withheld_and_given_back_with_the_payout(taxed: Any) -> None:
    before, provider = taxed.amounts(), taxed.provider()
    withdraw(taxed, "w", 5 * YUAN)
    assert run(taxed, provider) == {State.SETTLED: 1}
    assert [one.amount_micros for one in provider.paid()] == [4_200_000]
    assert seen(taxed, "w") == Seen(800_000, {"ann": (5 * YUAN, 800_000)}, {"w": 800_000})
    assert taxed.amounts() == (4 * YUAN, 0, 0, 4_200_000)
    for _ in range(2):
        assert learn(taxed, "w", Returned("r")) is State.RETURNED
    assert seen(taxed) == Seen(0, {}, {})
    assert taxed.amounts() == before


def test_what_is_refused_costs_no_tax_and_counts_no_longer(taxed: Any) -> None:
    before = taxed.amounts()
    withdraw(taxed, "w", 5 * YUAN)
    assert run(taxed, taxed.provider(Fault.REFUSE)) == {State.REFUSED: 1}
    assert seen(taxed) == Seen(0, {}, {})
    assert taxed.amounts() == before


@pytest.mark.parametrize("country", [None, "DE"])
def test_who_is_of_no_known_country_or_of_one_without_a_rule_is_paid_in_full(town: Any, country: str | None) -> None:
    prove(town, country)
    withdraw(town, "w", 5 * YUAN)
    run(town, town.provider())
    assert seen(town, "w") == Seen(0, {}, {"w": None})
    assert town.amounts() == (4 * YUAN, 0, 0, 5 * YUAN)


@pytest.mark.parametrize("rules", [SHIPPED.tax.rules, {"CN": RULE.model_copy(update={"currency": "USD"})}])
def test_a_policy_without_a_rule_for_it_changes_nothing(taxed: Any, rules: dict[str, TaxRule]) -> None:
    withdraw(taxed, "w", 5 * YUAN)
    run(taxed, taxed.provider(), policy=POLICY.model_copy(update={"tax": TAX.model_copy(update={"rules": rules})}))
    assert seen(taxed, "w") == Seen(0, {}, {"w": None})


def test_a_proof_that_names_a_country_while_a_payout_waits_counts_for_it(town: Any) -> None:
    withdraw(town, "w", 5 * YUAN)
    prove(town)
    run(town, town.provider())
    assert seen(town).kept == 800_000


def test_many_small_payouts_are_taxed_as_one_large_one(taxed: Any) -> None:
    for number in range(8):
        withdraw(taxed, f"w{number}", 1_010_000)
        run(taxed, taxed.provider())
    found = seen(taxed)
    assert found.counted == {"ann": (8_080_000, found.kept)}
    assert found.kept == payable(due(8_080_000, RULE), "CNY")


def test_payouts_that_begin_together_share_the_threshold(taxed: Any) -> None:
    for number in range(3):
        withdraw(taxed, f"w{number}", 2 * YUAN)
    run(taxed, taxed.provider())
    found = seen(taxed, "w0", "w1", "w2")
    assert sorted(found.taxes.values()) == [200_000, 400_000, 400_000]  # type: ignore[type-var]  # none is None
    assert found.kept == due(6 * YUAN, RULE)


def test_two_that_begin_payouts_of_one_person_at_once_use_the_threshold_once(taxed: Any) -> None:
    for number in range(4):
        withdraw(taxed, f"w{number}", 2 * YUAN)

    def begin(_: int) -> int:
        with taxed.engine.begin() as connection:
            return len(claim_each(connection, "fake", NOW, limit=1, desk=Desk(POLICY)))

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(begin, range(4))) == 4
    assert seen(taxed).counted == {"ann": (8 * YUAN, due(8 * YUAN, RULE))}


@pytest.mark.parametrize("is_proven", [True, False])
def test_the_accounts_of_one_person_share_the_threshold_and_the_country(taxed: Any, is_proven: bool) -> None:
    if is_proven:
        prove(taxed, user="bob")
    with taxed.engine.begin() as connection:
        credit_reward(connection, Reward("f", "bob", 9 * YUAN, 0, "CNY", matures_at=0), NOW)
    both = {"ann": frozenset({"bob"}), "bob": frozenset({"ann"})}
    for id_, user in (("w", "ann"), ("x", "bob")):
        withdraw(taxed, id_, 3 * YUAN, user=user)
        run(taxed, taxed.provider(), accounts=both)
    assert seen(taxed).counted == {"ann": (3 * YUAN, 400_000), "bob": (3 * YUAN, 600_000)}


def test_a_year_begins_where_the_policy_says(taxed: Any) -> None:
    eastern = TAX.model_copy(update={"time_zone": "Asia/Shanghai"})
    eve = NEW_YEAR - 4 * HOUR
    assert (year_of(eve, TAX), year_of(eve, eastern)) == (2026, 2027)
    for id_, now in (("w", eve), ("x", NEW_YEAR)):
        withdraw(taxed, id_, 2 * YUAN, now=now)
        run(taxed, taxed.provider(), now)
    with taxed.engine.begin() as connection:
        for year in (2026, 2027):
            assert taxes.of_year(connection, year) == [YearLine(year, "CN", "ann", "CNY", 2 * YUAN, 200_000)]


def test_a_rate_is_taken_as_it_is_written() -> None:
    assert due(10**15 + 7, TaxRule(rate=0.1, threshold_micros=0, currency="CNY")) == 10**14


def test_a_payment_is_never_of_nothing_and_what_it_could_not_give_is_withheld_with_the_next(taxed: Any) -> None:
    withdraw(taxed, "w", 5 * YUAN, Terms("fake", 4_900_000, PaidBy.PERSON))
    withdraw(taxed, "x", 3 * YUAN)
    provider = taxed.provider()
    fees = {"fake": {"CNY": FeeRule(fixed_micros=4_900_000, paid_by="person")}}
    paying = POLICY.model_copy(update={"payouts": SHIPPED.payouts.model_copy(update={"fees": fees})})
    run(taxed, provider, policy=paying)
    assert seen(taxed, "w", "x").taxes == {"w": 90_000, "x": due(8 * YUAN, RULE) - 90_000}
    assert min(one.amount_micros for one in provider.paid()) == FEN


def test_what_was_refused_lowers_the_next_and_never_pays_anybody(taxed: Any) -> None:
    withdraw(taxed, "w", 3 * YUAN)
    run(taxed, taxed.provider(Fault.SETTLE_LATER))
    withdraw(taxed, "x", 3 * YUAN)
    run(taxed, taxed.provider())
    assert learn(taxed, "w", Refused("closed")) is State.RETURNED
    assert seen(taxed).counted == {"ann": (3 * YUAN, 600_000)}
    withdraw(taxed, "y", 2 * YUAN)
    run(taxed, taxed.provider())
    assert seen(taxed, "y") == Seen(800_000, {"ann": (5 * YUAN, 800_000)}, {"y": 200_000})


def test_a_bundle_is_taxed_by_its_parts_and_agrees_with_the_provider_s_statement(taxed: Any) -> None:
    for number in range(3):
        withdraw(taxed, f"w{number}", YUAN, Terms("fake", 0, PaidBy.PLATFORM, bundle_micros=HOUR))
    provider = taxed.provider(Fault.LOSE_REQUEST)
    for at, state in ((NOW + HOUR, State.UNKNOWN), (NOW + HOUR + PATIENCE_MICROS, State.SETTLED)):
        assert run(taxed, provider, at) == {state: 3}
        with taxed.engine.begin() as connection:
            assert payouts_of(connection, "fake")["amount_micros"].to_list() == [3 * YUAN - 400_000]
    assert [one.amount_micros for one in provider.paid()] == [3 * YUAN - 400_000]
    assert seen(taxed).kept == 400_000


@pytest.mark.parametrize("seed", range(6))
def test_whatever_befalls_payouts_the_sums_of_the_year_are_those_of_what_was_paid(taxed: Any, seed: int) -> None:
    """Lost, late and contradictory answers, ends between any two commits, returns: nothing is taxed twice, or free."""
    dice, now, ids = Random(seed), NOW, []  # noqa: S311  # a story, no secret
    provider = taxed.provider()
    for number in range(8):
        now += HOUR
        withdraw(taxed, f"w{number}", dice.randint(1, 100) * FEN)
        ids.append(f"w{number}")
        if dice.random() < 0.3:  # killed after the first commit, before anything was sent
            with taxed.engine.begin() as connection:
                claim_each(connection, "fake", now, desk=Desk(POLICY))
        faults = dice.choices(list(Fault), k=4)
        run(taxed, FakeProvider(taxed.folder / "provider.db", {"ann's bank": tuple(faults)}), now)
        told = dice.choice(ids)
        with suppress(IllegalMove):
            learn(taxed, told, dice.choice([Settled("r"), Refused("no"), Returned("r")]), now)
    for _ in range(4):
        now += DAY
        run(taxed, provider, now)
    withdraw(taxed, "last", YUAN)
    run(taxed, provider, now)
    with taxed.engine.begin() as connection:
        payouts = [saga.get(connection, id_) for id_ in [*ids, "last"]]
    counted = [one for one in payouts if one.state not in (State.REFUSED, State.RETURNED)]
    base, tax = (sum(column) for column in zip(*((one.amount_micros, one.tax_micros) for one in counted), strict=True))
    found = seen(taxed)
    assert found.counted == {"ann": (base, tax)}
    assert found.kept == sum(one.tax_micros or 0 for one in payouts if one.state is State.SETTLED)
    assert tax >= payable(due(base, RULE), "CNY"), "what was given back may have been more, never less"
    assert sum(one.arriving_micros + (one.tax_micros or 0) for one in counted) == base
