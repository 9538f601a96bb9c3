"""`assay pay audit`: whether groups, and similar people, are offered alike for like tasks."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import polars as pl

from features.windows import DAY
from pipelines.console import UserError
from pipelines.paid import ATTRIBUTES, Paid
from training.evaluate import Bootstrap
from training.pay.groups import Group, compared
from training.pay.similar import Similar, similar

BOOTSTRAP: Final = Bootstrap(resamples=400)


@dataclass(frozen=True)
class Audit:
    """Groups by country, city tier and device price tier, and what similar people were offered, over `days` days."""

    groups: list[Group]
    similar: Similar
    offers: int
    days: int
    ratio_max: float

    @property
    def alerts(self) -> list[str]:
        """What stands out, as sentences."""
        found = [
            f"{ATTRIBUTES[one.attribute]} {one.group} is offered {one.ratio.value:.2f} times what others are for like "
            f"tasks in {one.currency} ({one.ratio.low:.2f} to {one.ratio.high:.2f}), and {self.ratio_max:g} is allowed"
            for one in self.groups
            if one.stands
        ]
        if self.similar.above:
            found.append(
                f"{self.similar.above:,} of {self.similar.tasks:,} tasks were offered to people of one hour at rewards "
                f"more than {self.similar.ratio_max:g} times apart"
            )
        return found

    def as_json(self) -> dict[str, Any]:
        """Plain values."""
        alike = {name: value for name, value in vars(self.similar).items() if name != "worst"}
        return {
            "alerts": self.alerts,
            "offers": self.offers,
            "days": self.days,
            "ratio_max": self.ratio_max,
            "groups": [asdict(one) | {"stands": one.stands} for one in self.groups],
            "similar": alike | {"worst": self.similar.worst.to_dicts()},
        }


def audited(paid: Paid, days: int, bootstrap: Bootstrap = BOOTSTRAP) -> Audit:
    """The newest `days` days of offers. Raises UserError if there are none."""
    recent = paid.offers.filter(pl.col("offered_at") > paid.until - days * DAY)
    if recent.is_empty():
        raise UserError(f"nothing was offered in the last {days} days: give more --days")
    limit = paid.policy.pay_audit.group_ratio_max
    groups = compared(recent, list(ATTRIBUTES), limit, bootstrap)
    return Audit(groups, similar(recent, paid.policy.pricing.similar_ratio_max), recent.height, days, limit)
