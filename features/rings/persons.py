"""Every nightly feature of every person, from the edge table, the acts and what is known to be bad."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import polars as pl

from features.graph.layout import DEGREE_MAX, WEB
from features.rings.acts import Acts, burst, overlap
from features.rings.edges import Edges
from features.rings.engines import Engine
from features.rings.joins import Ties, admitted
from features.rings.known import bad_walks, group_density, two_hop_density
from features.rings.matrix import Sparse, incidence, people_of_keys, row_counts, shared, symmetric, weights_of
from features.rings.position import bad_direction, positions
from features.rings.referrals import referral_depth, referred_people
from features.rings.shape import clustering, communities, core_numbers, inner_share, numbered
from features.rings.shards import sharded_components
from features.rings.table import RING_NAMES
from features.rings.ties import JOINING, MICROS_PER_DAY, SHARED_PLACES, Floats, Ints, Tie, Truths

GROWTH_DAYS: Final = 7
Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Night:
    """What one night reads. `bad`: (persons,) of 1, 0 or NaN, see `known`. `as_of`: microseconds."""

    edges: Edges
    acts: Acts
    bad: Floats
    as_of: int


def person_features(night: Night, engine: Engine) -> pl.DataFrame:
    """One row a person, in the order of their ids: `user_id` and RING_NAMES as float64."""
    edges = night.edges
    degree = people_of_keys(edges.nodes, edges.right)
    # Who brought more people than a hub has is no tie between them either.
    limit = np.concatenate([np.full(edges.persons, DEGREE_MAX), edges.limit_of_key])
    weight = weights_of(degree, limit)[edges.right]
    label = rings_of(edges, engine)
    found: Columns = {}
    found |= _component(night, label)
    found |= _accounts(edges, degree, weight)
    found |= _company(night, weight)
    found |= _shape(night, weight)
    found |= _together(night, label)
    columns = {name: np.asarray(found[name], np.float64) for name in RING_NAMES}
    assert found.keys() == columns.keys(), "the table and what is computed name the same columns"
    return pl.DataFrame({"user_id": edges.person_ids} | columns)


def rings_of(edges: Edges, engine: Engine) -> Ints:
    """The component of every node, numbered from 0 in the order of their first node."""
    chosen = np.flatnonzero(edges.of(*JOINING) & ~_on_strange_browser(edges))
    chosen = chosen[admitted(edges.persons, edges.left[chosen], edges.tie[chosen])]
    ties = Ties(
        edges.left[chosen],
        edges.right[chosen],
        edges.first_seen[chosen],
        edges.last_seen[chosen],
        edges.tie[chosen] == Tie.DEVICE,
        edges.limit_of_key[edges.right[chosen] - edges.persons],
    )
    return numbered(sharded_components(engine, edges.nodes, ties))


def _on_strange_browser(edges: Edges) -> Truths:
    """Ties to a browser of people who have a phone: it may be a public one, so it does not join them."""
    kind = np.concatenate([np.zeros(edges.persons, np.int64), edges.device_kind_of_key])[edges.right]
    has_phone = np.bincount(edges.left, (kind > 0) & (kind < WEB), edges.persons) > 0
    strange: Truths = (kind == WEB) & has_phone[edges.left]
    return strange


def _component(night: Night, label: Ints) -> Columns:
    edges, persons = night.edges, night.edges.persons
    mine, groups = label[:persons], int(label.max(initial=-1)) + 1
    people = np.bincount(mine, minlength=groups)
    devices = _devices(edges, label[persons:], groups)
    first = _first_seen(edges)
    oldest = np.full(groups, night.as_of)
    np.minimum.at(oldest, mine, first)
    young = first >= night.as_of - GROWTH_DAYS * MICROS_PER_DAY
    tied = first < night.as_of
    return {
        "rings__component_persons": people[mine],
        "rings__component_devices": devices[mine],
        "rings__component_growth": (np.bincount(mine, young & tied, groups) / np.maximum(people, 1))[mine],
        "rings__component_age": ((night.as_of - oldest) / MICROS_PER_DAY)[mine],
        "rings__component_bad": group_density(mine, night.bad),
    }


def _devices(edges: Edges, label: Ints, groups: int) -> Ints:
    """Devices of each component: of the kinds of id that are found there, the one with the most ids."""
    kind = edges.device_kind_of_key
    kinds = int(kind.max(initial=0)) + 1
    counts = np.bincount(label * kinds + kind, minlength=groups * kinds).reshape(groups, kinds)
    most: Ints = counts[:, 1:].max(axis=1, initial=0)
    return most


def _first_seen(edges: Edges) -> Ints:
    """When each person's first joining tie was seen; far in the future for people without one."""
    first = np.full(edges.persons, np.iinfo(np.int64).max)
    chosen = edges.of(*JOINING)
    np.minimum.at(first, edges.left[chosen], edges.first_seen[chosen])
    return first


def _accounts(edges: Edges, degree: Ints, weight: Floats) -> Columns:
    strength = (degree[edges.right] - 1) * weight
    is_hub = (weight == 0) & ~edges.of(Tie.REFERRAL)
    columns = {"rings__hub_keys": np.bincount(edges.left, is_hub, edges.persons)}
    for kind in (*JOINING, *SHARED_PLACES):
        weighed = strength * edges.of(kind)
        columns[f"rings__{kind.name.lower()}_accounts"] = np.bincount(edges.left, weighed, edges.persons)
    return columns


def _company(night: Night, weight: Floats) -> Columns:
    """How near the known bad ones are, along joining ties, shared places, and all of them."""
    edges, persons = night.edges, night.edges.persons
    bad = np.concatenate([night.bad, np.full(edges.nodes - persons, np.nan)])
    joined = _graph(edges, weight, *JOINING)
    places = _graph(edges, weight, *SHARED_PLACES)
    whole = joined + places + _graph(edges, weight, Tie.REFERRAL)
    return {
        "rings__two_hop_bad": two_hop_density(joined, bad)[:persons],
        "rings__place_bad": two_hop_density(places, bad)[:persons],
        "rings__core": core_numbers(joined)[:persons],
    } | _whole(whole, bad, persons)


def _whole(whole: Sparse, bad: Floats, persons: int) -> Columns:
    """What needs several numbers a node, for the nodes that are tied to anybody only; 0 for all others."""
    tied = np.flatnonzero(row_counts(whole))
    part = whole[tied][:, tied]
    walks, spread, direction = np.zeros((3, whole.shape[0]))
    position = positions(part)
    walks[tied] = bad_walks(part, bad[tied])
    spread[tied] = (position**2).mean(axis=1)
    direction[tied] = bad_direction(position, bad[tied])
    return {
        "rings__bad_walks": walks[:persons],
        "rings__position_spread": spread[:persons],
        "rings__position_bad": direction[:persons],
    }


def _shape(night: Night, weight: Floats) -> Columns:
    """What the graph of people alone, tied by what they share, looks like around each."""
    people = _people(night.edges, weight)
    group = communities(people)
    return {
        "rings__clustering": clustering(people),
        "rings__tied_persons": row_counts(people),
        "rings__community_persons": np.bincount(group)[group] if len(group) else group,
        "rings__community_bad": group_density(group, night.bad),
        "rings__community_closed": inner_share(people, group),
    }


def _together(night: Night, label: Ints) -> Columns:
    edges, acts, mine = night.edges, night.acts, label[: night.edges.persons]
    overlaps, synchronised = overlap(acts, edges.persons)
    referred = edges.of(Tie.REFERRAL)
    sign_up, withdrawal = acts.is_sign_up, acts.is_withdrawal
    return {
        "rings__overlap": overlaps,
        "rings__synchronised_persons": synchronised,
        "rings__referral_depth": referral_depth(edges.persons, edges.left[referred], edges.right[referred]),
        "rings__referred_persons": referred_people(edges.persons, edges.right[referred]),
        "rings__sign_up_burst": burst(acts.person[sign_up], acts.bucket[sign_up], mine),
        "rings__withdrawal_burst": burst(acts.person[withdrawal], acts.bucket[withdrawal], mine),
    }


def _graph(edges: Edges, weight: Floats, *kinds: Tie) -> Sparse:
    """People and the keys that at least two of them share, or for referrals people alone."""
    several = np.bincount(edges.right, minlength=edges.nodes) > 1
    chosen = edges.of(*kinds) & (several[edges.right] | edges.of(Tie.REFERRAL))
    return symmetric(edges.nodes, edges.left[chosen], edges.right[chosen], weight[chosen])


def _people(edges: Edges, weight: Floats) -> Sparse:
    """People by people: the weight of the joining keys that they share, and of a referral between them."""
    chosen, persons = edges.of(*JOINING), edges.persons
    incident = incidence(persons, edges.nodes - persons, edges.left[chosen], edges.right[chosen] - persons)
    per_key = np.zeros(edges.nodes - persons)
    per_key[edges.right[chosen] - persons] = weight[chosen]
    referred = edges.of(Tie.REFERRAL)
    brought = symmetric(persons, edges.left[referred], edges.right[referred], weight[referred])
    together = (shared(incident, per_key) + brought).tocsr()
    together.sort_indices()
    return together
