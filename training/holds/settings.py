"""What the waiting of rewards is priced with: a YAML file, checked."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.written import NotYaml, read_yaml

DEFAULT: Final = Path(__file__).with_name("holds.yaml")

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class HoldsError(ValueError):
    """The rewards, or what they are priced with, cannot be used as they are; the message says what to change."""


class Trust(BaseModel):
    """See holds.yaml. There is one more tier than edges, and one for people who are new: `tiers` in all, 0 is new."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    window_days: Annotated[int, Field(gt=0, le=365)]
    aged_days: Annotated[int, Field(gt=0, le=365)]
    aged_min: Annotated[int, Field(ge=0)]
    prior_reversed: Positive
    prior_rewards: Positive
    edges: Annotated[tuple[Positive, ...], Field(min_length=1, max_length=10)]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError("edges must rise")
        if self.aged_days >= self.window_days:
            raise ValueError("aged_days must be below window_days")
        return self

    @property
    def tiers(self) -> int:
        return len(self.edges) + 2


class Settings(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    recovered_share: Share
    waiting_share_per_day: Positive
    new_hours_min: Annotated[float, Field(ge=0, le=24 * 90)]
    rewards_min: Annotated[int, Field(gt=0)]
    stale_days: Annotated[int, Field(gt=0)]
    ridge: Positive
    trust: Trust


def load_settings(file: Path | None = None) -> Settings:
    """The shipped settings for None. Raises HoldsError, naming each bad key."""
    place = file or DEFAULT
    try:
        return Settings.model_validate(read_yaml(place.read_bytes()))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'settings'}: {one['msg']}" for one in error.errors())
        raise HoldsError(f"{place}: {wrong}") from None
    except NotYaml as error:
        raise HoldsError(f"{place} {error}") from None
