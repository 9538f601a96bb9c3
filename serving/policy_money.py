"""The sections of the policy that say when money is a person's own, and what is kept of it until then."""

from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from features.events import Kind
from features.money import exponent_of
from features.windows import HOUR

Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Amount = Annotated[int, Field(gt=0, lt=2**53)]


class Section(BaseModel):
    """What it does not know is refused by its name."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def known_time_zone(name: str) -> str:
    """Raises ValueError for a name that is none."""
    if name not in available_timezones():
        raise ValueError(f"{name!r} is no IANA time zone, e.g. Asia/Shanghai or UTC")
    return name


class TrustPolicy(Section):
    """How often a person's rewards of late were taken back. See `waiting` in the shipped file."""

    window_days: Annotated[int, Field(gt=0, le=3660)]
    aged_days: Annotated[int, Field(gt=0, le=3660)]
    aged_min: Annotated[int, Field(ge=0)]
    prior_reversed: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    prior_rewards: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    edges: tuple[Share, ...]

    def tier(self, aged: int, reversed_: int) -> int:
        """0 for somebody new; then the larger, the more of the rewards of late were taken back."""
        if aged < self.aged_min and not reversed_:
            return 0
        share = (reversed_ + self.prior_reversed) / (max(aged, reversed_) + self.prior_rewards)
        return 1 + sum(edge <= share for edge in self.edges)


class WaitingRule(Section):
    """What is left out fits anything."""

    partner: str | None = None
    kind: Kind | None = None
    goal: str | None = None
    trust: Annotated[int, Field(ge=0, le=100)] | None = None
    hours: Annotated[float, Field(ge=0, le=24 * 365, allow_inf_nan=False)]

    @property
    def named(self) -> int:
        """How many of the four it names."""
        return sum(part is not None for part in (self.partner, self.kind, self.goal, self.trust))


class WaitingPolicy(Section):
    """See serving/ledger/waits.py."""

    rules: Annotated[tuple[WaitingRule, ...], Field(max_length=1000)]
    trust: TrustPolicy


class ExposurePolicy(Section):
    """See serving/ledger/exposure.py."""

    window_hours: dict[str, Annotated[float, Field(ge=0, le=24 * 3660, allow_inf_nan=False)]]
    cap_micros: dict[str, Annotated[int, Field(ge=0, lt=2**53)]]

    @model_validator(mode="after")
    def _has_default(self) -> Self:
        if "default" not in self.window_hours:
            raise ValueError("window_hours needs a default")
        return self

    def window(self, partner_id: str | None) -> int:
        """Microseconds from a credit until the partner can no longer take it back."""
        return int(self.window_hours.get(partner_id or "default", self.window_hours["default"]) * HOUR)

    def cap(self, partner_id: str | None) -> int | None:
        """What may be advanced, in micros of each currency; None: no cap."""
        return self.cap_micros.get(partner_id or "default", self.cap_micros.get("default"))


class ReservePolicy(Section):
    """See serving/ledger/reserve.py."""

    share: Annotated[float, Field(ge=0, le=0.5, allow_inf_nan=False)]


class NettingPolicy(Section):
    """See serving/ledger/accruals.py."""

    minutes: Annotated[int, Field(ge=0, le=24 * 60)]
    reward_micros_max: Amount


class TaxRule(Section):
    rate: Share
    threshold_micros: Annotated[int, Field(ge=0, lt=2**53)]
    currency: str

    @field_validator("currency")
    @classmethod
    def _known(cls, currency: str) -> str:
        exponent_of(currency)
        return currency


class TaxPolicy(Section):
    """See serving/payouts/taxes.py."""

    booked_at: Literal["payout"]
    time_zone: str
    rules: dict[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], TaxRule]

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_time_zone(name)
