"""The nightly features of a person: each column once, with what it means, its unit, and why it exists."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final


@dataclass(frozen=True)
class RingFeature:
    """One float column of the nightly table; NaN where nothing can be said."""

    name: str
    description: str
    unit: str
    reason: str


RING_FEATURES: Final = (
    RingFeature(
        "rings__component_persons",
        "people joined by devices (a browser only without a phone), destinations and identities, themselves too",
        "people",
        "a ring is many accounts of few hands",
    ),
    RingFeature(
        "rings__component_devices",
        "devices of this person's component, by the kind of id with the most",
        "devices",
        "a farm has racks, a family shelves",
    ),
    RingFeature(
        "rings__component_growth",
        "share of the component's people whose first tie is at most seven days old",
        "share",
        "rings are made in days, families in years",
    ),
    RingFeature(
        "rings__component_age", "time since the first tie of the component was seen", "days", "honest circles are old"
    ),
    RingFeature(
        "rings__component_bad",
        "smoothed share of known bad ones among the known others of the component",
        "share",
        "who shares a phone with a cheat is seldom a stranger to them",
    ),
    RingFeature(
        "rings__device_accounts",
        "other people on each id of this person's devices, each weighing 1/log(1 + people of the id)",
        "weight",
        "accounts take turns on a handset",
    ),
    RingFeature(
        "rings__destination_accounts",
        "other people paid to this person's destinations, weighed likewise",
        "weight",
        "many accounts, one purse",
    ),
    RingFeature(
        "rings__identity_accounts",
        "other people verified with this person's identity, weighed likewise",
        "weight",
        "one document opens one account",
    ),
    RingFeature(
        "rings__ip_accounts",
        "other people at this person's addresses, weighed likewise",
        "weight",
        "a farm seldom has an address for each account; weak alone, for homes share, too",
    ),
    RingFeature(
        "rings__network_accounts",
        "other people in this person's networks, weighed likewise",
        "weight",
        "rented addresses come in blocks; weak alone",
    ),
    RingFeature(
        "rings__hub_keys",
        "keys of this person that are hubs: 64 people or more share them, or 8 a browser",
        "keys",
        "hubs are left out of all else, so that a campus or a carrier is no ring; this says that it happened",
    ),
    RingFeature(
        "rings__two_hop_bad",
        "smoothed, weighted share of known bad ones among the known who share a device, destination or identity",
        "share",
        "the nearest company that a person keeps",
    ),
    RingFeature(
        "rings__place_bad",
        "the same among those who share an address or a network",
        "share",
        "a farm's address stays bad when its phones are wiped",
    ),
    RingFeature(
        "rings__bad_walks",
        "visits of random walks that restart at known bad people, 1 being an even spread",
        "ratio",
        "closeness to bad seeds along every path, not the shortest alone",
    ),
    RingFeature(
        "rings__core",
        "core number in the graph of people and the joining keys that several share",
        "ties",
        "a farm is dense, a family is a star",
    ),
    RingFeature(
        "rings__clustering",
        "share of pairs of tied people who are tied themselves",
        "share",
        "one shared phone makes a clique, a chain of second-hand phones does not",
    ),
    RingFeature(
        "rings__tied_persons",
        "people who share a joining key or a referral with this person, hubs apart",
        "people",
        "how many others one step reaches",
    ),
    RingFeature(
        "rings__community_persons",
        "people of this person's community, by modularity over shared keys and referrals",
        "people",
        "a ring within a component that a chance tie made large",
    ),
    RingFeature(
        "rings__community_bad",
        "smoothed share of known bad ones among the known others of the community",
        "share",
        "rings are banned one account at a time",
    ),
    RingFeature(
        "rings__community_closed",
        "share of the community's tie weight that stays inside it",
        "share",
        "a ring deals with itself",
    ),
    RingFeature(
        "rings__position_spread",
        "mean square of the leading spectral coordinates, 1 being an even spread",
        "ratio",
        "large for who belongs to a dense part that stands out from the whole graph",
    ),
    RingFeature(
        "rings__position_bad",
        "cosine between the spectral position and the mean position of the other known bad people",
        "cosine",
        "the same side of the graph; unlike coordinates, it means the same every night",
    ),
    RingFeature(
        "rings__overlap",
        "largest overlap of acts with anybody: same act, same quarter of an hour, last seven days",
        "share",
        "scripts act in step",
    ),
    RingFeature(
        "rings__synchronised_persons",
        "people with an overlap of acts of at least one half",
        "people",
        "two friends may act in step, twenty do not",
    ),
    RingFeature(
        "rings__referral_depth",
        "steps up the chain of referrals to the first person",
        "steps",
        "accounts that bring each other for the bonus make chains",
    ),
    RingFeature(
        "rings__referred_persons",
        "people whom this person brought",
        "people",
        "bonus hunters bring many, and bring themselves",
    ),
    RingFeature(
        "rings__sign_up_burst",
        "most people of the component who signed up within one hour of the last seven days",
        "people",
        "accounts are opened in a row",
    ),
    RingFeature(
        "rings__withdrawal_burst",
        "most people of the component who asked for a withdrawal within one such hour",
        "people",
        "a ring cashes out at once",
    ),
)

RING_NAMES: Final = tuple(feature.name for feature in RING_FEATURES)
RING_VERSION: Final = sha256(repr(RING_FEATURES).encode()).hexdigest()[:12]
"""Changes with any word of the table: files of another version are made anew."""
