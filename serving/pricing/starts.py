"""How often a campaign was started already, against its caps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, and_, bindparam, case, func, select

from features.windows import DAY
from serving.contract import Caps
from serving.pricing.campaigns import Standing
from serving.pricing.offer_log import OFFER

_TODAY: Final = and_(OFFER.c.started_at >= bindparam("begins"), OFFER.c.started_at < bindparam("ends"))
_OF_PERSON: Final = (
    select(OFFER.c.campaign_id, func.count().label("ever"), func.sum(case((_TODAY, 1), else_=0)).label("today"))
    .where(OFFER.c.user_id == bindparam("user"), OFFER.c.started_at.is_not(None))
    .group_by(OFFER.c.campaign_id)
)
_ON_DAY: Final = (
    select(OFFER.c.campaign_id, func.count().label("started"))
    .where(OFFER.c.campaign_id.in_(bindparam("ids", expanding=True)), _TODAY)
    .group_by(OFFER.c.campaign_id)
)


@dataclass(frozen=True)
class Started:
    """How often this person has started each campaign, ever and today, and everybody today those that have a cap."""

    caps: Mapping[str, Caps]
    by_person: Mapping[str, int]
    on_day: Mapping[str, int]
    by_person_on_day: Mapping[str, int]

    def full(self, campaign_id: str) -> str | None:
        """Why nobody, or not this person, may start the campaign once more; None if they may."""
        caps = self.caps.get(campaign_id)
        if caps is None:
            return None
        if caps.per_person is not None and self.by_person.get(campaign_id, 0) >= caps.per_person:
            return f"this can be done {'once' if caps.per_person == 1 else f'{caps.per_person} times'}"
        if caps.per_day is not None and self.on_day.get(campaign_id, 0) >= caps.per_day:
            return "enough people do this today; it opens again at midnight UTC"
        return None


def counted(connection: Connection, user_id: str, standings: Mapping[tuple[str, str], Standing], at: int) -> Started:
    """A day is one of UTC."""
    caps = {key[0]: standing.ordered.caps for key, standing in standings.items() if standing.ordered}
    day = {"begins": at - at % DAY, "ends": at - at % DAY + DAY}
    capped = [campaign for campaign, cap in caps.items() if cap.per_day is not None]
    on_day = connection.execute(_ON_DAY, {"ids": capped, **day}).all() if capped else []
    of_person = connection.execute(_OF_PERSON, {"user": user_id, **day}).all()
    return Started(
        caps,
        {row.campaign_id: row.ever for row in of_person},
        {row.campaign_id: row.started for row in on_day},
        {row.campaign_id: row.today for row in of_person},
    )
