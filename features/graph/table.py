"""The features of the device graph: a name, what it says, its unit, and why it is there."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class GraphFeature:
    """Missing without the key that it is about, zero for a key that is not in the graph."""

    name: str
    description: str
    unit: str = "people"
    reason: str = ""


GRAPH_FEATURES: Final = (
    GraphFeature(
        "graph__user_devices",
        "different devices that this person has used, by the kind of id with the most",
        "devices",
        "emulators and wiped phones show as many devices of one person",
    ),
    GraphFeature(
        "graph__device_users",
        "different people who have used this device",
        reason="accounts take turns on the phones of a rack",
    ),
    GraphFeature(
        "graph__destination_users",
        "different people who are paid to this destination",
        reason="many accounts, one purse: where the money ends is hardest to fake",
    ),
    GraphFeature(
        "graph__user_component_users",
        "people tied to this person through devices, payout destinations and identities",
        reason="a ring is larger than any household",
    ),
    GraphFeature(
        "graph__user_component_devices",
        "devices of the people tied to this person, by the kind of id with the most",
        "devices",
        "a ring with far fewer phones than people shares them",
    ),
    GraphFeature(
        "graph__device_component_users",
        "people tied to this device through devices, payout destinations and identities",
        reason="a new account is known by the phone that it starts on",
    ),
    GraphFeature(
        "graph__device_component_devices",
        "devices tied to this device, by the kind of id with the most",
        "devices",
        "a phone among the phones of a farm",
    ),
    GraphFeature(
        "graph__user_identity_users",
        "most people verified with one identity that this person has shown",
        reason="a document that was bought serves many accounts",
    ),
    GraphFeature(
        "graph__user_destination_users",
        "most people paid to one destination that this person has named",
        reason="known before the next withdrawal names it again",
    ),
    GraphFeature(
        "graph__user_component_growth_7d",
        "people tied to this person who came in the last 7 days",
        reason="friends join apart, the accounts of a ring within days",
    ),
    GraphFeature(
        "graph__user_component_age",
        "age of the oldest tie among the people tied to this person",
        "days",
        "rings are young, families are not",
    ),
    GraphFeature(
        "graph__user_component_bad_share",
        "share of proven fraudsters among the people tied to this person, without the person, smoothed",
        "share",
        "what was proven of one member is likely of the next",
    ),
    GraphFeature(
        "graph__device_component_bad_share",
        "share of proven fraudsters among the people tied to this device, without the person, smoothed",
        "share",
        "a banned person's next account starts on a known phone",
    ),
    GraphFeature(
        "graph__user_person_accounts",
        "accounts that are probably this same person's, this one among them",
        "accounts",
        "one person, many wallets: what the limits are about",
    ),
    GraphFeature(
        "graph__user_referred",
        "people whom this person has referred",
        reason="referral rings feed on the premium for new accounts",
    ),
    GraphFeature(
        "graph__referrer_referred",
        "people whom this person's referrer has referred; missing without one",
        reason="the same, seen from the account that was brought in",
    ),
    GraphFeature(
        "graph__user_neighbours",
        "others who share a device, destination or identity with this person, each weighted by 1 / ln(who share it)",
        "weight",
        "what two people share says more than what sixty share",
    ),
    GraphFeature(
        "graph__user_found",
        "reversals for fraud, findings and bans since a reviewer last cleared this person, each halved every 14 days",
        "findings",
        "partners err once about anybody; who is taken for a fraud again and again is seldom none",
    ),
    GraphFeature(
        "graph__user_device_days",
        "days since this person was first seen on this device",
        "days",
        "a thief's phone is new to the account that it opens",
    ),
    GraphFeature(
        "graph__user_destination_days",
        "days since this person first named this payout destination",
        "days",
        "a thief pays out to a place that the owner never named",
    ),
    GraphFeature(
        "graph__user_device_users",
        "most people who have used one phone that this person has used",
        reason="a partner reports no device, and the phone is shared all the same",
    ),
    GraphFeature(
        "graph__user_neighbours_found",
        "findings against others who share a phone, destination or identity with this person, 8 at most of each",
        "findings",
        "a ring is found out one account after the other, and the next one is already on the same phone",
    ),
    GraphFeature(
        "graph__network_found",
        "findings against each of the others who were seen on this network, smoothed",
        "findings per person",
        "a farm moves to new phones sooner than to a new home",
    ),
)
"""In the order in which the compiled reader writes them."""
