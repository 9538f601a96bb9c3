"""What becomes of earlier events: reversals, clean answers, dispositions and bans, days later."""

from typing import Final

import numpy as np

from features.events import CausedBy, Disposition, Kind, OutcomeKind, Reason, ReversalKind
from training.simulator.batch import (
    CAUSES,
    DAY,
    DISPOSITIONS,
    HOUR,
    KINDS,
    OUTCOME,
    OUTCOME_KINDS,
    REASONS,
    REVERSAL_KINDS,
    Integers,
    Rows,
    blank,
)
from training.simulator.catalogue import PARTNERS, REVERSAL_REASONS, Catalogue
from training.simulator.families import Numbers, habit
from training.simulator.population import People, Truths
from training.simulator.sessions import Day

REWARDED: Final = (Kind.INSTALL, Kind.GOAL_REACHED, Kind.TASK_COMPLETED, Kind.AD_VIEWED, Kind.PURCHASE)
_REWARDED_CODES: Final = [KINDS.index(kind) for kind in REWARDED]
CLEAN_SHARE: Final = 0.30
CLEAN_SHARE_FRAUD: Final = 0.12
CLEAN_DAYS: Final = (7.0, 14.0)
REVERSAL_DAYS_MEDIAN: Final = 4.0
REVERSAL_DAYS: Final = (0.25, 60.0)
WRONGLY_ACCUSED: Final = 0.002
QUIET_FACTOR: Final = 0.4
FRAUD_REASONS: Final = (Reason.FRAUD, Reason.DUPLICATE, Reason.ATTRIBUTION)
_FRAUD_REASON_SHARES: Final = (0.80, 0.08, 0.12)
REVIEW_DAYS: Final = (1.0, 5.0)
_RATES: Final = np.array([partner.reversal_rate for partner in PARTNERS])
_VIGILANCE: Final = np.array([partner.vigilance for partner in PARTNERS])
_WEIGHTS: Final = np.cumsum([partner.weights for partner in PARTNERS], axis=1)


def judge(rng: np.random.Generator, events: Rows, first: int, people: People, catalogue: Catalogue) -> Rows:
    """The outcomes that the events will have; event `i` bears the number `first + i`. Most events have none."""
    number = first + np.arange(len(events))
    is_rewarded = np.isin(events["kind"], _REWARDED_CODES)
    asks = events["kind"] == KINDS.index(Kind.WITHDRAWAL_REQUESTED)
    return np.concatenate(
        [
            _of_rewarded(rng, events[is_rewarded], number[is_rewarded], people, catalogue),
            _of_withdrawals(rng, events[asks], number[asks], people),
        ]
    )


def _of_rewarded(
    rng: np.random.Generator, events: Rows, number: Integers, people: People, catalogue: Catalogue
) -> Rows:
    partner, is_fraud = catalogue.partner[events["task"]], people.circle.is_fraud[events["user"]]
    rate = np.where(is_fraud, _caught_share(events["user"], people) * _VIGILANCE[partner], _RATES[partner])
    luck = rng.random(len(events))
    taken = luck < rate
    accused = ~is_fraud & ~taken & (luck < rate + WRONGLY_ACCUSED)
    clean = ~taken & ~accused & (rng.random(len(events)) < np.where(is_fraud, CLEAN_SHARE_FRAUD, CLEAN_SHARE))
    reason = np.where(is_fraud | accused, _fraud_reasons(rng, accused), _honest_reasons(rng, partner))
    reversed_ones = taken | accused
    return np.concatenate(
        [
            _reversals(rng, events[reversed_ones], number[reversed_ones], reason[reversed_ones]),
            _cleans(rng, events[clean], number[clean]),
        ]
    )


def _caught_share(user: Integers, people: People) -> Numbers:
    share = habit("caught")[people.circle.family[user]]
    return share * np.where(people.circle.quiet[user], QUIET_FACTOR, 1.0)


def _fraud_reasons(rng: np.random.Generator, accused: Truths) -> Integers:
    codes = np.array([REASONS.index(reason) for reason in FRAUD_REASONS])
    drawn = rng.choice(codes, len(accused), p=_FRAUD_REASON_SHARES)
    return np.where(accused, REASONS.index(Reason.FRAUD), drawn)


def _honest_reasons(rng: np.random.Generator, partner: Integers) -> Integers:
    codes = np.array([REASONS.index(reason) for reason in REVERSAL_REASONS])
    place = (rng.random(len(partner))[:, None] > _WEIGHTS[partner]).sum(axis=1)
    reasons: Integers = codes[np.minimum(place, len(codes) - 1)]
    return reasons


def _outcomes(kind: OutcomeKind, events: Rows, number: Integers, delay: Integers) -> Rows:
    rows = blank(OUTCOME, len(events))
    rows["kind"] = OUTCOME_KINDS.index(kind)
    rows["subject"] = number
    for name in ("user", "task", "conversion"):
        rows[name] = events[name]
    rows["event_time"] = events["recorded_at"] + delay
    # What a person or a partner decides reaches us within minutes.
    rows["recorded_at"] = rows["event_time"] + (1 + number % 600) * 1_000_000
    return rows


def _reversals(rng: np.random.Generator, events: Rows, number: Integers, reason: Integers) -> Rows:
    days = np.clip(REVERSAL_DAYS_MEDIAN * np.exp(0.7 * rng.standard_normal(len(events))), *REVERSAL_DAYS)
    rows = _outcomes(OutcomeKind.REVERSAL, events, number, (DAY * days).astype(np.int64))
    by_card = (events["kind"] == KINDS.index(Kind.PURCHASE)) & (rng.random(len(events)) < 0.5)
    card, advertiser = ReversalKind.CARD_CHARGEBACK, ReversalKind.ADVERTISER_REVERSAL
    rows["reversal_kind"] = np.where(by_card, REVERSAL_KINDS.index(card), REVERSAL_KINDS.index(advertiser))
    rows["reason"] = reason
    rows["caused_by"] = CAUSES.index(CausedBy.PARTNER)
    partial = (reason == REASONS.index(Reason.QUALITY)) & (rng.random(len(events)) < 0.2)
    rows["amount"][partial] = events["reward"][partial] // 20_000 * 10_000
    return rows


def _cleans(rng: np.random.Generator, events: Rows, number: Integers) -> Rows:
    days = rng.uniform(*CLEAN_DAYS, len(events))
    return _outcomes(OutcomeKind.CLEAN, events, number, (DAY * days).astype(np.int64))


def _of_withdrawals(rng: np.random.Generator, events: Rows, number: Integers, people: People) -> Rows:
    """Reviewers find most frauds and a few that are none; many honest requests are only known to have ended well."""
    user = events["user"]
    is_fraud = people.circle.is_fraud[user]
    found = np.where(is_fraud, np.where(people.circle.quiet[user], 0.3, 0.68), 0.004)
    luck = rng.random(len(events))
    genuine = found + np.where(is_fraud, 0.04, 0.25)
    unsure = genuine + np.where(is_fraud, 0.05, 0.01)
    clean = unsure + np.where(is_fraud, 0.08, 0.50)
    answers = [Disposition.FRAUD, Disposition.GENUINE, Disposition.UNSURE]
    lows, highs = [np.zeros_like(luck), found, genuine], [found, genuine, unsure]
    rows = [
        _dispositions(rng, answer, events[chosen], number[chosen])
        for answer, low, high in zip(answers, lows, highs, strict=True)
        for chosen in [(low <= luck) & (luck < high)]
    ]
    ended_well = (unsure <= luck) & (luck < clean)
    return np.concatenate([*rows, _cleans(rng, events[ended_well], number[ended_well])])


def _dispositions(rng: np.random.Generator, answer: Disposition, events: Rows, number: Integers) -> Rows:
    days = rng.uniform(*REVIEW_DAYS, len(events))
    rows = _outcomes(OutcomeKind.DISPOSITION, events, number, (DAY * days).astype(np.int64))
    rows["disposition"] = DISPOSITIONS.index(answer)
    rows["caused_by"] = CAUSES.index(CausedBy.PERSON)
    return rows


def bans(rng: np.random.Generator, day: Day, people: People, last_event: Integers) -> Rows:
    """The bans of a day. `last_event` holds each person's newest event number, or MISSING: those cannot be banned."""
    user = np.flatnonzero((people.span.ban == day.number) & (last_event >= 0))
    rows = blank(OUTCOME, len(user))
    rows["kind"] = OUTCOME_KINDS.index(OutcomeKind.BAN)
    rows["subject"], rows["user"] = last_event[user], user
    by_model = people.span.banned_by_model[user]
    rows["caused_by"] = np.where(by_model, CAUSES.index(CausedBy.MODEL), CAUSES.index(CausedBy.PERSON))
    rows["event_time"] = day.begins + rng.integers(1 * HOUR, 23 * HOUR, len(user))
    rows["recorded_at"] = rows["event_time"] + 1_000_000
    return rows
