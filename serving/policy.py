"""Thresholds and limits: what the business chose, apart from what the model learned. A versioned file, read once."""

import hashlib
from pathlib import Path
from typing import Annotated, Final, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

DEFAULT: Final = Path(__file__).with_name("policy.yaml")

Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Share = Annotated[float, Field(gt=0, lt=1, allow_inf_nan=False)]
Amount = Annotated[int, Field(gt=0, lt=2**53)]
HOUR: Final = 3_600_000_000


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class EventThresholds(_Section):
    hold: Probability
    review: Probability
    decline: Probability
    hold_hours: Annotated[float, Field(ge=0, le=24 * 365)]

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.hold < self.review < self.decline:
            raise ValueError("hold, review and decline must rise")
        return self


class WithdrawalThresholds(_Section):
    challenge: Probability
    review: Probability
    decline: Probability

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not self.challenge < self.review < self.decline:
            raise ValueError("challenge, review and decline must rise")
        return self


class ReversalThresholds(_Section):
    hold: Probability


class RewardPolicy(_Section):
    ladder_micros: Annotated[tuple[Amount, ...], Field(min_length=1, max_length=15)]
    margin_min: Share
    share_of_value: Share
    exploration: Annotated[float, Field(ge=0, le=0.5)]
    reward_micros_max: Amount
    accept_minutes: Annotated[int, Field(gt=0)]
    complete_hours: Annotated[int, Field(gt=0)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if list(self.ladder_micros) != sorted(set(self.ladder_micros)):
            raise ValueError("ladder_micros must rise from level to level")
        return self


class WithdrawalLimits(_Section):
    amount_micros_min: Amount
    amount_micros_max: Amount

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if self.amount_micros_min > self.amount_micros_max:
            raise ValueError("amount_micros_min must not be above amount_micros_max")
        return self


class Policy(_Section):
    event: EventThresholds
    withdrawal: WithdrawalThresholds
    reversal: ReversalThresholds
    reward: RewardPolicy
    maturity_hours: dict[str, Annotated[float, Field(ge=0, le=24 * 365)]]
    withdrawal_limits: WithdrawalLimits
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


def load_policy(file: Path = DEFAULT) -> Policy:
    """Read and check a policy file. Raises pydantic.ValidationError, which names each bad key."""
    text = file.read_bytes()
    return Policy.model_validate({**yaml.safe_load(text), "version": hashlib.sha256(text).hexdigest()[:12]})
