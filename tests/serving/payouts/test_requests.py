"""Terms on which a withdrawal is asked for: how little, how much, how often, by whom it is paid, and what it costs."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from serving.ledger.refusals import Conflicting, InsufficientFunds
from serving.ledger.rewards import Reward, credit_reward
from serving.payouts import requests, saga
from serving.payouts.destinations import Vault
from serving.payouts.identity.sealing import Seal
from serving.payouts.limits import BeyondLimits, Wanted, room
from serving.payouts.routes import NoRoute, kind_of, route
from serving.payouts.saga import PaidBy
from serving.policy import Policy, load_policy
from serving.policy_payouts import CurrencyLimits, FeeRule, Route

DAY = 24 * 3_600 * 1_000_000
HOUR = 3_600 * 1_000_000


def at(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


NOON = at("2027-05-10T04:00")
"""Midday in Shanghai, where the shipped policy's days begin."""
SHIPPED = load_policy()
LIMITS = {
    "thresholds": [{"since": date(2020, 1, 1), "amount_micros_min": 1_000_000}],
    "amount_micros_max": 4_000_000,
    "daily_micros_max": 5_000_000,
    "rolling_micros_max": 6_000_000,
}


def policy(payouts: dict[str, Any] | None = None, own: dict[str, Any] | None = None, **limits: Any) -> Policy:
    cny = CurrencyLimits.model_validate(LIMITS | (own or {}))
    changed = SHIPPED.withdrawal_limits.model_copy(update={"currencies": {"CNY": cny}, **limits})
    paying = SHIPPED.payouts.model_copy(update=payouts or {})
    return SHIPPED.model_copy(update={"withdrawal_limits": changed, "payouts": paying})


def ask(
    town: Any, id_: str, amount: int, terms: Policy, now: int = NOON, user: str = "ann", *others: str, to: str = "bank"
) -> saga.Payout:
    wanted = Wanted(id_, user, amount, "CNY", frozenset(others))
    with town.engine.begin() as connection, connection.begin_nested():
        return requests.request(connection, wanted, to, now, terms)


def refused(town: Any, *asked: Any, **named: Any) -> tuple[str, str]:
    """Code and field; and nothing stays held."""
    before = town.amounts()
    with pytest.raises(BeyondLimits) as refusal:
        ask(town, *asked, **named)
    assert str(refusal.value).startswith(f"{refusal.value.facts['field']}: ")
    assert town.amounts() == before
    return refusal.value.code, refusal.value.facts["field"]


def earn(town: Any, user: str, amount: int, when: int, id_: str) -> None:
    with town.engine.begin() as connection:
        credit_reward(connection, Reward(id_, user, amount, 2 * amount, "CNY", matures_at=when), when)


def test_the_least_and_the_most_are_paid_and_no_micro_beyond(town: Any) -> None:
    assert refused(town, "a", 999_999, policy()) == ("amount_outside_limits", "amount_micros")
    assert refused(town, "b", 4_000_001, policy()) == ("amount_outside_limits", "amount_micros")
    ask(town, "c", 1_000_000, policy())
    ask(town, "d", 4_000_000, policy())


def test_a_currency_that_is_not_listed_has_the_general_amounts(town: Any) -> None:
    general = policy(currencies={}, amount_micros_min=2_000_000, amount_micros_max=3_000_000)
    assert refused(town, "a", 1_999_999, general)[0] == "amount_outside_limits"
    assert refused(town, "b", 3_000_001, general)[0] == "amount_outside_limits"
    ask(town, "c", 3_000_000, general)


def test_a_day_s_limit_ends_at_midnight_where_the_policy_says(town: Any) -> None:
    ask(town, "a", 3_000_000, policy())
    assert refused(town, "b", 2_010_000, policy())[0] == "daily_amount_reached"
    ask(town, "c", 2_000_000, policy())
    midnight = at("2027-05-10T16:00")
    assert refused(town, "d", 1_000_000, policy(), midnight - 1_000_000)[0] == "daily_amount_reached"
    ask(town, "e", 1_000_000, policy(), midnight)


def test_a_rolling_limit_ends_after_its_days(town: Any) -> None:
    ask(town, "a", 3_000_000, policy())
    later = NOON + 30 * DAY
    assert refused(town, "b", 3_500_000, policy(), later)[0] == "rolling_amount_reached"
    ask(town, "c", 3_500_000, policy(), later + 1)


def test_so_many_withdrawals_a_day_in_any_currency(town: Any) -> None:
    few = policy(daily_count_max=2)
    for id_ in ("a", "b"):
        ask(town, id_, 1_000_000, few)
    assert refused(town, "c", 1_000_000, few) == ("daily_count_reached", "occurred_at")
    ask(town, "c", 1_000_000, few, NOON + DAY)


def test_what_was_refused_or_came_back_does_not_count(town: Any) -> None:
    ask(town, "a", 4_000_000, policy())
    with town.engine.begin() as connection:
        saga.decide(connection, "a", "decline", "decision", NOON)
    ask(town, "b", 4_000_000, policy())


def test_all_accounts_of_one_person_share_the_limits(town: Any) -> None:
    earn(town, "bob", 9_000_000, 0, "bob's")
    ask(town, "a", 4_000_000, policy())
    assert refused(town, "b", 2_000_000, policy(), NOON, "bob", "ann", "bob")[0] == "daily_amount_reached"
    ask(town, "c", 2_000_000, policy(), NOON, "bob")


def test_the_same_request_again_changes_nothing_and_is_never_beyond_a_limit(town: Any) -> None:
    first = ask(town, "a", 4_000_000, policy())
    assert ask(town, "a", 4_000_000, policy(daily_count_max=1), NOON + HOUR) == first
    with pytest.raises(Conflicting):
        ask(town, "a", 3_000_000, policy())


def test_what_is_left_is_said_before(town: Any) -> None:
    ask(town, "a", 3_000_000, policy())
    with town.engine.begin() as connection:
        left = room(connection, Wanted("b", "ann", 1, "CNY"), NOON, policy())
    assert (left.daily_micros, left.rolling_micros, left.daily_count) == (2_000_000, 3_000_000, 19)


RAISED = {
    "thresholds": [
        {"since": date(2020, 1, 1), "amount_micros_min": 1_000_000},
        {"since": date(2027, 5, 1), "amount_micros_min": 3_000_000},
    ]
}


def test_a_raised_threshold_holds_from_its_day_for_whoever_comes_later(town: Any) -> None:
    earn(town, "new", 5_000_000, at("2027-05-01T00:00"), "earned on the day")
    assert refused(town, "a", 2_000_000, policy(own=RAISED), NOON, "new")[0] == "amount_outside_limits"
    ask(town, "b", 3_000_000, policy(own=RAISED), NOON, "new")


def test_a_raised_threshold_spares_what_had_reached_the_old_one(town: Any) -> None:
    assert refused(town, "a", 999_999, policy(own=RAISED))[0] == "amount_outside_limits"
    ask(town, "b", 1_000_000, policy(own=RAISED))


def test_who_had_not_reached_the_old_threshold_is_not_spared(town: Any) -> None:
    earn(town, "poor", 990_000, at("2027-04-30T23:59"), "before")
    earn(town, "poor", 1_500_000, at("2027-05-02T00:00"), "after")
    assert refused(town, "a", 2_000_000, policy(own=RAISED), NOON, "poor")[0] == "amount_outside_limits"


def test_what_was_spared_is_spared_once(town: Any) -> None:
    earn(town, "old", 1_200_000, at("2027-04-30T00:00"), "before")
    earn(town, "old", 2_500_000, at("2027-05-02T00:00"), "after")
    ask(town, "a", 1_000_000, policy(own=RAISED), NOON, "old")
    assert refused(town, "b", 2_000_000, policy(own=RAISED), NOON, "old")[0] == "amount_outside_limits"


FEES = {"fees": {"fake": {"CNY": FeeRule(fixed_micros=200_000, share_ppm=10_000, paid_by="person")}}}


def test_a_quote_says_what_arrives_and_the_request_keeps_it(town: Any) -> None:
    with town.engine.begin() as connection:
        said = requests.quote(connection, Wanted("a", "ann", 2_009_999, "CNY"), "bank", NOON, policy(FEES))
    assert (said.amount_micros, said.fee_micros, said.arriving_micros) == (2_000_000, 220_000, 1_780_000)
    assert (said.fee_paid_by, said.provider, said.objection) == (PaidBy.PERSON, "fake", None)
    payout = ask(town, "a", 2_009_999, policy(FEES))
    assert (payout.amount_micros, payout.arriving_micros, payout.provider) == (2_000_000, 1_780_000, "fake")
    assert ask(town, "a", 2_009_999, policy()) == payout, "a policy that changed meanwhile changes no terms"


@pytest.mark.parametrize(
    ("amount", "says"),
    [(999_999, "0.01 CNY are missing"), (4_500_000, "at most 4.00 CNY"), (3_900_000, None)],
)
def test_a_quote_says_what_would_be_refused_and_what_helps(town: Any, amount: int, says: str | None) -> None:
    with town.engine.begin() as connection:
        said = requests.quote(connection, Wanted("a", "ann", amount, "CNY"), "bank", NOON, policy())
    assert said.objection is None if says is None else says in (said.objection or "")


def test_a_quote_of_more_than_there_is_names_what_there_is(town: Any) -> None:
    earn(town, "poor", 1_500_000, 0, "little")
    with town.engine.begin() as connection:
        said = requests.quote(connection, Wanted("a", "poor", 2_000_000, "CNY"), "bank", NOON, policy())
    assert said.objection == "amount_micros: 1.50 CNY can be withdrawn now: ask for that, or earn more"
    with pytest.raises(InsufficientFunds):
        ask(town, "a", 2_000_000, policy(), NOON, "poor")


@pytest.mark.parametrize("amount", [100_000, 200_000, 500_000, 9_000_000])
def test_a_quote_whose_wallet_holds_too_little_says_what_is_missing_whatever_is_asked(town: Any, amount: int) -> None:
    earn(town, "poor", 200_000, 0, "little")
    with town.engine.begin() as connection:
        said = requests.quote(connection, Wanted("a", "poor", amount, "CNY"), "bank", NOON, policy())
    least = "the least that is paid is 1.00 CNY and 0.20 CNY can be withdrawn now: earn 0.80 CNY more"
    assert said.objection == f"amount_micros: {least}"


def test_a_quote_announces_the_proof_that_will_be_asked_for(town: Any) -> None:
    few = SHIPPED.identity.amounts["CNY"].model_copy(update={"rolling_micros": 2_000_000})
    known = SHIPPED.identity.model_copy(update={"amounts": {"CNY": few}})
    strict = policy().model_copy(update={"identity": known})
    with town.engine.begin() as connection:
        said = [
            requests.quote(connection, Wanted("a", "ann", amount, "CNY"), "bank", NOON, strict).notice or ""
            for amount in (1_000_000, 1_500_000, 2_010_000)
        ]
    assert [sentence.partition(":")[0] for sentence in said] == [
        "",
        "You can earn and be paid 0.50 CNY more before we must know who you are",
        "You can earn, but this is paid only once we know who you are",
    ]


def test_an_amount_that_its_fee_would_eat_is_refused(town: Any) -> None:
    dear = {"fees": {"fake": {"CNY": FeeRule(fixed_micros=1_000_000, paid_by="person")}}}
    assert refused(town, "a", 1_000_000, policy(dear)) == ("fee_exceeds_amount", "amount_micros")
    free = {"fees": {"fake": {"CNY": FeeRule(fixed_micros=1_000_000, paid_by="platform")}}}
    assert ask(town, "a", 1_000_000, policy(free)).arriving_micros == 1_000_000


def test_only_small_amounts_wait_for_company(town: Any) -> None:
    waits = {"bundle_minutes": 15, "bundled_micros_max": {"CNY": 2_000_000}}
    assert ask(town, "a", 2_000_000, policy(waits)).bundle_micros == 15 * 60 * 1_000_000
    assert ask(town, "b", 2_010_000, policy(waits)).bundle_micros == 0


ROUTES = {
    "routes": (
        Route(provider="chain", currencies=("USD",), kinds=("wallet_address",)),
        Route(provider="alipay", currencies=("CNY",), kinds=("alipay_user", "telephone")),
        Route(provider="paypal", kinds=("email",)),
    ),
    "fees": {},
}


@pytest.mark.parametrize(
    ("currency", "destination", "provider"),
    [
        ("USD", "0x" + "ab" * 20, "chain"),
        ("CNY", "2088123412341234", "alipay"),
        ("CNY", "+8613800000000", "alipay"),
        ("CNY", "ann@example.com", "paypal"),
        ("EUR", "ann@example.com", "paypal"),
        ("CNY", "0x" + "ab" * 20, None),
        ("USD", "acct_1", None),
        ("USD", "somewhere", None),
    ],
)
def test_the_first_route_that_fits_pays(currency: str, destination: str, provider: str | None) -> None:
    payouts = policy(ROUTES).payouts
    if provider is None:
        with pytest.raises(NoRoute, match="payout_destination: "):
            route(currency, kind_of(destination), payouts)
    else:
        assert route(currency, kind_of(destination), payouts).provider == provider


def test_a_destination_is_routed_by_its_kind_without_being_opened(town: Any) -> None:
    vault = Vault(Seal(b"s" * 32))
    with town.engine.begin() as connection:
        vault.keep(connection, "digest of ann's address", "ann@example.com", NOON)
        vault.keep(connection, "digest of a wallet", "0x" + "ab" * 20, NOON)
    assert ask(town, "a", 1_000_000, policy(ROUTES), to="digest of ann's address").provider == "paypal"
    before = town.amounts()
    with pytest.raises(NoRoute):
        ask(town, "b", 1_000_000, policy(ROUTES), to="digest of a wallet")
    assert town.amounts() == before
    assert ask(town, "c", 1_000_000, policy(ROUTES), to="digest of nothing known").provider == "", "it waits"
