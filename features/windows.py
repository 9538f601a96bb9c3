"""Every window feature, defined once: the fold, live and offline, and the Feast views all read these definitions.

A feature's value for a decision is its aggregate over the entity's events of lower sequence whose
`event_time >= floor(as_of - over, hop)`. There is no upper bound: the sequence settles ties, late events land in their
own tile, and equal or back-dated timestamps cannot hide a burst.

To add a feature, add a line to `OWN_WINDOWS` or `OWN_RATIOS`; `assay features list` shows it. A package of your own
adds some by an entry point of the group `assay.features` that names a list of `Windowed` and `Ratio`, which it imports
from here; `features/table.py` puts both together.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from features.events import Kind

SECOND: Final = 1_000_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR

# A distinct count is exact up to here and stays here above: what a key remembers never grows without limit.
DISTINCT_MAX: Final = 256
# One event counts for at most this in a sum (1.1 million units of money), so that 8 million events fit 64 bits.
AMOUNT_MAX: Final = 2**40
# And for at most this many grains in a variance, so that the squares of 8 million events fit, too.
GRAINS_MAX: Final = 2**20
TILES_MAX: Final = 720


class FeatureError(ValueError):  # it names the entry point, the feature and the remedy
    """A feature of an installed package that cannot be computed."""


class Entity(StrEnum):
    """What features are about. The value is the column of the log that holds the entity's key."""

    USER = "user_id"
    DEVICE = "device_key"
    IP = "ip_key"
    NETWORK = "network_key"
    WIDE_NETWORK = "wide_network_key"
    DESTINATION = "payout_destination"
    IDENTITY = "identity"
    TASK = "task_id"
    CAMPAIGN = "campaign_id"
    PARTNER = "partner_id"

    @property
    def label(self) -> str:
        return self.name.lower()


class Aggregate(StrEnum):
    COUNT = "count"
    SUM = "sum"
    MEAN = "mean"
    VARIANCE = "variance"
    MIN = "min"
    MAX = "max"
    LAST = "last"
    SINCE = "since"
    DISTINCT = "distinct"
    DECAYED = "decayed"


@dataclass(frozen=True)
class Measure:
    """A numeric column as integers: `round(value * scale)`, within AMOUNT_MAX. Variances count in `grain`s of those."""

    column: str
    unit: str
    scale: int = 1
    grain: int = 1


MEASURES: Final = {
    measure.column: measure
    for measure in (
        Measure("reward_micros", "micros", grain=1000),
        Measure("revenue_micros", "micros", grain=1000),
        Measure("amount_micros", "micros", grain=10_000),
        Measure("interaction_duration_ms", "ms", grain=10),
        Measure("interaction_tap_count", "taps"),
        Measure("interaction_tap_interval_mean_ms", "ms", scale=1000, grain=100),
        Measure("interaction_tap_interval_spread_ms", "ms", scale=1000, grain=100),
        Measure("interaction_touch_pressure_variance", "pressure²", scale=1_000_000, grain=1000),
        Measure("interaction_sensor_variance", "(m/s²)²", scale=1_000_000, grain=1000),
        Measure("latitude", "degrees", scale=1_000_000),
        Measure("longitude", "degrees", scale=1_000_000),
    )
}


def measure_of(column: str) -> Measure:
    """How a column is measured. Any integer column may be named; one with decimals needs its scale in MEASURES."""
    return MEASURES.get(column) or Measure(column, column)


@dataclass(frozen=True)
class Windowed:
    """One window feature: `Windowed(Entity.DEVICE, Aggregate.DISTINCT, "user_id", over=7 * DAY, hop=6 * HOUR)`.

    `measure` is the column that is added up, compared or told apart; counts have none. `kind`, if any, is the only
    kind of event that counts. For a decayed sum `over` is its half-life, and it has no edge.
    """

    entity: Entity
    aggregate: Aggregate
    measure: str
    over: int
    hop: int
    kind: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if self.over % self.hop or self.over > TILES_MAX * self.hop or self.over % MINUTE:
            raise ValueError(f"{self.name}: hop must divide the window, whole minutes, into at most {TILES_MAX} tiles")
        if self.kind and self.kind not in list(Kind):
            raise ValueError(f"{self.name}: {self.kind!r} is no kind of event")
        if not self.measure and self.aggregate not in (Aggregate.COUNT, Aggregate.SINCE, Aggregate.DECAYED):
            raise ValueError(f"{self.name}: {self.aggregate} needs a measure")

    @property
    def name(self) -> str:
        """Entity first, window last: `device__distinct_user_id__7d`, `user__sum_reward_micros_of_ad_viewed__1d`."""
        what = "_".join(filter(None, [str(self.aggregate), self.measure]))
        if self.kind:
            what += f"_of_{self.kind}" if self.measure else f"_{self.kind}"
        return f"{self.entity.label}__{what}__{span_of(self.over)}"

    @property
    def unit(self) -> str:
        if self.aggregate is Aggregate.SINCE:
            return "seconds"
        if self.aggregate is Aggregate.DISTINCT:
            return "different values"
        unit = measure_of(self.measure).unit if self.measure else "events"
        return f"({unit})²" if self.aggregate is Aggregate.VARIANCE else unit

    @property
    def description(self) -> str:
        """A sentence for people; Feast's registry and the feature list show it."""
        of_kind = f"{self.kind.replace('_', ' ')} events" if self.kind else "events"
        column = self.measure.replace("_", " ")
        what = {
            Aggregate.COUNT: of_kind,
            Aggregate.SINCE: f"seconds since the last of the {of_kind}{f' with a {column}' if column else ''}",
            Aggregate.DISTINCT: f"different {column} in {of_kind}, at most {DISTINCT_MAX},",
            Aggregate.LAST: f"latest {column} in {of_kind}",
            Aggregate.DECAYED: f"{f'sum of {column} in ' if column else 'number of '}{of_kind}",
        }.get(self.aggregate, f"{self.aggregate} of {column} in {of_kind}")
        if self.aggregate is Aggregate.DECAYED:
            return f"{what} of the {self.entity.label}, each halved every {span_of(self.over)}"
        return f"{what} of the {self.entity.label} over {span_of(self.over)}, edges rounded down to {span_of(self.hop)}"


@dataclass(frozen=True)
class Ratio:
    """One feature over another of the same entity; missing where the lower one is zero or missing."""

    top: Windowed
    bottom: Windowed
    reason: str = ""

    def __post_init__(self) -> None:
        if self.top.entity is not self.bottom.entity:
            raise ValueError(f"{self.name}: both features must be of one entity")

    @property
    def entity(self) -> Entity:
        return self.top.entity

    @property
    def name(self) -> str:
        return f"{self.top.name}__per__{self.bottom.name.split('__', 1)[1]}"

    @property
    def unit(self) -> str:
        return f"{self.top.unit} per {self.bottom.unit}"

    @property
    def description(self) -> str:
        return f"{self.top.description}, divided by {self.bottom.description}"


def span_of(micros: int) -> str:
    """`7d`, `6h`, `5m`."""
    for unit, letter in ((DAY, "d"), (HOUR, "h"), (MINUTE, "m"), (SECOND, "s")):
        if micros % unit == 0:
            return f"{micros // unit}{letter}"
    return f"{micros}us"


# How finely each window's lower edge moves: a finer hop costs tiles, a coarser one costs sharpness.
HOPS: Final = {
    MINUTE: 5 * SECOND,
    10 * MINUTE: MINUTE,
    HOUR: 5 * MINUTE,
    DAY: HOUR,
    7 * DAY: 6 * HOUR,
    30 * DAY: DAY,
    360 * DAY: 30 * DAY,
}


def _each(reason: str, entity: Entity, aggregate: str, measures: str, *over: int, kinds: str = "") -> list[Windowed]:
    """A feature for each measure (`-` for none), kind (`-` for all) and window, all for the same reason."""
    return [
        Windowed(entity, Aggregate(aggregate), measure.strip("-"), span, HOPS[span], kind.strip("-"), reason)
        for measure in (measures or "-").split()
        for kind in (kinds or "-").split()
        for span in over
    ]


_user, _device, _ip, _network = Entity.USER, Entity.DEVICE, Entity.IP, Entity.NETWORK
_wide, _destination, _identity = Entity.WIDE_NETWORK, Entity.DESTINATION, Entity.IDENTITY
_task, _campaign, _partner = Entity.TASK, Entity.CAMPAIGN, Entity.PARTNER

_PACE: Final = "a person has a daily rhythm, a bot a pace"
_EARN: Final = "earnings show what an account is for"
_KIT: Final = "one person needs few phones and networks"
_TOUCH: Final = "a hand varies, a script and a phone on a rack do not"
_TRAVEL: Final = "nobody is in two cities within the hour"
_FARM: Final = "a farm shows as many people, sign-ups and rewards on few phones"
_SOLD: Final = "phones that are sold on within months go from farm to farm; a year also remembers the slow ones"
_CROWD: Final = "households and carriers are crowded too, so this only ever weighs, never decides"
_PAYER: Final = "a partner or campaign under attack changes its pace and its prices"
_PAYEE: Final = "stolen and farmed money comes together where it is paid out"
_CLAIM: Final = "who forges or replays has more goals than installs, and who floods more clicks than either"
_BUY: Final = "who buys in every app buys with a card that is not theirs"

OWN_WINDOWS: Final[tuple[Windowed, ...]] = (
    *_each(_PACE, _user, "count", "", 10 * MINUTE, HOUR, DAY, 7 * DAY, 30 * DAY),
    *_each(_PACE, _user, "count", "", DAY, 7 * DAY, kinds="task_completed ad_viewed login screened_out"),
    *_each(_PACE, _user, "count", "", 7 * DAY, 30 * DAY, kinds="sign_up withdrawal_requested"),
    *_each(_PACE, _user, "decayed", "", HOUR, DAY),
    *_each(_PACE, _user, "since", "", 30 * DAY, kinds="- sign_up login"),
    *_each(_EARN, _user, "sum", "reward_micros", HOUR, DAY, 7 * DAY),
    *_each(_EARN, _user, "mean", "reward_micros", 7 * DAY),
    *_each(_EARN, _user, "max", "reward_micros", 7 * DAY),
    *_each(_EARN, _user, "decayed", "reward_micros", DAY),
    *_each(_EARN, _user, "last", "amount_micros", 30 * DAY, kinds="withdrawal_requested"),
    *_each(_EARN, _user, "sum", "amount_micros", 30 * DAY, kinds="withdrawal_requested"),
    *_each(_EARN, _user, "sum", "reward_micros", 30 * DAY, kinds="- goal_reached"),
    *_each(_EARN, _user, "mean", "reward_micros", 30 * DAY, kinds="install"),
    *_each(_CLAIM, _user, "count", "", DAY, 7 * DAY, kinds="click install goal_reached"),
    *_each(_CLAIM, _user, "count", "", 30 * DAY, kinds="install goal_reached"),
    *_each(_CLAIM, _user, "since", "", 30 * DAY, kinds="click install goal_reached"),
    *_each(_CLAIM, _user, "distinct", "click_id", 30 * DAY, kinds="goal_reached"),
    *_each(_CLAIM, _user, "distinct", "campaign_id", DAY, kinds="click"),
    *_each(_BUY, _user, "count", "", 30 * DAY, kinds="purchase"),
    *_each(_TOUCH, _user, "sum", "interaction_duration_ms", DAY),
    *_each(_TOUCH, _user, "mean", "interaction_duration_ms interaction_tap_interval_spread_ms", 7 * DAY),
    *_each(_TOUCH, _user, "variance", "interaction_duration_ms interaction_tap_interval_mean_ms", 7 * DAY),
    *_each(_TOUCH, _user, "min", "interaction_touch_pressure_variance interaction_sensor_variance", 7 * DAY),
    *_each(_TRAVEL, _user, "last", "latitude longitude", DAY),
    *_each(_TRAVEL, _user, "since", "latitude", DAY),
    *_each(_KIT, _user, "distinct", "device_key ip_key task_id", DAY, 7 * DAY),
    *_each(_KIT, _user, "distinct", "payout_destination", 30 * DAY),
    *_each(_FARM, _device, "count", "", HOUR, DAY, 7 * DAY, 30 * DAY),
    *_each(_FARM, _device, "count", "", DAY, 7 * DAY, 30 * DAY, kinds="sign_up"),
    *_each(_FARM, _device, "sum", "reward_micros", DAY),
    *_each(_FARM, _device, "decayed", "", HOUR),
    *_each(_FARM, _device, "since", "", 30 * DAY),
    *_each(_FARM, _device, "distinct", "user_id", DAY, 7 * DAY, 30 * DAY),
    *_each(_FARM, _device, "distinct", "ip_key", 7 * DAY),
    *_each(_SOLD, _device, "distinct", "user_id", 360 * DAY),
    *_each(_TOUCH, _device, "variance", "interaction_tap_interval_mean_ms", 7 * DAY),
    *_each(_TOUCH, _device, "max", "interaction_sensor_variance", 7 * DAY),
    *_each(_CROWD, _ip, "count", "", 10 * MINUTE, HOUR, DAY, 7 * DAY),
    *_each(_CROWD, _ip, "count", "", DAY, kinds="sign_up click"),
    *_each(_CROWD, _ip, "distinct", "user_id device_key campaign_id", DAY, 7 * DAY),
    *_each(_CROWD, _network, "count", "", DAY, kinds="- sign_up"),
    *_each(_CROWD, _network, "distinct", "user_id", DAY),
    *_each(_CROWD, _wide, "count", "", DAY, kinds="sign_up"),
    *_each(_CROWD, _wide, "distinct", "user_id", DAY),
    *_each(_PAYER, _task, "count", "", HOUR, DAY),
    *_each(_PAYER, _task, "mean", "interaction_duration_ms", 7 * DAY),
    *_each(_PAYER, _campaign, "count", "", HOUR, DAY),
    *_each(_PAYER, _campaign, "mean", "reward_micros", 7 * DAY),
    *_each(_PAYER, _campaign, "distinct", "ip_key", HOUR),
    *_each(_PAYER, _partner, "count", "", HOUR, DAY),
    *_each(_PAYEE, _destination, "count", "", 30 * DAY, kinds="withdrawal_requested"),
    *_each(_PAYEE, _destination, "sum", "amount_micros", 30 * DAY, kinds="withdrawal_requested"),
    *_each(_PAYEE, _destination, "distinct", "user_id", 30 * DAY),
    *_each(_PAYEE, _destination, "since", "", 30 * DAY),
    *_each(_PAYEE, _identity, "distinct", "user_id payout_destination", 30 * DAY),
)


def _named(name: str, features: Sequence[Windowed]) -> Windowed:
    """A feature of the table by its name. Raises KeyError for one that is not there."""
    return {feature.name: feature for feature in features}[name]


def _per(reason: str, top: str, bottom: str) -> Ratio:
    return Ratio(_named(top, OWN_WINDOWS), _named(bottom, OWN_WINDOWS), reason)


OWN_RATIOS: Final[tuple[Ratio, ...]] = (
    _per("a burst stands out against the person's own habit", "user__count__1h", "user__count__7d"),
    _per("so does an evening's earning", "user__sum_reward_micros__1d", "user__sum_reward_micros__7d"),
    _per("accounts that only sign up", "device__count_sign_up__7d", "device__count__7d"),
    _per("addresses that only sign up", "ip__count_sign_up__1d", "ip__count__1d"),
    _per(_CLAIM, "user__count_goal_reached__30d", "user__distinct_click_id_of_goal_reached__30d"),
    _per(_CLAIM, "user__count_goal_reached__30d", "user__count_install__30d"),
    _per(_CLAIM, "user__count_click__7d", "user__count_install__7d"),
    _per(_CLAIM, "user__sum_reward_micros_of_goal_reached__30d", "user__sum_reward_micros__30d"),
    _per(_BUY, "user__count_purchase__30d", "user__count_install__30d"),
)


def version_of(definitions: object) -> str:
    """A short digest of definitions: two sides that print the same one compute the same thing."""
    return hashlib.sha256(repr(definitions).encode()).hexdigest()[:12]


def without_reason(feature: Windowed | Ratio) -> Windowed | Ratio:
    """The definition alone: a better sentence makes no other feature."""
    if isinstance(feature, Ratio):
        return replace(
            feature, top=replace(feature.top, reason=""), bottom=replace(feature.bottom, reason=""), reason=""
        )
    return replace(feature, reason="")
