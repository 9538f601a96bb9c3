"""The sections of the policy that say what can be withdrawn, who pays it, and what that costs."""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from features.money import exponent_of
from serving.policy_money import Amount, Section


class PayoutThreshold(Section):
    """Nothing below `amount_micros_min` is paid from midnight of `since` (UTC) on."""

    since: date
    amount_micros_min: Amount


class CurrencyLimits(Section):
    thresholds: Annotated[tuple[PayoutThreshold, ...], Field(min_length=1, max_length=50)]
    amount_micros_max: Amount
    daily_micros_max: Amount
    rolling_micros_max: Amount

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        days = [one.since for one in self.thresholds]
        if days != sorted(set(days)):
            raise ValueError("thresholds must each begin on a later day than the one before")
        mins = [one.amount_micros_min for one in self.thresholds]
        if not max(mins) <= self.amount_micros_max <= self.daily_micros_max <= self.rolling_micros_max:
            raise ValueError("thresholds, amount_micros_max, daily_micros_max and rolling_micros_max must not fall")
        return self


class WithdrawalLimits(Section):
    """See serving/payouts/limits.py. The two amounts are for a currency that `currencies` does not list."""

    amount_micros_min: Amount
    amount_micros_max: Amount
    daily_count_max: Annotated[int, Field(ge=1, le=1_000)]
    rolling_days: Annotated[int, Field(ge=1, le=3660)]
    currencies: dict[str, CurrencyLimits]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.amount_micros_min > self.amount_micros_max:
            raise ValueError("amount_micros_min must not be above amount_micros_max")
        return self

    @field_validator("currencies")
    @classmethod
    def _known(cls, currencies: dict[str, CurrencyLimits]) -> dict[str, CurrencyLimits]:
        for currency in currencies:
            exponent_of(currency)
        return currencies


class FeeRule(Section):
    """What a payment costs: a fixed part and millionths of its amount, at most `fee_micros_max`."""

    fixed_micros: Annotated[int, Field(ge=0, lt=2**53)] = 0
    share_ppm: Annotated[int, Field(ge=0, lt=1_000_000)] = 0
    fee_micros_max: Amount | None = None
    paid_by: Literal["person", "platform"]


class Route(Section):
    """`provider` pays these currencies to these kinds of destination; an empty list is any."""

    provider: Annotated[str, Field(min_length=1, max_length=64)]
    currencies: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


class PayoutPolicy(Section):
    """See serving/payouts/: routes.py, fees.py, bundles.py."""

    bundle_minutes: Annotated[int, Field(ge=0, le=7 * 24 * 60)]
    bundled_micros_max: dict[str, Amount]
    routes: Annotated[tuple[Route, ...], Field(min_length=1, max_length=200)]
    fees: dict[str, dict[str, FeeRule]]

    @model_validator(mode="after")
    def _known(self) -> Self:
        currencies = [one for route in self.routes for one in route.currencies]
        for currency in (*currencies, *self.bundled_micros_max, *(one for fees in self.fees.values() for one in fees)):
            exponent_of(currency)
        strange = self.fees.keys() - {route.provider for route in self.routes}
        if strange:
            raise ValueError(f"fees names {', '.join(sorted(strange))}, to which no route leads")
        return self
