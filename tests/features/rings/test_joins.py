"""Who joins whom: purses at once, phones by how they are used, hubs never."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.graph.joining import HANDOVER, TENANCIES_MAX
from features.graph.layout import DEGREE_MAX
from features.rings.components import components
from features.rings.engines import engine_of
from features.rings.joins import Ties, admitted, joins
from features.rings.shards import sharded_components

HOUR = 3_600_000_000
PERSONS = 10


def ties(rows: Sequence[tuple[int, int, int, int]], *, is_device: bool = True, limit: int = DEGREE_MAX) -> Ties:
    """Rows of person, key, first seen and last seen in hours."""
    left, right, first, last = np.array(rows, np.int64).reshape(-1, 4).T.copy()
    count = len(left)
    return Ties(left, right, first * HOUR, last * HOUR, np.full(count, is_device), np.full(count, limit))


def together(chosen: Ties, nodes: int = 200) -> list[list[int]]:
    """The people of each component of two or more people."""
    label = components(nodes, *joins(nodes, chosen))
    people = sorted(set(chosen.left.tolist()))
    groups = [[one for one in people if label[one] == root] for root in sorted(set(label[people].tolist()))]
    return [group for group in groups if len(group) > 1]


def test_those_who_are_paid_to_one_destination_are_together() -> None:
    assert together(ties([(0, 100, 0, 0), (1, 100, 500, 500)], is_device=False)) == [[0, 1]]


def test_a_phone_that_is_sold_joins_nobody() -> None:
    assert together(ties([(0, 100, 0, 500), (1, 100, 500, 900)])) == []


def test_a_phone_that_two_people_use_at_a_time_joins_them() -> None:
    assert together(ties([(0, 100, 0, 500), (1, 100, 300, 900)])) == [[0, 1]]


def test_a_third_tenancy_joins_all_of_the_phones_users() -> None:
    assert TENANCIES_MAX == 3
    assert together(ties([(0, 100, 0, 10), (1, 100, 20, 30), (2, 100, 40, 50)])) == [[0, 1, 2]]


def test_a_hub_joins_nobody() -> None:
    shared = [(person, 100, 0, 900) for person in range(5)]
    assert together(ties(shared, limit=5)) == []
    assert together(ties(shared, limit=6)) == [[0, 1, 2, 3, 4]]


def test_a_device_with_a_million_accounts_is_passed_over() -> None:
    count = 1_000_000
    crowd = Ties(
        np.arange(count),
        np.full(count, count),
        np.zeros(count, np.int64),
        np.ones(count, np.int64),
        np.ones(count, np.bool_),
        np.full(count, DEGREE_MAX),
    )
    assert joins(count + 1, crowd).shape == (2, 0)


def test_a_person_has_only_so_many_ties_of_a_kind() -> None:
    kind = np.array([0, 0, 1, 0, 1], np.int8)
    assert admitted(2, np.array([1, 1, 1, 1, 0]), kind, most=2).tolist() == [True, True, True, False, True]


ROW = st.tuples(st.integers(0, PERSONS - 1), st.integers(PERSONS, PERSONS + 5), st.integers(0, 9), st.integers(0, 9))
ROWS = st.lists(ROW, max_size=30, unique_by=lambda row: row[:2])


def plainly(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int]]:
    """The rule in plain Python, with lists and no arrays."""
    made = []
    for key in {row[1] for row in rows}:
        users = sorted((row for row in rows if row[1] == key), key=lambda row: row[2])
        made.append((users[0][0], key))
        tenancies, ends = 1, users[0][3]
        for before, user in pairwise(users):
            if user[2] * HOUR + HANDOVER < ends * HOUR:
                made.append((before[0], user[0]))
            else:
                tenancies += 1
            ends = max(ends, user[3])
        if tenancies >= TENANCIES_MAX:
            made += [(user[0], key) for user in users]
    return made


def spans(rows: list[tuple[int, int, int, int]]) -> list[tuple[int, int, int, int]]:
    return [(person, key, min(one, two), max(one, two)) for person, key, one, two in rows]


@settings(deadline=None)  # the first call compiles
@given(ROWS)
def test_it_is_the_rule_in_plain_python(rows: list[tuple[int, int, int, int]]) -> None:
    rows = spans(rows)
    nodes = PERSONS + 6
    expected = np.array(plainly(rows), np.int64).reshape(-1, 2).T.copy()
    assert np.array_equal(components(nodes, *joins(nodes, ties(rows))), components(nodes, *expected))


@settings(deadline=None)  # the first call compiles
@given(ROWS, st.integers(1, 7))
def test_shards_decide_as_the_whole_does(rows: list[tuple[int, int, int, int]], shards: int) -> None:
    chosen, nodes = ties(spans(rows)), PERSONS + 6
    with engine_of("local") as engine:
        sharded = sharded_components(engine, nodes, chosen, shards)
    assert np.array_equal(sharded, components(nodes, *joins(nodes, chosen)))


def test_an_engine_of_another_name_is_refused() -> None:
    with pytest.raises(ValueError, match="local, dask"), engine_of("spark"):
        pass
    with pytest.raises(ValueError, match="workers"), engine_of("dask", 0):
        pass


def test_dask_has_the_components_of_a_single_interpreter() -> None:
    rng = np.random.default_rng(1)
    left, right = rng.integers(0, 3000, 4000), rng.integers(3000, 5000, 4000)
    _, first = np.unique(left * 5000 + right, return_index=True)
    begins = rng.integers(0, 1000, len(first)) * HOUR
    mixed = ties([(0, 100, 0, 0)])
    chosen = replace(
        mixed,
        left=left[first],
        right=right[first],
        first_seen=begins,
        last_seen=begins + rng.integers(0, 99, len(first)) * HOUR,
        is_device=right[first] % 2 == 0,
        limit=np.full(len(first), DEGREE_MAX),
    )
    with engine_of("dask", 2) as engine:
        on_dask = sharded_components(engine, 5000, chosen)
    assert len(np.unique(on_dask)) < 5000
    assert np.array_equal(on_dask, components(5000, *joins(5000, chosen)))
