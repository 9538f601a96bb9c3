"""The parts of the model: what each learns, from which rows and which features.

A package of your own adds a part by an entry point of the group `assay.models`. It names a callable that takes a
`training.table.Table` of the training slice (the main target's labels, all features) and returns an object whose
`fit()` gives a `lightgbm.Booster`; the booster's feature names say which columns it reads, in which order:

    [project.entry-points."assay.models"]
    night = "theirs.night:Night"

    class Night:
        def __init__(self, table: Table) -> None: ...
        def fit(self) -> lightgbm.Booster: ...

The entry point's name is the part's. Its raw prediction must be a margin: the higher, the more suspicious.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Final

import lightgbm

from features.events import Kind
from training.labels import Target
from training.table import Table

GRAPH_PREFIX: Final = "graph__"
GROUP: Final = "assay.models"
_SHARED: Final = tuple(f"{entity}__distinct_user_id__" for entity in ("device", "destination", "identity"))

OWN_PAST: Final[dict[str, str]] = {
    "event__kind": "a login, a withdrawal and a proof of identity are not alike",
    "event__hour_of_day": "a stranger lives at other hours",
    "event__amount_micros": "who stole an account empties it",
    "user__last_amount_micros_of_withdrawal_requested__30d": "... unlike its owner before",
    "user__count_withdrawal_requested__30d": "the owner's own habit of taking money out",
    "user__distinct_payout_destination__30d": "a thief pays out to a place of their own",
    "destination__distinct_user_id__30d": "... which serves for other accounts, too",
    "user__distinct_device_key__1d": "a phone that the account never had",
    "user__distinct_device_key__7d": "... against how many the owner has",
    "device__since__30d": "how long this phone has been silent",
    "device__count__30d": "how well this phone is known",
    "device__distinct_user_id__30d": "one phone that opens many accounts",
    "graph__user_devices": "phones that the account ever had",
    "graph__device_users": "accounts that this phone ever opened",
    "user__distinct_ip_key__1d": "networks of the last day",
    "user__distinct_ip_key__7d": "... against those of a week",
    "user__distance_from_last_place_km": "far from where the owner was",
    "user__travel_speed_kmh": "... and too soon",
    "user__since__30d": "an account that slept",
    "user__since_login__30d": "... or was just opened again",
    "user__count_login__1d": "attempts",
    "user__count_login__7d": "... against the owner's habit",
    "user__count__1h__per__count__7d": "a burst against the owner's own pace",
    "user__sum_reward_micros__1d__per__sum_reward_micros__7d": "earning against the owner's own pace",
    "event__reward_over_user_mean": "a reward unlike the owner's others",
    "device__time_zone_country_gap_hours": "a phone that lives in another country than its address",
    "device__locale_is_foreign": "... and speaks another language",
    "ip__is_vpn": "a hidden network",
    "ip__is_data_centre": "a rented network",
}
"""What sets an act apart from the same person's past, by the feature's name, each with its reason."""


@dataclass(frozen=True)
class Part:
    """`target` None needs no label. `kinds` are those of the rows that it learns from; none: all."""

    name: str
    target: Target | None
    chosen: Callable[[Sequence[str], Sequence[str]], tuple[str, ...]]
    kinds: tuple[Kind, ...] = ()

    @property
    def speaks_of_events(self) -> bool:
        """Whether it has seen anything but withdrawals, so that an event may hear it."""
        return self.kinds != (Kind.WITHDRAWAL_REQUESTED,)


def _all(names: Sequence[str], categorical: Sequence[str]) -> tuple[str, ...]:
    return tuple(names)


def _behaviour(names: Sequence[str], categorical: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if not name.startswith(GRAPH_PREFIX))


def _graph(names: Sequence[str], categorical: Sequence[str]) -> tuple[str, ...]:
    """Who is tied to whom: the device graph, and the people whom one phone, purse or identity serves."""
    return tuple(name for name in names if name.startswith((GRAPH_PREFIX, *_SHARED)))


def _own_past(names: Sequence[str], categorical: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name in OWN_PAST)


def _numbers(names: Sequence[str], categorical: Sequence[str]) -> tuple[str, ...]:
    """Codes of categories have no order in which a row could be far out."""
    return tuple(name for name in names if name not in set(categorical))


PARTS: Final = (
    Part("behaviour", "fraud", _behaviour),
    Part("graph", "fraud", _graph),
    Part("takeover", "fraud", _own_past, (Kind.LOGIN, Kind.WITHDRAWAL_REQUESTED, Kind.IDENTITY_VERIFIED)),
    Part("reversal", "reversal", _all),
    Part("payout", "fraud", _all, (Kind.WITHDRAWAL_REQUESTED,)),
    Part("anomaly", None, _numbers),
)


def outside_parts() -> dict[str, Callable[[Table], Any]]:
    """What installed packages add, by the name of the entry point. Raises ValueError for a name that is taken."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    ours = {part.name for part in PARTS}
    taken = [point.name for point in points if point.name in ours or not point.name.isidentifier()]
    if taken:
        raise ValueError(f"{GROUP}: the name {taken[0]!r} is taken or is no identifier: rename that entry point")
    return {point.name: _loaded(point) for point in points}


def outside_versions() -> tuple[str, ...]:
    """What is installed in the group, in words that change when another version of it is installed."""
    points = sorted(entry_points(group=GROUP), key=lambda point: point.name)
    return tuple(f"{point.name}={point.value} {point.dist.version if point.dist else ''}" for point in points)


def _loaded(point: EntryPoint) -> Callable[[Table], Any]:
    made: Callable[[Table], Any] = point.load()
    return made


def fit_outside(name: str, model: Callable[[Table], Any], table: Table) -> lightgbm.Booster:
    """Raises ValueError, naming the entry point, for what is no booster or reads features that nobody computes."""
    booster = model(table).fit()
    if not isinstance(booster, lightgbm.Booster):
        raise ValueError(f"{GROUP}: {name} must fit a lightgbm.Booster, not a {type(booster).__name__}")
    strange = sorted(set(booster.feature_name()) - set(table.names))
    if strange:
        raise ValueError(f"{GROUP}: {name} reads features that nobody computes: {', '.join(strange[:5])}")
    return lightgbm.Booster(model_str=booster.model_to_string())
