"""What people do in their sessions: openings, ads, tasks, and apps with their goals, as rows in flight."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from features.events import IpProvenance, Kind
from training.simulator.batch import (
    EVENT,
    HOUR,
    IP_PROVENANCES,
    KINDS,
    MISSING,
    SECOND,
    Integers,
    Rows,
    blank,
)
from training.simulator.catalogue import AD, APP, GOAL_FACTORS, GOALS, PARTNERS, TASK, Catalogue
from training.simulator.families import Numbers
from training.simulator.networks import partner_servers
from training.simulator.population import People, Truths

ACTIONS_MAX: Final = 25
GAP_SECONDS_MEDIAN: Final = 45.0
AD_SECONDS: Final = (15.0, 35.0)
COMPLETED, SCREENED_OUT = 0.66, 0.20
INSTALLED: Final = 0.50
PURCHASED: Final = 0.03
GOAL_HOURS_MEDIANS: Final = (3.0, 22.0, 60.0)
_REPORTS_TASKS: Final = np.array([partner.reports_tasks for partner in PARTNERS])
_PARTNER_ADDRESS: Final = IP_PROVENANCES.index(IpProvenance.PARTNER)


@dataclass(frozen=True)
class Numbering:
    """The first click number and the first conversion number that are free."""

    click: int = 0
    conversion: int = 0


def act(
    rng: np.random.Generator, sessions: Rows, people: People, catalogue: Catalogue, free: Numbering
) -> tuple[Rows, Numbering]:
    """All events that begin in the sessions, some of them days later, and the numbering after them."""
    visits, spent = _visits(rng, sessions, people)
    user = visits["user"]
    luck = rng.random(len(visits))
    ads, apps = people.habits.ads[user], people.habits.apps[user]
    is_ad, is_app = luck < ads, (luck >= ads) & (luck < ads + (1 - ads) * apps)
    is_task = ~is_ad & ~is_app
    app_events, click = _apps(rng, visits[is_app], people, catalogue, free.click)
    events = np.concatenate(
        [
            openings(rng, sessions, people),
            _ads(rng, visits[is_ad], spent[is_ad], catalogue),
            _tasks(rng, visits[is_task], spent[is_task], people, catalogue),
            app_events,
        ]
    )
    conversion = _number_conversions(events, catalogue, free.conversion)
    return events, Numbering(click, conversion)


def _visits(rng: np.random.Generator, sessions: Rows, people: People) -> tuple[Rows, Numbers]:
    """`(sessions repeated once an action, starting when the action starts; seconds that each action may take)`."""
    count = np.minimum(1 + rng.poisson(people.habits.depth[sessions["user"]]), ACTIONS_MAX)
    visits = np.repeat(sessions, count)
    haste = people.habits.haste[visits["user"]]
    gaps = GAP_SECONDS_MEDIAN * haste * np.exp(0.8 * rng.standard_normal(len(visits)))
    spent = haste * np.exp(0.5 * rng.standard_normal(len(visits)))
    total = np.cumsum(gaps + 60 * spent)
    first = np.repeat(np.cumsum(count) - count, count)
    visits["start"] += (SECOND * (total - total[first] + gaps)).astype(np.int64) + 20 * SECOND
    return visits, spent


def event_rows(kind: Kind, sessions: Rows, time: Integers) -> Rows:
    """Events of one kind by the people of the sessions, from their handsets and addresses."""
    rows = blank(EVENT, len(sessions))
    rows["kind"] = KINDS.index(kind)
    rows["event_time"] = time
    for name in ("user", "installation", "address"):
        rows[name] = sessions[name]
    return rows


def openings(rng: np.random.Generator, sessions: Rows, people: People) -> Rows:
    """Sign-up, referral and identity of those who join; logins and check-ins of those who come back."""
    joining = sessions[sessions["joins"]]
    logins = sessions[~sessions["joins"] & (rng.random(len(sessions)) < 0.8)]
    checking = sessions[sessions["opens_day"] & (rng.random(len(sessions)) < 0.55)]
    verifying = joining[rng.random(len(joining)) < 0.45]
    referred = joining[people.ties.referrer[joining["user"]] != MISSING]
    rows = [
        event_rows(Kind.SIGN_UP, joining, joining["start"]),
        event_rows(Kind.REFERRAL, referred, referred["start"] + _seconds(rng, referred, 2, 15)),
        event_rows(Kind.LOGIN, logins, logins["start"]),
        event_rows(Kind.CHECK_IN, checking, checking["start"] + _seconds(rng, checking, 4, 20)),
        event_rows(Kind.IDENTITY_VERIFIED, verifying, verifying["start"] + _seconds(rng, verifying, 60, 900)),
    ]
    rows[1]["referrer"] = people.ties.referrer[referred["user"]]
    rows[4]["identity"] = people.ties.identity[verifying["user"]]
    rows[0]["duration_ms"] = rng.uniform(8_000, 60_000, len(joining))
    rows[3]["duration_ms"] = rng.uniform(800, 6_000, len(checking))
    return np.concatenate(rows)


def _seconds(rng: np.random.Generator, rows: Rows, low: float, high: float) -> Integers:
    """A stretch between two bounds in seconds, in microseconds, one a row."""
    return (SECOND * rng.uniform(low, high, len(rows))).astype(np.int64)


def _ads(rng: np.random.Generator, visits: Rows, spent: Numbers, catalogue: Catalogue) -> Rows:
    seconds = np.maximum(rng.uniform(*AD_SECONDS, len(visits)), 8 * spent)
    rows = event_rows(Kind.AD_VIEWED, visits, visits["start"] + (SECOND * seconds).astype(np.int64))
    rows["task"] = catalogue.choose(rng, AD, len(visits))
    rows["duration_ms"] = 1000 * seconds
    _price(rows, catalogue, 1.0)
    return rows


def _price(rows: Rows, catalogue: Catalogue, factor: Numbers | float) -> None:
    """Reward and revenue of the rows' tasks, times a factor, in whole hundredths of the currency."""
    task = rows["task"]
    rows["reward"] = np.round(catalogue.reward[task] * factor / 10_000) * 10_000
    rows["revenue"] = np.round(catalogue.revenue[task] * factor)


def _tasks(rng: np.random.Generator, visits: Rows, spent: Numbers, people: People, catalogue: Catalogue) -> Rows:
    """Started, then completed, screened out, or given up."""
    started = event_rows(Kind.TASK_STARTED, visits, visits["start"])
    started["task"] = catalogue.choose(rng, TASK, len(visits))
    seconds = np.maximum(60 * catalogue.minutes[started["task"]] * spent, 4.0)
    end = np.where(rng.random(len(visits)) < COMPLETED, 0, np.where(rng.random(len(visits)) < 0.6, 1, 2))
    completed = _ended(Kind.TASK_COMPLETED, started, seconds, end == 0)
    _price(completed, catalogue, 1.0)
    early = seconds * rng.uniform(0.1, 0.5, len(visits))
    return np.concatenate([started, completed, _ended(Kind.SCREENED_OUT, started, early, end == 1)])


def _ended(kind: Kind, started: Rows, seconds: Numbers, chosen: Truths) -> Rows:
    rows = started[chosen]
    rows["kind"] = KINDS.index(kind)
    rows["event_time"] += (SECOND * seconds[chosen]).astype(np.int64)
    rows["duration_ms"] = 1000 * seconds[chosen]
    return rows


def _apps(
    rng: np.random.Generator, visits: Rows, people: People, catalogue: Catalogue, first_click: int
) -> tuple[Rows, int]:
    """`(clicks, installs, goals and purchases; the next free click number)`."""
    clicks = event_rows(Kind.CLICK, visits, visits["start"])
    clicks["task"] = catalogue.choose(rng, APP, len(visits))
    clicks["click"] = first_click + np.arange(len(visits))
    clicks["duration_ms"] = 1000 * np.exp(rng.normal(1.2, 0.6, len(visits)))
    installs = clicks[rng.random(len(visits)) < INSTALLED]
    wait = people.habits.install_seconds[installs["user"]] * np.exp(0.7 * rng.standard_normal(len(installs)))
    installs["kind"] = KINDS.index(Kind.INSTALL)
    installs["event_time"] += (SECOND * (2 + wait)).astype(np.int64)
    _price(installs, catalogue, 1.0)
    return np.concatenate([clicks, installs, *_goals(rng, installs, people, catalogue)]), first_click + len(visits)


def _goals(rng: np.random.Generator, installs: Rows, people: People, catalogue: Catalogue) -> list[Rows]:
    """Goals one after another, each by some of those who reached the last; few buy. Partners report all of them."""
    reached, groups = installs, []
    for number in range(GOALS):
        reached = reached[rng.random(len(reached)) < people.habits.goal[reached["user"]]]
        reached["kind"] = KINDS.index(Kind.GOAL_REACHED)
        haste = people.habits.haste[reached["user"]]
        hours = GOAL_HOURS_MEDIANS[number] * haste * np.exp(0.8 * rng.standard_normal(len(reached)))
        reached["event_time"] += (HOUR * hours).astype(np.int64)
        reached["goal"] = number
        _price(reached, catalogue, float(GOAL_FACTORS[number]))
        groups.append(_reported(rng, reached, catalogue))
    return [*groups, _reported(rng, _purchases(rng, installs), catalogue)]


def _purchases(rng: np.random.Generator, installs: Rows) -> Rows:
    bought = installs[rng.random(len(installs)) < PURCHASED]
    bought["kind"] = KINDS.index(Kind.PURCHASE)
    bought["event_time"] += (HOUR * rng.exponential(40, len(bought))).astype(np.int64) + HOUR
    bought["amount"] = rng.choice([6, 12, 30, 68, 128], len(bought)) * 1_000_000
    bought["revenue"] = bought["amount"] // 5
    bought["reward"] = bought["revenue"] // 20_000 * 10_000
    return bought


def _reported(rng: np.random.Generator, rows: Rows, catalogue: Catalogue) -> Rows:
    """The rows as a partner's server reports them: its own address, or none at all."""
    reports = rows.copy()
    servers = partner_servers(catalogue.partner[rows["task"]])
    reports["address"] = np.where(rng.random(len(rows)) < 0.7, servers, np.uint64(0))
    reports["ip_provenance"] = _PARTNER_ADDRESS
    reports["duration_ms"] = np.nan
    reports["installation"] = np.where(rng.random(len(rows)) < 0.5, rows["installation"], MISSING)
    return reports


def _number_conversions(events: Rows, catalogue: Catalogue, first: int) -> int:
    """Numbers what partners count as conversions; answers the next free number."""
    kind, task = events["kind"], events["task"]
    counted = np.isin(kind, [KINDS.index(k) for k in (Kind.INSTALL, Kind.GOAL_REACHED, Kind.PURCHASE)])
    counted |= (kind == KINDS.index(Kind.TASK_COMPLETED)) & _REPORTS_TASKS[catalogue.partner[task]]
    chosen = np.flatnonzero(counted)
    events["conversion"][chosen] = first + np.arange(len(chosen))
    return first + len(chosen)
