"""Offers: prices that were promised, under ids that cannot be forged, the best first; what is not offered says why."""

import hmac
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from random import Random
from typing import Any, Final

from sqlalchemy import Column, String, Table, Text, bindparam, select

from features.events import instant_of, micros_of
from features.money import in_words
from serving.contract import Candidate, OfferAnswer, OfferRequest
from serving.database import METADATA
from serving.policy import HOUR, DailyCurve, Policy
from serving.pricing import campaigns, daily, offer_log, persons, starts
from serving.pricing.campaigns import Left, Standing
from serving.pricing.earned import Nobody, Persons, earned_micros
from serving.pricing.inserting import insert_rows
from serving.pricing.ladder import Price
from serving.pricing.quotes import Asking, Pricer, Static, Step, kind_of, quality_of, segment_of
from serving.pricing.targeting import Facts, merged, unwanted
from serving.problems import conflict
from serving.records import Unit

MINUTE: Final = 60_000_000
LADDERS_MAX: Final = 1_000
"""Sets of allowed levels whose text is kept; there are few."""
INSTANTS_MAX: Final = 1_000
"""Instants that are kept as a date: most offers of one answer end together."""

OFFER_REQUEST = Table(
    "offer_request",
    METADATA,
    Column("request_id", String(128), primary_key=True),
    Column("body", Text, nullable=False),
    Column("answer", Text, nullable=False),
)
_KEPT: Final = tuple(OFFER_REQUEST.c.keys())
_KNOWN: Final = select(OFFER_REQUEST).where(OFFER_REQUEST.c.request_id == bindparam("id"))


@dataclass(frozen=True)
class Terms:
    """What offers are made and kept with. `persons` says which accounts are one person's, and `banned` whose ban was
    told before this service (`persons.banned_in`).
    """

    policy: Policy
    key: bytes
    persons: Persons
    pricer: Pricer
    banned: Collection[str] = frozenset()

    @classmethod
    def plain(cls, policy: Policy, key: bytes) -> "Terms":
        """Static prices, every account a person of its own."""
        return cls(policy, key, Nobody(), Static(policy))


@dataclass(frozen=True, slots=True)
class _Times:
    offered_at: int
    accept_by: int
    complete_by: int
    known_from: int

    @classmethod
    def of(cls, at: int, standing: Standing, policy: Policy) -> "_Times":
        """An offer is taken up before its campaign ends; the time to complete it is the person's in full."""
        accept_by = min(at + policy.reward.accept_minutes * MINUTE, standing.ends - 1)
        complete_by = at + policy.reward.complete_hours * HOUR
        return cls(at, accept_by, complete_by, complete_by + policy.reward.late_hours * HOUR)


@dataclass(frozen=True, slots=True)
class _Priced:
    offer_id: str
    candidate: Candidate
    standing: Standing
    times: _Times
    steps: tuple[tuple[str | None, int], ...]
    prices: tuple[Price, ...]
    reward_micros: int
    worth: float


def make_offers(unit: Unit, request: OfferRequest, terms: Terms) -> OfferAnswer:
    """Price what the person may be offered. The same request again: the same offers; another body: 409."""
    return OfferAnswer.model_validate_json(told_offers(unit, request, terms))


def told_offers(unit: Unit, request: OfferRequest, terms: Terms) -> str:
    """The same as JSON, as it is kept: the same request again is answered with the same text."""
    body = request.model_dump_json()
    known = unit.connection.execute(_KNOWN, {"id": request.request_id}).one_or_none()
    if known is not None:
        if known.body != body:
            raise conflict(request.request_id, "request_id")
        return str(known.answer)
    answer = _answer(unit, request, _signed(body, len(request.candidates), terms.key), terms).model_dump_json()
    insert_rows(unit.connection, OFFER_REQUEST, _KEPT, [(request.request_id, body, answer)])
    return answer


def _answer(unit: Unit, request: OfferRequest, ids: Sequence[str], terms: Terms) -> OfferAnswer:
    """`ids` are those of the candidates, should they be offered."""
    at = micros_of(request.occurred_at)
    required = {name for one in request.candidates for name in one.targeting.requirements}
    untold = required - set(request.person.requirements_met)
    person = merged(request.person, persons.seen(unit.connection, request.user_id, at, untold, terms.banned))
    standings = campaigns.standings(unit.connection, {(one.campaign_id, one.currency) for one in request.candidates})
    started = starts.counted(unit.connection, request.user_id, standings, at)
    reasons = [
        _forbidden(one, person, standings[one.campaign_id, one.currency], at, terms.policy)
        or started.full(one.campaign_id)
        for one in request.candidates
    ]
    earned = _earned(unit, request, terms)
    multipliers = {currency: daily.multiplier(micros, terms.policy.daily) for currency, micros in earned.items()}
    asking = Asking(request.user_id, at, person.risk, multipliers, started.by_person_on_day)
    priced = _priced(request, ids, reasons, standings, segment_of(person), asking, terms)
    ranked = sorted((one for one in priced if isinstance(one, _Priced)), key=lambda one: -one.worth)
    _log(unit, request, ranked, segment_of(person))
    day = _Day(earned, terms.policy.daily)
    answer = {
        "request_id": request.request_id,
        "user_id": request.user_id,
        "offers": [_offer(one, day.said(one)) for one in ranked],
        "refused": [
            {"task_id": candidate.task_id, "reason": one}
            for candidate, one in zip(request.candidates, priced, strict=True)
            if isinstance(one, str)
        ],
        "policy_version": terms.policy.version,
        "degraded": sorted({f"price:{price.fallback}" for one in ranked for price in one.prices if price.fallback}),
    }
    return OfferAnswer.model_validate(answer)  # at once: a hundred models made one by one cost a millisecond more


def _earned(unit: Unit, request: OfferRequest, terms: Terms) -> dict[str, int]:
    """What the person began to earn today, in each currency that is asked about."""
    curve = terms.policy.daily
    day = daily.day_of(micros_of(request.occurred_at), curve)
    currencies = {one.currency for one in request.candidates}
    return {
        currency: earned_micros(unit.connection, terms.persons, request.user_id, currency, day, curve)
        for currency in currencies
    }


def _forbidden(candidate: Candidate, person: Facts, standing: Standing, at: int, policy: Policy) -> str | None:
    """Why a candidate is not offered, whatever its price; None if nothing forbids it."""
    if person.is_banned:
        return "this account is closed"
    if person.risk >= policy.event.review:
        return "this account is being looked at; there are no new offers meanwhile"
    return _not_running(candidate, standing, at) or unwanted(candidate.targeting, person)


def _not_running(candidate: Candidate, standing: Standing, at: int) -> str | None:
    ordered, left = standing.ordered, standing.value
    if ordered is not None and ordered.currency != candidate.currency:
        return f"the campaign is paid in {ordered.currency}, not in {candidate.currency}"
    if at >= standing.ends:
        return "the campaign has ended"
    if ordered is not None and at < standing.begins:
        return f"the campaign begins at {ordered.starts_at.isoformat()}"
    value_micros = sum(value for _, value in candidate.steps)
    if left is not None and left.available_micros < value_micros:
        return _too_little("prepaid budget", left, value_micros, candidate.currency)
    return None


def _too_little(budget: str, left: Left, wanted_micros: int, currency: str) -> str:
    there, wanted = in_words(left.available_micros, currency), in_words(wanted_micros, currency)
    return f"of the campaign's {budget} all but {there} is spent or reserved, and this takes {wanted}"


def _priced(
    request: OfferRequest,
    ids: Sequence[str],
    reasons: Sequence[str | None],
    standings: dict[tuple[str, str], Standing],
    segment: str,
    asking: Asking,
    terms: Terms,
) -> list[_Priced | str]:
    """Each candidate, in order: priced, or the reason why it is not offered."""
    steps = []
    for at, candidate in enumerate(request.candidates):
        if reasons[at] is None:
            steps += Step.of(candidate, standings[candidate.campaign_id, candidate.currency], segment)
    # A keyed digest seeds the dice: nobody without the key can foresee them, and a retry throws the same.
    dice = Random("".join(ids))  # noqa: S311  # as the line above says
    prices = iter(terms.pricer.quotes(steps, asking, dice))
    found: list[_Priced | str] = []
    for at, candidate in enumerate(request.candidates):
        standing = standings[candidate.campaign_id, candidate.currency]
        reason = reasons[at]
        times = _Times.of(asking.at, standing, terms.policy)
        found.append(_together(ids[at], candidate, standing, times, prices) if reason is None else reason)
    return found


def _together(
    offer_id: str, candidate: Candidate, standing: Standing, times: _Times, prices: Iterator[Price | str]
) -> _Priced | str:
    """An offer of all goals, whose prices come next, or the reason why one of them has none."""
    found: list[Price] = []
    refused = None
    steps = candidate.steps
    for _ in steps:
        price = next(prices)
        if isinstance(price, str):
            refused = refused or price
        else:
            found.append(price)
    reward_micros = sum(price.reward_micros for price in found)
    if refused is None and standing.reward is not None and standing.reward.available_micros < reward_micros:
        refused = _too_little("reward budget", standing.reward, reward_micros, candidate.currency)
    worth = sum(price.worth for price in found)
    return refused or _Priced(offer_id, candidate, standing, times, steps, tuple(found), reward_micros, worth)


def _signed(body: str, count: int, key: bytes) -> list[str]:
    """Keyed digests of all that is asked, by place: nobody without the key can name an offer that was never made."""
    asked = sha256(body.encode()).hexdigest()
    return ["o_" + hmac.digest(key, f"{asked}/{at}".encode(), "sha256").hex()[:40] for at in range(count)]


def _log(unit: Unit, request: OfferRequest, offers: Sequence[_Priced], segment: str) -> None:
    """Keep what was offered, with all that is needed to learn from it."""
    rows = [_offer_row(request, one, segment) for one in offers]
    offer_log.keep(unit.connection, rows, [row for one in offers for row in _goal_rows(one)])


def _offer_row(request: OfferRequest, one: _Priced, segment: str) -> tuple[Any, ...]:
    """In the order of OFFER_PARTS."""
    candidate, times = one.candidate, one.times
    chosen = one.prices[0]  # all goals are of one campaign, and so of the same two budgets
    return (
        one.offer_id,
        request.request_id,
        request.user_id,
        candidate.task_id,
        candidate.campaign_id,
        kind_of(candidate, one.standing),
        segment,
        candidate.currency,
        times.offered_at,
        times.accept_by,
        times.complete_by,
        chosen.ticked_at,
        chosen.duals and chosen.duals.value,
        chosen.duals and chosen.duals.reward,
    )


def _goal_rows(one: _Priced) -> list[tuple[Any, ...]]:
    """In the order of GOAL_PARTS."""
    return [
        (
            one.offer_id,
            position,
            goal_id,
            value,
            price.reward_micros,
            price.propensity,
            price.stratum,
            price.policy_version,
            _said_once(price.allowed_micros),
            price.chance,
            quality_of(one.standing),
            one.times.known_from,
        )
        for position, ((goal_id, value), price) in enumerate(zip(one.steps, one.prices, strict=True))
    ]


@lru_cache(LADDERS_MAX)
def _said_once(levels_micros: tuple[int, ...]) -> str:
    return json.dumps(levels_micros)


def _offer(one: _Priced, said: str) -> dict[str, Any]:
    """As `contract.Offer` reads it."""
    candidate, prices = one.candidate, zip(one.steps, one.prices, strict=True)
    return {
        "offer_id": one.offer_id,
        "task_id": candidate.task_id,
        "campaign_id": candidate.campaign_id,
        "goal_id": candidate.goal_id,
        "reward_micros": one.reward_micros,
        "goals": [{"goal_id": goal, "reward_micros": price.reward_micros} for (goal, _), price in prices],
        "currency": candidate.currency,
        "accept_by": _instant_of(one.times.accept_by),
        "complete_by": _instant_of(one.times.complete_by),
        "reason": one.prices[0].reason,
        "daily": said,
    }


_instant_of = lru_cache(INSTANTS_MAX)(instant_of)


class _Day:
    """What a person's day does to offers, in words. Most are paid in full, and of a currency those read the same."""

    def __init__(self, earned: Mapping[str, int], curve: DailyCurve) -> None:
        self._earned, self._curve = earned, curve
        self._in_full: dict[str, str] = {}

    def said(self, one: _Priced) -> str:
        currency, reward = one.candidate.currency, one.reward_micros
        earned = self._earned[currency]
        if earned + reward > self._curve.full_until_micros:
            return daily.said(earned, reward, currency, self._curve)
        if currency not in self._in_full:
            self._in_full[currency] = daily.said(earned, reward, currency, self._curve)
        return self._in_full[currency]
