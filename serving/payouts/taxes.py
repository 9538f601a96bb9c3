"""Tax that is withheld from people, by the rule of their country: a rate on what is paid beyond a threshold in a year.

Nothing is withheld where the policy has no rule for the country and currency, or no proof of identity named a country:
who wants that known first lets the policy demand a proof before anything is paid.

It is a part of the payout, as a fee is, and fixed in the commit in which the payout begins, with the person locked.
What counts for a year is read from the payouts themselves, so that no retry counts twice and there is no second sum to
go wrong; what is refused or comes back counts no longer, and lowers the next one's. What is due is worked out of the
year's whole, less what was withheld: no rounding adds up, and what one payout could not give is withheld with the next.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any, Final, Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, bindparam, func, select

from features.money import MICROS_PER_UNIT, exponent_of, payable
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.transfer import AccountKind
from serving.payouts.identity import persons
from serving.payouts.saga import PAYOUT, State
from serving.policy_money import TaxPolicy, TaxRule

Columns = Mapping[str, Any]
"""What a payout keeps of its tax: the micros, and for which country's year it counts."""
Accounts = Mapping[str, frozenset[str]]
"""Other accounts of the same person, by user id. All of them share a threshold."""

_KEYS: Final = (PAYOUT.c.tax_country, PAYOUT.c.user_id, PAYOUT.c.currency)
_OF_YEAR: Final = (
    select(
        *_KEYS,
        func.sum(PAYOUT.c.amount_micros).label("base"),
        func.sum(PAYOUT.c.tax_micros).label("tax"),
    )
    .where(PAYOUT.c.tax_year == bindparam("in_year"), PAYOUT.c.state.not_in((State.REFUSED, State.RETURNED)))
    .group_by(*_KEYS)
    .order_by(*_KEYS)
)
_OF_PEOPLE: Final = _OF_YEAR.where(PAYOUT.c.user_id.in_(bindparam("users", expanding=True)))


class Taxed(Protocol):
    """What tax is asked of: a payout, or a withdrawal that may be asked for. `arriving_micros`: before the tax."""

    @property
    def id(self) -> str: ...
    @property
    def user_id(self) -> str: ...
    @property
    def currency(self) -> str: ...
    @property
    def amount_micros(self) -> int: ...
    @property
    def arriving_micros(self) -> int: ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A withdrawal that may be asked for."""

    id: str
    user_id: str
    currency: str
    amount_micros: int
    arriving_micros: int


@dataclass(frozen=True, slots=True)
class YearLine:
    """What was counted and withheld of one account in a year, for the authority and for the person."""

    year: int
    country: str
    user_id: str
    currency: str
    base_micros: int
    tax_micros: int


def year_of(instant: int, policy: TaxPolicy) -> int:
    """The year of an instant, where the policy says that a year begins."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
    return at.astimezone(ZoneInfo(policy.time_zone)).year


def due(base_micros: int, rule: TaxRule) -> int:
    """The tax of a whole year, in micros, rounded down. The rate is taken as it is written: 0.2 is a fifth."""
    return int(Fraction(str(rule.rate)) * max(0, base_micros - rule.threshold_micros))


def of_each(
    connection: Connection, payouts: Sequence[Taxed], now: int, policy: TaxPolicy, accounts: Accounts
) -> dict[str, Columns]:
    """What is withheld of each, by id, one after the other; empty where none has a rule. Their people are locked."""
    if not policy.rules:
        return {}
    people = {one.user_id: accounts.get(one.user_id, frozenset()) | {one.user_id} for one in payouts}
    lands = _lands(connection, people)
    rules = {one.id: _rule_of(one, lands, policy) for one in payouts}
    if not any(rules.values()):
        return {}
    year = _Year(connection, frozenset().union(*people.values()), year_of(now, policy))
    return {one.id: year.take(one, lands.get(one.user_id), rules[one.id], people[one.user_id]) for one in payouts}


def of_year(connection: Connection, year: int) -> list[YearLine]:
    """What was counted and withheld in a year, by country and account: of payouts that began in it, unless they were
    refused or came back.
    """
    rows = connection.execute(_OF_YEAR, {"in_year": year})
    return [YearLine(year, row.tax_country, row.user_id, row.currency, int(row.base), int(row.tax)) for row in rows]


def check(connection: Connection) -> list[str]:
    """What was withheld of settled payouts is what the accounts of the countries hold; a finding is a sentence."""
    of_settled = (
        select(PAYOUT.c.tax_country, PAYOUT.c.currency, func.sum(PAYOUT.c.tax_micros))
        .where(PAYOUT.c.state == State.SETTLED, PAYOUT.c.tax_micros > 0)
        .group_by(PAYOUT.c.tax_country, PAYOUT.c.currency)
    )
    accounts = select(ACCOUNT.c.owner, ACCOUNT.c.asset, BALANCE.c.posted).select_from(STANDING)
    rows = connection.execute(accounts.where(ACCOUNT.c.kind == AccountKind.TAX_WITHHELD))
    wanted = {(country, currency): int(micros) for country, currency, micros in connection.execute(of_settled)}
    found = {(row.owner, row.asset): row.posted for row in rows}
    return [
        f"settled payouts withheld {wanted.get(place, 0)} micros of {place[1]} for {place[0]}, their account says "
        f"{found.get(place, 0)}"
        for place in sorted(wanted.keys() | found.keys())
        if wanted.get(place, 0) != found.get(place, 0)
    ]


class _Year:
    """The year so far of some accounts; what is taken counts at once, for what is written after it."""

    def __init__(self, connection: Connection, user_ids: Collection[str], year: int) -> None:
        self._year = year
        self._base: Counter[tuple[str, str, str]] = Counter()
        self._tax: Counter[tuple[str, str, str]] = Counter()
        for country, user_id, currency, base, tax in connection.execute(
            _OF_PEOPLE, {"in_year": year, "users": sorted(user_ids)}
        ):
            self._base[country, user_id, currency] = int(base)
            self._tax[country, user_id, currency] = int(tax)

    def take(self, one: Taxed, country: str | None, rule: TaxRule | None, person: Collection[str]) -> Columns:
        if rule is None or country is None:
            return {"tax_micros": None, "tax_country": None, "tax_year": None}
        own = [(country, user_id, one.currency) for user_id in person]
        base = sum(self._base[key] for key in own) + one.amount_micros
        wanted = due(base, rule) - sum(self._tax[key] for key in own)
        micros = payable(max(0, min(wanted, one.arriving_micros - _least(one.currency))), one.currency)
        self._base[country, one.user_id, one.currency] += one.amount_micros
        self._tax[country, one.user_id, one.currency] += micros
        return {"tax_micros": micros, "tax_country": country, "tax_year": self._year}


def _lands(connection: Connection, people: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Each one's country: the one that its own proof names, or else that of another account of the same person."""
    proven = persons.countries(connection, set().union(*people.values()))
    known = {one: sorted({proven[other] for other in person if other in proven}) for one, person in people.items()}
    return {one: proven.get(one, lands[0]) for one, lands in known.items() if lands}


def _rule_of(one: Taxed, lands: Mapping[str, str], policy: TaxPolicy) -> TaxRule | None:
    rule = policy.rules.get(lands.get(one.user_id, ""))
    return rule if rule is not None and rule.currency == one.currency else None


def _least(currency: str) -> int:
    """What arrives at the least, in micros: a payment of nothing is none, however much is due."""
    return MICROS_PER_UNIT // int(10 ** exponent_of(currency))
