"""Sixty features over five entities: 40% count and sum, 25% distinct, 15% min, max and last, 20% variance and decay.

They are a fixed load for benchmarks, whatever the product's own table becomes.
"""

from collections.abc import Iterator
from typing import Final

from features.windows import DAY, HOUR, MINUTE, Aggregate, Entity, Windowed

ENTITIES: Final = (Entity.USER, Entity.DEVICE, Entity.IP, Entity.NETWORK, Entity.CAMPAIGN)
_HOPS: Final = {HOUR: 5 * MINUTE, DAY: HOUR, 7 * DAY: 6 * HOUR, 30 * DAY: DAY}
_REWARD: Final = "reward_micros"
# Per entity: which columns it counts the different values of.
_DIFFERENT: Final = {
    Entity.USER: ("device_key", "ip_key", "task_id"),
    Entity.DEVICE: ("user_id", "ip_key", "task_id"),
    Entity.IP: ("user_id", "device_key", "campaign_id"),
    Entity.NETWORK: ("user_id", "device_key", "campaign_id"),
    Entity.CAMPAIGN: ("user_id", "device_key", "ip_key"),
}


def _windowed(entity: Entity, aggregate: Aggregate, measure: str, over: int, kind: str = "") -> Windowed:
    return Windowed(entity, aggregate, measure, over, _HOPS[over], kind, reason="a load for benchmarks")


def _additive(entity: Entity) -> Iterator[Windowed]:
    for over in (HOUR, DAY, 7 * DAY):
        yield _windowed(entity, Aggregate.COUNT, "", over)
    yield _windowed(entity, Aggregate.SUM, _REWARD, DAY)
    if entity is not Entity.CAMPAIGN:
        yield _windowed(entity, Aggregate.COUNT, "", 30 * DAY, "sign_up")


def _distinct(entity: Entity) -> Iterator[Windowed]:
    for column, over in zip(_DIFFERENT[entity], (HOUR, DAY, 7 * DAY), strict=True):
        yield _windowed(entity, Aggregate.DISTINCT, column, over)


def _extremes(entity: Entity) -> Iterator[Windowed]:
    yield _windowed(entity, Aggregate.MAX, _REWARD, DAY)
    if entity is not Entity.CAMPAIGN:
        yield _windowed(entity, Aggregate.LAST if entity is Entity.USER else Aggregate.MIN, _REWARD, DAY)


def _moments(entity: Entity) -> Iterator[Windowed]:
    yield _windowed(entity, Aggregate.VARIANCE, _REWARD, DAY)
    yield _windowed(entity, Aggregate.DECAYED, _REWARD, HOUR)
    if entity in (Entity.USER, Entity.DEVICE):
        yield _windowed(entity, Aggregate.DECAYED, _REWARD, DAY)


SIXTY: Final = tuple(
    feature for part in (_additive, _distinct, _extremes, _moments) for entity in ENTITIES for feature in part(entity)
)
