"""How exposed the platform is: what it has advanced to people while partners may still take it back, by partner."""

from dataclasses import asdict, dataclass
from typing import Any, Final

from sqlalchemy import Connection, Integer, bindparam, case, cast, func, select

from features.windows import DAY
from serving.ledger.advances import EXPOSURE, UNATTRIBUTED
from serving.ledger.rewards import REWARD, RewardState
from serving.policy_money import ExposurePolicy

FINDINGS_MAX: Final = 100

_LEFT: Final = REWARD.c.reward_micros - REWARD.c.reversed_micros
_PARTNER: Final = func.coalesce(REWARD.c.partner_id, UNATTRIBUTED)
_STANDING: Final = (
    select(
        _PARTNER.label("partner_id"),
        REWARD.c.currency,
        func.count().label("rewards"),
        func.sum(case((REWARD.c.state == RewardState.AVAILABLE, _LEFT), else_=0)).label("advanced_micros"),
        func.sum(
            case(
                ((REWARD.c.state != RewardState.AVAILABLE) & (REWARD.c.matures_at < REWARD.c.final_at), _LEFT), else_=0
            )
        ).label("promised_micros"),
        func.sum(func.coalesce(REWARD.c.borne_micros, 0)).label("lost_micros"),
        func.max(REWARD.c.final_at).label("until"),
    )
    .where(REWARD.c.final_at > bindparam("now"))
    .group_by(_PARTNER, REWARD.c.currency)
    .order_by(_PARTNER, REWARD.c.currency)
)


@dataclass(frozen=True, slots=True)
class Exposed:
    """One partner in one currency, over the rewards that it may still take back.

    Advanced: people's own already, in wallets or paid out. Promised: will mature before the partner's date. Lost: what
    blameless reversals cost the reserve so far. `cap_micros` None: no cap. `until`: when the last window ends.
    """

    partner_id: str
    currency: str
    rewards: int
    advanced_micros: int
    promised_micros: int
    lost_micros: int
    cap_micros: int | None
    until: int

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def exposure(connection: Connection, policy: ExposurePolicy, now: int) -> list[Exposed]:
    """By partner and currency. Reads every reward whose partner's window is open: not for each request."""
    return [
        Exposed(
            partner_id=row.partner_id,
            currency=row.currency,
            rewards=row.rewards,
            advanced_micros=int(row.advanced_micros),
            promised_micros=int(row.promised_micros),
            lost_micros=int(row.lost_micros),
            cap_micros=policy.cap(row.partner_id),
            until=row.until,
        )
        for row in connection.execute(_STANDING, {"now": now})
    ]


def check(connection: Connection) -> list[str]:
    """Whether the sums that caps are judged by are those of the rewards; a finding is a sentence."""
    day = cast(REWARD.c.final_at / DAY, Integer) if connection.dialect.name == "sqlite" else REWARD.c.final_at // DAY
    rewards = (
        select(_PARTNER.label("partner_id"), REWARD.c.currency, day.label("day"), func.sum(_LEFT).label("micros"))
        .where(REWARD.c.final_at.is_not(None), REWARD.c.matures_at < REWARD.c.final_at)
        .group_by(_PARTNER, REWARD.c.currency, day)
    )
    by_rewards = {tuple(row[:3]): int(row.micros) for row in connection.execute(rewards) if row.micros}
    counted = {tuple(row[:3]): int(row.micros) for row in connection.execute(select(EXPOSURE)) if row.micros}
    wrong = sorted(key for key in by_rewards.keys() | counted.keys() if by_rewards.get(key) != counted.get(key))
    return [
        f"{partner} in {currency} is counted as exposed by {counted.get((partner, currency, day), 0)} micros until day "
        f"{day}, its rewards say {by_rewards.get((partner, currency, day), 0)}"
        for partner, currency, day in wrong[:FINDINGS_MAX]
    ]
