"""The most that may be paid to win a person: the lower bound of what they bring in, less everything they cost."""

from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from features.written import NotYaml, read_yaml
from training.ltv.purchases import PurchasesError

DEFAULT: Final = Path(__file__).with_name("costs.yaml")
_YEAR_DAYS: Final = 365

Share = Annotated[float, Field(ge=0, lt=1, allow_inf_nan=False)]
Cost = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class PersonCosts(BaseModel):
    """Shares of what a person brings in, and amounts a year in its unit."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    reward_share: Share
    reversal_share: Share
    fraud_share: Share
    payout_fee_share: Share
    review_cost: Cost
    compute_cost: Cost

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.kept_share <= 0:
            raise ValueError("the shares take all that a person brings in")
        return self

    @property
    def kept_share(self) -> float:
        """What remains of one unit: the payout fee is a share of the reward, which is a share of the whole."""
        return 1 - self.reversal_share - self.fraud_share - self.reward_share * (1 + self.payout_fee_share)


def load_costs(file: Path | None) -> PersonCosts:
    """The shipped costs for None. Raises PurchasesError, naming each bad key."""
    place = file or DEFAULT
    try:
        return PersonCosts.model_validate(read_yaml(place.read_bytes()))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'costs'}: {one['msg']}" for one in error.errors())
        raise PurchasesError(f"{place}: {wrong}") from None
    except NotYaml as error:
        raise PurchasesError(f"{place} {error}") from None


def acquisition_cap(lower_value: float, days: float, costs: PersonCosts) -> float:
    """The cap for somebody who is worth at least `lower_value` over `days`; 0 where they cost more than they bring."""
    running = (costs.review_cost + costs.compute_cost) * days / _YEAR_DAYS
    return max(0.0, lower_value * costs.kept_share - running)
