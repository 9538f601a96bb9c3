"""Every window feature, defined once: the online fold, the offline backfill and the Feast views all read this table.

A feature's value for a decision is its aggregate over the entity's events of lower sequence whose
`event_time >= floor(as_of - over, hop)`. There is no upper bound: the sequence settles ties, late events land in their
own tile, and equal or back-dated timestamps cannot hide a burst.
"""

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from features.events import Kind

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# A distinct count is exact up to here and stays here above: a set never grows without limit.
DISTINCT_MAX: Final = 256
# One event counts for at most this in a sum (1.1 million units of money), so that 8 million events fit 64 bits.
AMOUNT_MAX: Final = 2**40


class Entity(StrEnum):
    """What features are about. The value is the column of the log that holds the entity's key."""

    USER = "user_id"
    DEVICE = "device_key"
    IP = "ip_key"
    NETWORK = "network_key"
    CAMPAIGN = "campaign_id"
    PARTNER = "partner_id"
    DESTINATION = "payout_destination"

    @property
    def label(self) -> str:
        return self.name.lower()


class Aggregate(StrEnum):
    COUNT = "count"
    SUM = "sum"
    DISTINCT = "distinct"


@dataclass(frozen=True)
class Windowed:
    """One window feature: `Windowed(Entity.DEVICE, Aggregate.DISTINCT, "user_id", over=7 * DAY, hop=6 * HOUR)`.

    `measure` is a column for sums and distinct counts; for counts it is a kind of event, or "" for all of them.
    """

    entity: Entity
    aggregate: Aggregate
    measure: str
    over: int
    hop: int

    def __post_init__(self) -> None:
        if self.over % self.hop or self.over > 720 * self.hop:
            raise ValueError(f"{self.name}: hop must divide the window, into at most 720 tiles")

    @property
    def name(self) -> str:
        """Entity first, window last: `device__distinct_user_id__7d`."""
        measure = f"_{self.measure}" if self.measure else ""
        return f"{self.entity.label}__{self.aggregate}{measure}__{_span(self.over)}"

    @property
    def description(self) -> str:
        """A sentence for people; Feast's registry and the feature list show it."""
        what = {
            Aggregate.COUNT: f"{self.measure or 'all'} events",
            Aggregate.SUM: f"sum of {self.measure}",
            Aggregate.DISTINCT: f"different {self.measure}, at most {DISTINCT_MAX}",
        }[self.aggregate]
        return f"{what} of the {self.entity.label} over {_span(self.over)}, edges rounded down to {_span(self.hop)}"


def _span(micros: int) -> str:
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m")):
        if micros % unit == 0:
            return f"{micros // unit}{letter}"
    raise ValueError("a window is a whole number of minutes")


# How finely each window's lower edge moves: a finer hop costs tiles, a coarser one costs sharpness.
HOPS: Final = {HOUR: 5 * MINUTE, DAY: HOUR, 7 * DAY: 6 * HOUR, 30 * DAY: DAY}


def _counts(entity: Entity, kinds: str, *over: int) -> list[Windowed]:
    names = [Kind(kind).value if kind != "all" else "" for kind in kinds.split()]
    return [Windowed(entity, Aggregate.COUNT, kind, span, HOPS[span]) for kind in names for span in over]


def _sums(entity: Entity, columns: str, *over: int) -> list[Windowed]:
    return [Windowed(entity, Aggregate.SUM, column, span, HOPS[span]) for column in columns.split() for span in over]


def _distinct(entity: Entity, columns: str, *over: int) -> list[Windowed]:
    return [
        Windowed(entity, Aggregate.DISTINCT, column, span, HOPS[span]) for column in columns.split() for span in over
    ]


WINDOWS: Final[tuple[Windowed, ...]] = (
    # The person: pace, earnings, and how many phones and networks one person needs.
    *_counts(Entity.USER, "all", HOUR, DAY, 7 * DAY, 30 * DAY),
    *_counts(Entity.USER, "task_completed ad_viewed login", DAY, 7 * DAY),
    *_counts(Entity.USER, "sign_up withdrawal_requested", 7 * DAY, 30 * DAY),
    *_sums(Entity.USER, "reward_micros", HOUR, DAY, 7 * DAY),
    *_sums(Entity.USER, "interaction_duration_ms", DAY),
    *_distinct(Entity.USER, "device_key ip_key task_id", DAY, 7 * DAY),
    # The device: a farm shows as many people, sign-ups and rewards on few phones.
    *_counts(Entity.DEVICE, "all", HOUR, DAY, 7 * DAY, 30 * DAY),
    *_counts(Entity.DEVICE, "sign_up", DAY, 7 * DAY, 30 * DAY),
    *_sums(Entity.DEVICE, "reward_micros", DAY),
    *_distinct(Entity.DEVICE, "user_id", DAY, 7 * DAY, 30 * DAY),
    *_distinct(Entity.DEVICE, "ip_key", 7 * DAY),
    # The address and its network: households and carriers are crowded too, so these only ever weigh, never decide.
    *_counts(Entity.IP, "all", HOUR, DAY, 7 * DAY),
    *_counts(Entity.IP, "sign_up click", DAY),
    *_distinct(Entity.IP, "user_id device_key campaign_id", DAY, 7 * DAY),
    *_counts(Entity.NETWORK, "all sign_up", DAY),
    *_distinct(Entity.NETWORK, "user_id", DAY),
    # Where the money comes from and where it goes.
    *_counts(Entity.CAMPAIGN, "all", HOUR, DAY),
    *_distinct(Entity.CAMPAIGN, "ip_key", HOUR),
    *_counts(Entity.PARTNER, "all", HOUR, DAY),
    *_counts(Entity.DESTINATION, "withdrawal_requested", 30 * DAY),
    *_distinct(Entity.DESTINATION, "user_id", 30 * DAY),
)


def version_of(definitions: object) -> str:
    """A short digest of definitions: two sides that print the same one compute the same thing."""
    return hashlib.sha256(repr(definitions).encode()).hexdigest()[:12]
