"""Thresholds and limits: what the business chose, apart from what the model learned. A versioned file, read once."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from features.money import exponent_of
from features.written import NotYaml, read_yaml
from serving.policy_money import (
    Amount,
    ExposurePolicy,
    NettingPolicy,
    ReservePolicy,
    Section,
    Share,
    TaxPolicy,
    WaitingPolicy,
    known_time_zone,
)
from serving.policy_payouts import PayoutPolicy, WithdrawalLimits

DEFAULT: Final = Path(__file__).with_name("policy.yaml")
"""The shipped one, which rules where ASSAY_POLICY names no other."""

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
HOUR: Final = 3_600_000_000


class PolicyError(ValueError):
    """The file is no policy; the message names it, and each key to be mended."""


class EventThresholds(Section):
    hold: Probability
    review: Probability
    decline: Probability
    hold_hours: Annotated[float, Field(ge=0, le=24 * 365)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.hold < self.review < self.decline:
            raise ValueError("hold, review and decline must rise")
        return self


class WithdrawalThresholds(Section):
    challenge: Probability
    review: Probability
    decline: Probability

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.challenge < self.review < self.decline:
            raise ValueError("challenge, review and decline must rise")
        return self


class ReversalThresholds(Section):
    hold: Probability


class RewardPolicy(Section):
    ladder_micros: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=15)]
    margin_min: Share
    share_of_value: Share
    exploration: Annotated[float, Field(ge=0, le=0.5)]
    reward_micros_max: Amount
    accept_minutes: Annotated[int, Field(gt=0)]
    complete_hours: Annotated[int, Field(gt=0)]
    late_hours: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if list(self.ladder_micros) != sorted(set(self.ladder_micros)):
            raise ValueError("ladder_micros must rise from level to level")
        return self


class PricingPolicy(Section):
    is_static: bool
    floor_micros: Amount
    steps_per_hour_max: Annotated[int, Field(ge=1, le=15)]
    similar_ratio_max: Annotated[float, Field(ge=1, le=1000, allow_inf_nan=False)]
    segments: Annotated[tuple[str, ...], Field(max_length=50)]
    full_ladder: Annotated[float, Field(ge=0, le=0.1)]
    full_ladder_cost_max: Annotated[float, Field(ge=0, le=0.1)]
    completions_per_person_day_max: Annotated[int, Field(gt=0)]
    response_half_life_days: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    traffic_by_hour: Annotated[tuple[Annotated[float, Field(gt=0, le=1000)], ...], Field(min_length=24, max_length=24)]
    weekend_level: Annotated[float, Field(gt=0, le=10)]
    utc_offset_hours: Annotated[int, Field(ge=-12, le=14)]


class DailyCurve(Section):
    """See serving/pricing/daily.py. Amounts in micros of the campaign's currency, each currency for itself."""

    time_zone: str
    full_until_micros: Amount
    least_from_micros: Amount
    least_share: Share
    same_person_min: Share
    settled_person_min: Share

    @model_validator(mode="after")
    def _falls_somewhere(self) -> Self:
        if self.full_until_micros >= self.least_from_micros:
            raise ValueError("full_until_micros must be below least_from_micros")
        return self

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        return known_time_zone(name)


class PayAudit(Section):
    group_ratio_max: Annotated[float, Field(ge=1, le=10, allow_inf_nan=False)]


class IdentityAmounts(Section):
    rolling_micros: Amount
    cumulative_micros: Amount

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.rolling_micros > self.cumulative_micros:
            raise ValueError("rolling_micros must not be above cumulative_micros")
        return self


class IdentityPolicy(Section):
    """See serving/payouts/identity/."""

    window_days: Annotated[int, Field(gt=0, le=3660)]
    amounts: dict[str, IdentityAmounts]
    announce_share: Share
    checks_max: Annotated[int, Field(ge=1, le=20)]
    lapse_hours: Annotated[int, Field(gt=0, le=24 * 365)]
    verified_days: Annotated[int, Field(gt=0, le=36600)]

    @field_validator("amounts")
    @classmethod
    def _known(cls, amounts: dict[str, IdentityAmounts]) -> dict[str, IdentityAmounts]:
        for currency in amounts:
            exponent_of(currency)
        return amounts


class ScreeningPolicy(Section):
    """See serving/payouts/screening/."""

    is_required: bool
    score_min: Probability
    score_min_same_birth: Probability
    score_min_other_birth: Probability
    birth_years_apart_max: Annotated[int, Field(ge=0, le=10)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.score_min_same_birth <= self.score_min <= self.score_min_other_birth:
            raise ValueError("score_min_same_birth, score_min and score_min_other_birth must not fall")
        return self


class Policy(Section):
    event: EventThresholds
    withdrawal: WithdrawalThresholds
    reversal: ReversalThresholds
    reward: RewardPolicy
    pricing: PricingPolicy
    maturity_hours: dict[str, Annotated[float, Field(ge=0, le=24 * 365)]]
    waiting: WaitingPolicy
    exposure: ExposurePolicy
    reserve: ReservePolicy
    netting: NettingPolicy
    tax: TaxPolicy
    withdrawal_limits: WithdrawalLimits
    payouts: PayoutPolicy
    daily: DailyCurve
    pay_audit: PayAudit
    identity: IdentityPolicy
    screening: ScreeningPolicy
    partner_credit_micros_max: Amount
    version: str = Field(description="digest of the file")

    @model_validator(mode="after")
    def _has_default(self) -> Self:
        if "default" not in self.maturity_hours:
            raise ValueError("maturity_hours needs a default")
        return self

    def maturity(self, kind: str) -> int:
        """Microseconds from a credit until it can be withdrawn."""
        return int(self.maturity_hours.get(kind, self.maturity_hours["default"]) * HOUR)


def policy_file(environment: Mapping[str, str] = os.environ) -> Path:
    """Which file rules here: the one that ASSAY_POLICY names, or the shipped one."""
    return Path(environment.get("ASSAY_POLICY") or DEFAULT)


def load_policy(file: Path | None = None) -> Policy:
    """Read and check a policy file, left out: the one that rules here. Raises PolicyError, which names each bad key."""
    file = file or policy_file()
    try:
        text = file.read_bytes()
        body = read_yaml(text)
    except OSError as error:
        raise PolicyError(f"{file} cannot be read: {error.strerror}: name a copy of {DEFAULT}") from None
    except NotYaml as error:
        raise PolicyError(f"{file} {error}") from None
    if not isinstance(body, dict):
        raise PolicyError(
            f"{file} is no policy: it has to hold keys and values as {DEFAULT.name}, the shipped one, does"
        )
    try:
        return Policy.model_validate({**body, "version": hashlib.sha256(text).hexdigest()[:12]})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'policy'}: {one['msg']}" for one in error.errors())
        raise PolicyError(f"{file}: {wrong}") from None
