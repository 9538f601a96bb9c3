"""What goes over the wire, beside events and outcomes: the shapes of answers and of the offer request."""

from typing import Annotated, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from features.events import Currency, Event, Id, Instant, Kind, Micros, Outcome, Word
from features.money import MICROS_MAX

CANDIDATES_MAX: Final = 200
GOALS_MAX: Final = 20
NAMED_MAX: Final = 64
"""Countries, systems or requirements in one list."""

STARTS: Final = frozenset({Kind.TASK_STARTED, Kind.CLICK, Kind.INSTALL})
COMPLETIONS: Final = frozenset({Kind.TASK_COMPLETED, Kind.GOAL_REACHED, Kind.AD_VIEWED, Kind.INSTALL, Kind.PURCHASE})
"""The kinds of event that begin what an offer promises, and those that it pays for. An install may be either."""

KIND_UNNAMED: Final = "task"
"""The kind of a task where neither candidate nor campaign names one."""

Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
PriceTier = Annotated[int, Field(strict=True, ge=1, le=5)]
Days = Annotated[int, Field(strict=True, ge=0, le=36_500)]
Value = Annotated[Micros, Field(gt=0)]


def may_be_late(record: Event | Outcome) -> bool:
    """Whether it counts however late it arrives: an offer, whose id nobody forges, says until when it had to occur."""
    return isinstance(record, Event) and record.offer_id is not None and record.kind in STARTS | COMPLETIONS


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


class Targeting(_Body):
    """Whom the advertiser wants. What is left out is open to all; what is asked for and not known is not met."""

    countries: tuple[Country, ...] = Field((), max_length=NAMED_MAX, description="ISO 3166-1 alpha-2")
    device_os: tuple[Word, ...] = Field((), max_length=NAMED_MAX, description="as in `fingerprint.os`; case is ignored")
    price_tier_min: PriceTier | None = Field(None, description="of the device; 1 cheapest, 5 dearest")
    price_tier_max: PriceTier | None = None
    account_days_min: Days | None = Field(None, description="since the account was opened")
    account_days_max: Days | None = None
    requirements: tuple[Word, ...] = Field((), max_length=NAMED_MAX, description="e.g. identity_verified")

    @model_validator(mode="after")
    def _rising(self) -> Self:
        for name in ("price_tier", "account_days"):
            least, most = getattr(self, f"{name}_min"), getattr(self, f"{name}_max")
            if least is not None and most is not None and least > most:
                raise ValueError(f"{name}_min must not be above {name}_max")
        return self


class Person(_Body):
    """What the platform knows of the person; for what is left out, what Assay has seen counts."""

    country: Country | None = None
    device_os: Word | None = None
    price_tier: PriceTier | None = None
    account_days: Days | None = None
    requirements_met: tuple[Word, ...] = Field((), max_length=NAMED_MAX)


class Goal(_Body):
    """One of the things that a task pays for."""

    goal_id: Id
    value_micros: Value = Field(description="what reaching it is worth to the advertiser")


class Candidate(_Body):
    """A task that could be offered: with one value, or with several goals of their own values."""

    task_id: Id
    campaign_id: Id
    goal_id: Id | None = None
    value_micros: Value | None = Field(None, description="what a valid completion is worth to the advertiser")
    goals: Annotated[tuple[Goal, ...], Field(max_length=GOALS_MAX)] = Field((), description="instead of value_micros")
    currency: Currency
    task_kind: Word | None = Field(
        None, description="e.g. survey, install, game: tasks of a kind are learned of together"
    )
    targeting: Targeting = Targeting()

    @model_validator(mode="after")
    def _one_or_several(self) -> Self:
        if (self.value_micros is None) == (not self.goals):
            raise ValueError("value_micros is required, or goals instead of it")
        if self.goals and self.goal_id is not None:
            raise ValueError("goal_id is left out with goals: each has its own")
        names = [goal.goal_id for goal in self.goals]
        if len(set(names)) < len(names):
            raise ValueError("goals must have ids of their own")
        if sum(goal.value_micros for goal in self.goals) > MICROS_MAX:
            raise ValueError(f"goals are worth at most {MICROS_MAX} micros together")
        return self

    @property
    def steps(self) -> tuple[tuple[str | None, int], ...]:
        """What is paid for: each goal with its value."""
        if self.value_micros is not None:
            return ((self.goal_id, self.value_micros),)
        return tuple((goal.goal_id, goal.value_micros) for goal in self.goals)


class OfferRequest(_Body):
    """A person and the tasks that the platform could show. The same `request_id` gives the same offers."""

    request_id: Id
    user_id: Id
    occurred_at: Instant
    person: Person = Person()
    candidates: Annotated[list[Candidate], Field(min_length=1, max_length=CANDIDATES_MAX)]


class OfferedGoal(_Body):
    goal_id: str | None
    reward_micros: int


class Offer(_Body):
    """A price that stands: paid as offered on a genuine completion that occurs before `complete_by`."""

    offer_id: str
    task_id: str
    campaign_id: str
    goal_id: str | None = Field(description="of the only goal; null where there are several")
    reward_micros: int = Field(description="for all goals together")
    goals: list[OfferedGoal] = Field(description="what each goal pays, once")
    currency: str
    accept_by: AwareDatetime = Field(description="start before this to keep the price")
    complete_by: AwareDatetime
    reason: str = Field(description="why this amount, in plain words")
    daily: str = Field(description="how the person's day changes what is paid; fixed when the task is started")


class Refused(_Body):
    """A candidate that is not offered, and why."""

    task_id: str
    reason: str


class OfferAnswer(_Body):
    request_id: str
    user_id: str
    offers: list[Offer] = Field(description="the best first: by what an offer is expected to be worth to all")
    refused: list[Refused]
    policy_version: str
    degraded: list[str] = Field(description="what was missing when this was priced")


class Caps(_Body):
    """How often a campaign's task may be started; none where left out."""

    per_person: Annotated[int, Field(strict=True, gt=0, le=1_000_000)] | None = None
    per_day: Annotated[int, Field(strict=True, gt=0, le=2**31)] | None = Field(None, description="a day of UTC")


class Campaign(_Body):
    """What holds for all offers of a campaign. Its advertiser's money comes by deposits."""

    currency: Currency
    task_kind: Word | None = Field(None, description="of candidates that do not say theirs")
    starts_at: Instant
    ends_at: Instant
    floor_micros: Micros = Field(0, description="no reward below this is ever offered: the floor that is posted")
    quality: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] = Field(
        1.0, description="share of completions that the advertiser does not take back"
    )
    quality_low: Annotated[float, Field(strict=True, gt=0, le=1, allow_inf_nan=False)] | None = Field(
        None, description="what that share is at least; left out: the share itself"
    )
    caps: Caps = Caps()
    reward_budget_micros: Micros | None = Field(None, description="what the platform spends on rewards at most")

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.ends_at <= self.starts_at:
            raise ValueError("ends_at must be after starts_at")
        if self.quality_low is not None and self.quality_low > self.quality:
            raise ValueError("quality_low must not be above quality")
        return self


class CampaignAnswer(_Body):
    campaign_id: str
    campaign: Campaign
    value_left_micros: int | None = Field(description="of the deposits, neither spent nor reserved; null before any")
    value_reserved_micros: int
    reward_left_micros: int | None = Field(description="of the reward budget; null where there is none")
    reward_reserved_micros: int


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
    held_micros: int = Field(description="on its way out, set aside, or frozen")
    withdrawable_micros: int
    frozen_micros: int = Field(
        description="of what is pending and of what is held: frozen by a ban until somebody has looked"
    )
    owed_micros: int = Field(description="for fraud that was found; later rewards pay it in part")
    accrued_micros: int = Field(description="earned, and posted when its window ends or the person withdraws")


class CaseAnswer(_Body):
    """A flagged decision that waits for a person."""

    decision_id: str
    event_id: str
    user_id: str | None
    action: str
    opened_at: AwareDatetime
    closed_at: AwareDatetime | None
    disposition: str | None
    closed_by: str | None


class PayoutAnswer(_Body):
    payout_id: str
    user_id: str
    amount_micros: int
    currency: str
    state: str
    attempts: int
    fee_micros: int | None = Field(description="what the provider takes; null while it is not known")
    waits_for: str | None = Field(description="why it is parked, a word of code; null where it is not")
    tax_micros: int | None = Field(
        None, description="withheld of the amount; left out while no tax is counted", exclude_if=lambda tax: tax is None
    )
