from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from features.money import EXPONENTS, payable
from pipelines.reconcile.ours import payouts_of
from serving.decision import Action
from serving.ledger import book, proofs
from serving.ledger.transfer import PLATFORM, Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal
from serving.payouts import saga
from serving.payouts.attempts import PAYOUT_ATTEMPT
from serving.payouts.claims import PATIENCE_MICROS
from serving.payouts.desk import Desk
from serving.payouts.fake import Fault
from serving.payouts.fees import fee_of, shared_fee
from serving.payouts.phases import learn
from serving.payouts.provider import Refused, Returned, Settled
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PAYOUT, PaidBy, PayoutOrder, State, Terms
from serving.policy import load_policy
from serving.policy_payouts import FeeRule

NOW = 1_000 * 24 * 3_600 * 1_000_000
MINUTE = 60 * 1_000_000
RULE = FeeRule(fixed_micros=100_000, share_ppm=20_000, fee_micros_max=500_000, paid_by="person")
SHIPPED = load_policy()
POLICY = SHIPPED.model_copy(update={"payouts": SHIPPED.payouts.model_copy(update={"fees": {"fake": {"CNY": RULE}}})})
amounts = st.integers(1, 10**12)
currencies = st.sampled_from(sorted(EXPONENTS))
rules = st.builds(
    FeeRule,
    fixed_micros=st.integers(0, 10**9),
    share_ppm=st.integers(0, 999_999),
    fee_micros_max=st.none() | st.integers(1, 10**10),
    paid_by=st.just("person"),
)


@given(amounts, currencies, rules)
def test_a_fee_can_be_paid_and_never_exceeds_its_rule(amount: int, currency: str, rule: FeeRule) -> None:
    fee = fee_of(amount, currency, rule)
    exact = rule.fixed_micros + Fraction(amount * rule.share_ppm, 1_000_000)
    exact = exact if rule.fee_micros_max is None else min(exact, Fraction(rule.fee_micros_max))
    assert payable(fee, currency) == fee <= exact
    assert exact - fee < 10 ** (6 - EXPONENTS[currency])
    assert payable(payable(amount, currency) - fee, currency) == payable(amount, currency) - fee


@given(st.lists(amounts, min_size=1, max_size=50), currencies, rules)
def test_a_shared_fee_adds_up_and_nobody_pays_more_than_was_said(
    together: list[int], currency: str, rule: FeeRule
) -> None:
    quoted = [fee_of(amount, currency, rule) for amount in together]
    parts = shared_fee(together, quoted, currency, rule)
    assert sum(parts) == min(fee_of(sum(together), currency, rule), sum(quoted))
    assert all(0 <= part <= most and payable(part, currency) == part for part, most in zip(parts, quoted, strict=True))


def test_without_a_rule_being_paid_costs_nothing() -> None:
    assert fee_of(5_000_000, "CNY", None) == 0


def withdraw(town: Any, id_: str, amount: int, terms: Terms, destination: str = "ann's bank") -> None:
    with town.engine.begin() as connection:
        held = hold_withdrawal(connection, WithdrawalOrder(id_, "ann", amount, "CNY"), NOW)
        saga.start(connection, PayoutOrder(id_, held.id, destination, terms), NOW)
        saga.decide(connection, id_, Action.APPROVE, f"{id_}/decision", NOW)


def balances(town: Any) -> dict[AccountKind, int]:
    """What the wallet, the fees, clearing, the provider's cash and the platform's expense hold; the book is sound."""
    owners = {AccountKind.WALLET_AVAILABLE: "ann", AccountKind.REWARD_EXPENSE: PLATFORM}
    kinds = [*owners, AccountKind.FEES, AccountKind.CLEARING, AccountKind.PROVIDER_CASH]
    with town.engine.begin() as connection:
        assert proofs.check(connection) == []
        return {
            kind: book.balance(connection, Account(kind, owners.get(kind, "fake"), "CNY")).posted_micros
            for kind in kinds
        }


@pytest.mark.parametrize("paid_by", PaidBy)
def test_a_fee_is_taken_from_whom_the_policy_says_and_given_back_with_the_payout(town: Any, paid_by: PaidBy) -> None:
    before, provider = balances(town), town.provider()
    withdraw(town, "w", 5_000_000, Terms("fake", 200_000, paid_by))
    assert town.run(provider) == {State.SETTLED: 1}
    arrived = 4_800_000 if paid_by is PaidBy.PERSON else 5_000_000
    assert [payment.amount_micros for payment in provider.paid()] == [arrived]
    paid = balances(town)
    assert {kind: paid[kind] - before[kind] for kind in paid} == {
        AccountKind.WALLET_AVAILABLE: -5_000_000,
        AccountKind.REWARD_EXPENSE: 0 if paid_by is PaidBy.PERSON else -200_000,
        AccountKind.FEES: 200_000,
        AccountKind.CLEARING: 0,
        AccountKind.PROVIDER_CASH: arrived,
    }
    assert town.learn(Returned("r")) is State.RETURNED
    assert balances(town) == before


def test_a_payout_that_is_refused_costs_nothing(town: Any) -> None:
    before = balances(town)
    withdraw(town, "w", 5_000_000, Terms("fake", 200_000, PaidBy.PERSON))
    assert town.run(town.provider(Fault.REFUSE)) == {State.REFUSED: 1}
    assert balances(town) == before


BUNDLED = Terms("fake", fee_of(1_000_000, "CNY", RULE), PaidBy.PERSON, bundle_micros=10 * MINUTE)


def run(town: Any, provider: Any, now: int) -> dict[State, int]:
    return dict(advance_payouts(town.engine.begin, provider, now, desk=Desk(POLICY)))


def test_small_payouts_of_one_person_wait_for_each_other_and_are_one_payment_with_one_fee(town: Any) -> None:
    provider = town.provider()
    for number in range(3):
        withdraw(town, f"w{number}", 1_000_000, BUNDLED)
    withdraw(town, "elsewhere", 1_000_000, BUNDLED, "ann's card")
    withdraw(town, "alone", 1_000_000, Terms("fake", BUNDLED.fee_micros, PaidBy.PERSON))
    assert run(town, provider, NOW) == {State.SETTLED: 1}
    assert run(town, provider, NOW + 10 * MINUTE - 1) == {}
    assert run(town, provider, NOW + 10 * MINUTE) == {State.SETTLED: 4}
    fee = fee_of(3_000_000, "CNY", RULE)
    assert sorted(payment.amount_micros for payment in provider.paid()) == [880_000, 880_000, 3_000_000 - fee]
    with town.engine.begin() as connection:
        fees = {row.id: row.fee_micros for row in connection.execute(select(PAYOUT.c.id, PAYOUT.c.fee_micros))}
    assert sum(fees[f"w{number}"] for number in range(3)) == fee < 3 * BUNDLED.fee_micros
    assert balances(town)[AccountKind.FEES] == sum(fees.values())


def test_a_bundle_agrees_with_the_provider_s_statement_as_one_payment(town: Any) -> None:
    provider = town.provider()
    for number in range(3):
        withdraw(town, f"w{number}", 1_000_000, BUNDLED)
    withdraw(town, "alone", 2_000_000, Terms("fake", 140_000, PaidBy.PERSON))
    run(town, provider, NOW + 10 * MINUTE)
    with town.engine.begin() as connection:
        ours = payouts_of(connection, "fake")
    theirs = {(payment.key, payment.amount_micros, "due") for payment in provider.paid()}
    assert set(ours.select("key", "amount_micros", "standing").iter_rows()) == theirs
    assert ours.height == 2


def test_a_withdrawal_that_comes_late_joins_a_bundle_before_its_own_wait_is_over(town: Any) -> None:
    provider = town.provider()
    withdraw(town, "first", 1_000_000, BUNDLED)
    withdraw(town, "late", 1_000_000, Terms("fake", 120_000, PaidBy.PERSON, bundle_micros=60 * MINUTE))
    assert run(town, provider, NOW + 10 * MINUTE) == {State.SETTLED: 2}
    assert len(provider.paid()) == 1


def test_a_bundle_whose_answer_is_lost_is_looked_up_as_one_and_never_sent_again(town: Any) -> None:
    provider = town.provider(Fault.LOSE_ANSWER)
    for number in range(3):
        withdraw(town, f"w{number}", 1_000_000, BUNDLED)
    at = NOW + 10 * MINUTE
    assert run(town, provider, at) == {State.UNKNOWN: 3}
    assert run(town, provider, at + PATIENCE_MICROS - 1) == {}
    assert run(town, provider, at + PATIENCE_MICROS) == {State.SETTLED: 3}
    (payment,) = provider.paid()
    assert provider.sendings(payment.key) == 1


def test_a_bundle_that_was_lost_is_sent_again_with_the_same_members_though_others_came(town: Any) -> None:
    provider = town.provider(Fault.LOSE_REQUEST)
    for number in range(2):
        withdraw(town, f"w{number}", 1_000_000, BUNDLED)
    at = NOW + 10 * MINUTE
    run(town, provider, at)
    withdraw(town, "later", 1_000_000, BUNDLED)
    assert run(town, provider, at + PATIENCE_MICROS) == {State.SETTLED: 3}
    fee = fee_of(2_000_000, "CNY", RULE)
    assert sorted(payment.amount_micros for payment in provider.paid()) == [880_000, 2_000_000 - fee]


@pytest.mark.parametrize(("answer", "state"), [(Refused("closed"), State.REFUSED), (Returned("r"), State.RETURNED)])
def test_each_withdrawal_of_a_bundle_has_its_own_state_and_its_own_money_back(
    town: Any, answer: Any, state: State
) -> None:
    before = balances(town)
    for number in range(3):
        withdraw(town, f"w{number}", 1_000_000, BUNDLED)
    run(town, town.provider(Fault.LOSE_REQUEST), NOW + 10 * MINUTE)
    with town.engine.begin() as connection:
        key = connection.scalar(select(PAYOUT_ATTEMPT.c.bundle).limit(1))
    with town.engine.begin() as connection:
        if state is State.RETURNED:
            learn(connection, key, Settled("r"), NOW)
        learn(connection, key, answer, NOW)
    assert {town.state(f"w{number}") for number in range(3)} == {state}
    assert balances(town) == before
