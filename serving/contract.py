"""What goes over the wire, beside events and outcomes: the shapes of answers and of the offer request."""

from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from features.events import Currency, Id, Instant, Micros

CANDIDATES_MAX = 200


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Versions(_Body):
    model: str
    policy: str
    features: str


class Answer(_Body):
    """A decision on an event or a withdrawal."""

    decision_id: str
    event_id: str
    decision: str = Field(description="approve | hold | challenge | review | decline")
    score: float | None = Field(description="calibrated probability; null when no model could score")
    reason_codes: list[str]
    reward_micros: int | None = Field(description="owed to the person for this event; null for a withdrawal")
    currency: str | None
    final: bool = Field(description="whether nothing more is awaited")
    revision: int = Field(description="1, and more after a person changed the decision")
    versions: Versions
    degraded: list[str] = Field(description="what was missing when this was decided")


class Candidate(_Body):
    """A task that could be offered."""

    task_id: Id
    campaign_id: Id
    goal_id: Id | None = None
    value_micros: Annotated[Micros, Field(gt=0)] = Field(
        description="what a valid completion is worth to the advertiser"
    )
    currency: Currency


class OfferRequest(_Body):
    """A person and the tasks that the platform could show. The same `request_id` gives the same offers."""

    request_id: Id
    user_id: Id
    occurred_at: Instant
    candidates: Annotated[list[Candidate], Field(min_length=1, max_length=CANDIDATES_MAX)]


class Offer(_Body):
    """A price that stands: paid as offered on a genuine completion that occurs before `complete_by`."""

    offer_id: str
    task_id: str
    campaign_id: str
    goal_id: str | None
    reward_micros: int
    currency: str
    accept_by: AwareDatetime
    complete_by: AwareDatetime
    reason: str = Field(description="why this amount, in plain words")


class Refused(_Body):
    """A candidate that is not offered, and why."""

    task_id: str
    reason: str


class OfferAnswer(_Body):
    request_id: str
    user_id: str
    offers: list[Offer] = Field(description="the best first")
    refused: list[Refused]
    policy_version: str


class OutcomeAnswer(_Body):
    """What an outcome did to the money of its subject."""

    event_id: str
    subject_event_id: str
    subject_known: bool = Field(
        description="whether this service has decided on the subject; if not, it is kept for later"
    )
    reversed_micros: int = Field(description="taken back from the person or charged to the reserve")
    decision_revised: bool


class WalletAnswer(_Body):
    user_id: str
    currency: str
    pending_micros: int
    available_micros: int
    held_micros: int
    withdrawable_micros: int


class CaseAnswer(_Body):
    """A flagged decision that waits for a person."""

    decision_id: str
    event_id: str
    user_id: str | None
    action: str
    opened_at: int = Field(description="microseconds since 1970")
    closed_at: int | None
    disposition: str | None
    closed_by: str | None


class PayoutAnswer(_Body):
    payout_id: str
    user_id: str
    amount_micros: int
    currency: str
    state: str
    attempts: int
