"""A name screen on a list that is made here: how many listed people it finds under changed names, and whom else."""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from pipelines.bench.screening_changes import CHANGES
from pipelines.bench.screening_names import CULTURES, Invented, invented
from pipelines.console import BenchRow, progress, report
from serving.payouts.identity.persons import Person
from serving.payouts.screening.index import NameIndex
from serving.payouts.screening.lists import Entry, NameList
from serving.payouts.screening.names import Unreadable
from serving.policy import ScreeningPolicy, load_policy
from training.estimates import Estimate, wilson

RECALL_MIN: Final = 0.95
FALSE_HITS_MAX: Final = 0.01
_YEAR_KNOWN: Final = 0.8
"""Of the entries: those of which the list knows the year of birth."""
_SAME_NAME: Final = 0.999
_RESAMPLES: Final = 1_000
_HOSTILE: Final = " ".join(["Mohammed", "Ahmed", "Ali", "Maria", "Wang", "Li", "Xiao", "Ming"] * 2)


@dataclass
class Found:
    """Of listed people, each by its place: what was found of what was asked, with the date of birth and without."""

    of_change: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    of_culture: dict[str, list[bool]] = field(default_factory=lambda: defaultdict(list))
    undated: list[bool] = field(default_factory=list)
    of_person: list[tuple[int, int]] = field(default_factory=list)


@dataclass
class Others:
    """Of people who are not listed: how many were hit with the date of birth and without, and how long each took."""

    people: int = 0
    hit: int = 0
    namesakes: int = 0
    hit_undated: int = 0
    entries_undated: int = 0
    seconds: list[float] = field(default_factory=list)


def run(seed: int, listed: int, people: int, asked: int) -> None:
    rng = np.random.default_rng(seed)
    policy = load_policy().screening
    with progress("screening", listed + asked + people) as advance:
        everybody = [(culture, invented(rng, CULTURES[culture])) for culture in rng.choice(list(CULTURES), listed)]
        begun = time.process_time()
        index = NameIndex(NameList.of(_entry(rng, place, one) for place, (_, one) in enumerate(everybody)))
        build_seconds = time.process_time() - begun
        advance(listed)
        found = _searched(rng, index, policy, everybody[:asked], advance)
        others = _plain(rng, index, policy, people, advance)
        hostile = _timed(index, Person((_HOSTILE,)), policy)[1]
    recall = _pooled(np.random.default_rng(seed), found.of_person)
    lines = _lines(found, others, recall, listed, hostile)
    report(f"names against a list of {listed:,}, seed {seed}", lines, _figures(found, others, recall, build_seconds))


def _entry(rng: np.random.Generator, place: int, one: Invented) -> Entry:
    years = (str(one.birth_year),) if rng.random() < _YEAR_KNOWN else ()
    return Entry(str(place), (one.latin,), years)


def _searched(
    rng: np.random.Generator,
    index: NameIndex,
    policy: ScreeningPolicy,
    everybody: list[tuple[str, Invented]],
    advance: Callable[[int], object],
) -> Found:
    found = Found()
    for place, (culture, one) in enumerate(everybody):
        hits = []
        for change, changed in CHANGES.items():
            name = changed(rng, one)
            if name is None:
                continue
            person = Person((name,), f"{one.birth_year}-07-01")
            is_hit = _is_found(index, person, policy, place)
            hits.append(is_hit)
            found.of_change[change].append(is_hit)
            found.of_culture[culture].append(is_hit)
            found.undated.append(_is_found(index, Person((name,)), policy, place))
        found.of_person.append((sum(hits), len(hits)))
        advance(1)
    return found


def _plain(
    rng: np.random.Generator, index: NameIndex, policy: ScreeningPolicy, people: int, advance: Callable[[int], object]
) -> Others:
    others = Others()
    for culture in rng.choice(list(CULTURES), people):
        one = invented(rng, CULTURES[culture])
        scores, seconds = _timed(index, Person((one.latin,), f"{one.birth_year}-07-01"), policy)
        undated = len(_timed(index, Person((one.latin,)), policy)[0])
        others.people += 1
        others.hit += bool(scores)
        others.namesakes += max(scores, default=0) > _SAME_NAME
        others.hit_undated += undated > 0
        others.entries_undated += undated
        others.seconds.append(seconds)
        advance(1)
    return others


def _is_found(index: NameIndex, person: Person, policy: ScreeningPolicy, place: int) -> bool:
    """A name that a person must read is found: somebody looks at it."""
    try:
        return any(match.entry.id == str(place) for match in index.search(person, policy))
    except Unreadable:
        return True


def _timed(index: NameIndex, person: Person, policy: ScreeningPolicy) -> tuple[list[float], float]:
    """The scores of the hits, and seconds of the processor: a busy machine does not stretch them.

    A name that a person must read counts as one hit.
    """
    begun = time.process_time()
    try:
        scores = [match.score for match in index.search(person, policy)]
    except Unreadable:
        scores = [0.0]
    return scores, time.process_time() - begun


def _pooled(rng: np.random.Generator, of_person: list[tuple[int, int]]) -> Estimate:
    """Over all changes alike; the interval resamples people, whose changes are not independent."""
    table = np.array(of_person)
    drawn = table[rng.integers(0, len(table), (_RESAMPLES, len(table)))].sum(axis=1)
    low, high = np.quantile(drawn[:, 0] / drawn[:, 1], (0.025, 0.975))
    hits, tries = table.sum(axis=0)
    return Estimate(float(hits / tries), float(low), float(high))


def _share(hits: int, tries: int) -> str:
    low, high = wilson(hits, tries)
    return f"{hits / tries:.4f} ({low:.4f} to {high:.4f}) of {tries:,}"


def _lines(found: Found, others: Others, recall: Estimate, listed: int, hostile: float) -> list[BenchRow]:
    assert recall.value is not None
    false_share = others.hit / others.people
    milliseconds = np.array(others.seconds) * 1_000
    of_change = [BenchRow(f"found {name}", None, _share(sum(hit), len(hit))) for name, hit in found.of_change.items()]
    of_culture = [
        BenchRow(f"found, {name}", None, _share(sum(hit), len(hit))) for name, hit in found.of_culture.items()
    ]
    plain = [
        BenchRow(
            "people not listed who are hit",
            f"<= {FALSE_HITS_MAX:.0%}",
            _share(others.hit, others.people),
            false_share <= FALSE_HITS_MAX,
        ),
        BenchRow("... who are called as somebody listed", None, _share(others.namesakes, others.people)),
        BenchRow("... without a date of birth", None, _share(others.hit_undated, others.people)),
        BenchRow("... entries each, without a date of birth", None, f"{others.entries_undated / others.people:.4f}"),
        BenchRow(
            f"a search among {listed:,}, processor time",
            None,
            f"median {np.median(milliseconds):.2f} ms, p99 {np.quantile(milliseconds, 0.99):.2f} ms, "
            f"{1_000 / milliseconds.mean():,.0f} a second",
        ),
        BenchRow("a search of sixteen common words", None, f"{hostile * 1_000:.0f} ms"),
    ]
    return [
        BenchRow("found under all changes", f">= {RECALL_MIN}", str(recall), recall.value >= RECALL_MIN),
        BenchRow("... without a date of birth", None, _share(sum(found.undated), len(found.undated))),
        *of_change,
        *of_culture,
        *plain,
    ]


def _figures(found: Found, others: Others, recall: Estimate, build_seconds: float) -> dict[str, Any]:
    return {
        "recall": recall.value,
        "recall_interval": [recall.low, recall.high],
        "recall_undated": sum(found.undated) / len(found.undated),
        "recall_of_change": {name: sum(hit) / len(hit) for name, hit in found.of_change.items()},
        "recall_of_culture": {name: sum(hit) / len(hit) for name, hit in found.of_culture.items()},
        "false_hits": others.hit / others.people,
        "namesakes": others.namesakes / others.people,
        "false_hits_undated": others.hit_undated / others.people,
        "people": others.people,
        "searches_per_second": len(others.seconds) / sum(others.seconds),
        "build_seconds": build_seconds,
    }
