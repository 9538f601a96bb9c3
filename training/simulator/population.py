"""The people: families, groups that live or work together, spans of activity, and habits of their own."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulator.batch import MISSING, Integers, ranks
from training.simulator.families import CAFE_VISITOR, FAMILIES, HOUSEHOLD, IS_FRAUD, ORDINARY, habit
from training.simulator.habits import Habits, around, draw_habits
from training.simulator.sharing import draw_cafes, nobody

Truths = NDArray[np.bool_]
NEVER: Final = 1 << 30
# Two fraudsters in ten behave like ordinary people, and a few honest people behave like fraudsters.
QUIET_FRAUD: Final = 0.20
ODD_HONEST: Final = 0.02
JOIN_DURING: Final = 0.42
STAY_DAYS_MEAN: Final = 55.0
BAN_SHARE: Final = 0.40
BAN_SHARE_HONEST: Final = 0.0015
BAN_DAYS_MEDIAN: Final = 14.0
COUNTRIES: Final = ("CN", "HK", "MY", "SG", "TW")
_COUNTRY_SHARES: Final = (0.94, 0.02, 0.02, 0.01, 0.01)
_TIER_SHARES: Final = (0.10, 0.18, 0.24, 0.22, 0.16, 0.10)
DOMAINS: Final = ("qq.com", "163.com", "126.com", "gmail.com", "outlook.com", "foxmail.com", "sina.com", "proton.me")
_DOMAIN_SHARES: Final = (0.44, 0.20, 0.08, 0.08, 0.07, 0.06, 0.05, 0.02)


@dataclass(frozen=True)
class Circle:
    """Who belongs together. `group` numbers every group, of one person or more; `place` is the rank within it.

    The visitors of a cafe do not belong together: each is a group of one. Left out, nobody visits any.
    """

    family: Integers
    acts_as: Integers
    is_fraud: Truths
    quiet: Truths
    group: Integers
    place: Integers
    leader: Integers
    household: Integers
    cafe: Integers = field(default_factory=nobody)


@dataclass(frozen=True)
class Span:
    """Days since the start: first day (below 0: before the log), first day without activity, day of the ban."""

    join: Integers
    end: Integers
    ban: Integers
    banned_by_model: Truths


@dataclass(frozen=True)
class Ties:
    """Numbers of homes, payout destinations and identities (which people may share), and the referring person."""

    home: Integers
    destination: Integers
    identity: Integers
    referrer: Integers


@dataclass(frozen=True)
class Profile:
    """What accounts say of themselves, as numbers into this module's lists; tiers count from 1."""

    country: Integers
    city_tier: Integers
    domain: Integers


@dataclass(frozen=True)
class People:
    circle: Circle
    span: Span
    ties: Ties
    habits: Habits
    profile: Profile

    @property
    def count(self) -> int:
        return len(self.circle.family)


def draw_people(rng: np.random.Generator, users: int, days: int) -> People:
    """`users` people over `days` days; their order says nothing of their families."""
    circle = draw_circle(rng, users)
    span = draw_span(rng, circle, days)
    return People(
        circle, span, draw_ties(rng, circle, span), draw_habits(rng, circle.acts_as), draw_profile(rng, users)
    )


def draw_circle(rng: np.random.Generator, users: int) -> Circle:
    family = _families(rng, users)
    group = _groups(rng, family)
    is_fraud = IS_FRAUD[family]
    quiet = is_fraud & (rng.random(users) < QUIET_FRAUD)
    odd = ~is_fraud & (rng.random(users) < ODD_HONEST)
    acts_as = np.where(quiet, ORDINARY, family)
    acts_as = np.where(odd, rng.choice(np.flatnonzero(IS_FRAUD), users), acts_as)
    place = ranks(group)
    leader_of_group = np.zeros(group.max() + 1, np.int64)
    leader_of_group[group[place == 0]] = np.flatnonzero(place == 0)
    household = np.where(family == HOUSEHOLD, group, MISSING)
    cafe = draw_cafes(rng.spawn(1)[0], family == ORDINARY)
    family = np.where(cafe == MISSING, family, CAFE_VISITOR)
    return Circle(family, acts_as, is_fraud, quiet, group, place, leader_of_group[group], household, cafe)


def operators(circle: Circle) -> Integers:
    """The number of the person behind each account: all of a fraudulent group are one's, the honest each their own."""
    return np.where(circle.is_fraud, circle.leader, np.arange(len(circle.family)))


def _families(rng: np.random.Generator, users: int) -> Integers:
    shares = habit("share") / habit("share").sum()
    counts = np.floor(shares * users).astype(np.int64)
    counts[ORDINARY] += users - counts.sum()
    return rng.permutation(np.repeat(np.arange(len(FAMILIES)), counts))


def _groups(rng: np.random.Generator, family: Integers) -> Integers:
    """Members of a family, in random order, cut into groups whose sizes lie around the family's."""
    group = np.empty(len(family), np.int64)
    following = 0
    for number, kind in enumerate(FAMILIES):
        members = rng.permutation(np.flatnonzero(family == number))
        sizes = 1 + rng.poisson(kind.group_size - 1, len(members)) if kind.group_size > 1 else np.ones_like(members)
        bounds = np.cumsum(sizes)
        group[members] = following + np.searchsorted(bounds, np.arange(len(members)), side="right")
        following += len(members)
    return group


def draw_span(rng: np.random.Generator, circle: Circle, days: int) -> Span:
    users = len(circle.family)
    joins_late = rng.random(users) < JOIN_DURING
    join = np.where(joins_late, rng.integers(0, days, users), -rng.integers(1, 200, users))
    # The accounts of one fraudulent group are opened within days of each other; friends join apart.
    together = circle.is_fraud & (rng.random(users) < 0.6)
    burst = join[circle.leader] + rng.integers(0, 4, users)
    join = np.where(together, np.where(burst < days, burst, days - 1), join)
    seen_from = np.maximum(join, 0)
    end = seen_from + 1 + rng.exponential(STAY_DAYS_MEAN, users).astype(np.int64)
    is_banned = rng.random(users) < np.where(circle.is_fraud & ~circle.quiet, BAN_SHARE, BAN_SHARE_HONEST)
    wait = 2 + around(rng, np.full(users, BAN_DAYS_MEDIAN), 0.8).astype(np.int64)
    ban = np.where(is_banned, seen_from + wait, NEVER)
    return Span(join, np.minimum(end, ban), ban, rng.random(users) < 0.4)


def draw_ties(rng: np.random.Generator, circle: Circle, span: Span) -> Ties:
    users = len(circle.family)
    own = np.arange(users)
    home = np.where(_shares(rng, circle, "shared_address"), users + _slots(circle, "addresses_per_group"), own)
    # One account is paid for some eight members: shared, but never all in one.
    payee = users + circle.group * 64 + circle.place // 8
    destination = np.where(_shares(rng, circle, "shared_destination"), payee, own)
    bought = circle.is_fraud & (rng.random(users) < 0.12)
    identity = np.where(bought, circle.leader, own)
    return Ties(home, destination, identity, _referrers(rng, circle, span))


def _shares(rng: np.random.Generator, circle: Circle, name: str) -> Truths:
    """Whether each person shares what their group shares; the quiet do so half as often."""
    chance = habit(name)[circle.family] * np.where(circle.quiet, 0.5, 1.0)
    return rng.random(len(circle.family)) < chance


def _slots(circle: Circle, name: str) -> Integers:
    per_group = habit(name)[circle.family].astype(np.int64)
    slots: Integers = circle.group * 8 + circle.place % per_group
    return slots


def _referrers(rng: np.random.Generator, circle: Circle, span: Span) -> Integers:
    """A tree within the group, or an earlier stranger; MISSING for those who came alone."""
    users = len(circle.family)
    member_of = np.lexsort((span.join, circle.group))
    place = np.empty(users, np.int64)
    place[member_of] = ranks(circle.group[member_of])
    position = np.empty(users, np.int64)
    position[member_of] = np.arange(users)
    # The referrer stands anywhere before the person in the group's order of joining: chains and trees alike.
    back = np.where(rng.random(users) < 0.5, 1, 1 + (rng.random(users) * place).astype(np.int64))
    within = member_of[np.maximum(position - np.minimum(back, place), 0)]
    stranger = rng.integers(0, users, users)
    inside = (place > 0) & (rng.random(users) < 0.75)
    referrer = np.where(inside, within, stranger)
    referred = rng.random(users) < habit("referred")[circle.family]
    is_earlier = span.join[referrer] <= span.join
    return np.where(referred & is_earlier & (referrer != np.arange(users)), referrer, MISSING)


def draw_profile(rng: np.random.Generator, users: int) -> Profile:
    return Profile(
        country=rng.choice(len(COUNTRIES), users, p=_COUNTRY_SHARES),
        city_tier=1 + rng.choice(len(_TIER_SHARES), users, p=_TIER_SHARES),
        domain=rng.choice(len(DOMAINS), users, p=_DOMAIN_SHARES),
    )
