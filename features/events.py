"""The canonical events of an earning platform, schema version 1.

An *event* is an immutable fact about a person, a device or a partner. An *outcome* is an event that speaks of an
earlier one: it was reversed, the person was banned, a reviewer answered, or nothing bad happened in time.
Everything that Assay learns, decides and pays is derived from these two records.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from features.addresses import address_of, network_of, wide_network_of
from features.money import EXPONENTS, MICROS_MAX, POINTS

SCHEMA_VERSION: Final = 1
EVENT_BYTES_MAX: Final = 64 * 1024
ID_LENGTH_MAX: Final = 128
DOMAIN_LENGTH_MAX: Final = 253
DEVICES_MAX: Final = 8
EXTENSIONS_MAX: Final = 32
EXTENSION_BYTES_MAX: Final = 8 * 1024
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
EARLIEST: Final = datetime(2000, 1, 1, tzinfo=UTC)
LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)


class Kind(StrEnum):
    """What a person did, or a partner says that they did."""

    SIGN_UP = "sign_up"
    LOGIN = "login"
    CHECK_IN = "check_in"
    CLICK = "click"
    INSTALL = "install"
    TASK_STARTED = "task_started"
    GOAL_REACHED = "goal_reached"
    TASK_COMPLETED = "task_completed"
    SCREENED_OUT = "screened_out"
    AD_VIEWED = "ad_viewed"
    PURCHASE = "purchase"
    REFERRAL = "referral"
    IDENTITY_VERIFIED = "identity_verified"
    WITHDRAWAL_REQUESTED = "withdrawal_requested"


class OutcomeKind(StrEnum):
    """What became of an earlier event."""

    REVERSAL = "reversal"
    BAN = "ban"
    DISPOSITION = "disposition"
    CLEAN = "clean"


class ReversalKind(StrEnum):
    ADVERTISER_REVERSAL = "advertiser_reversal"
    CARD_CHARGEBACK = "card_chargeback"


class Reason(StrEnum):
    """Why an advertiser or a card network took back. Only `fraud` speaks of the person's honesty."""

    FRAUD = "fraud"
    DUPLICATE = "duplicate"
    ATTRIBUTION = "attribution"
    QUALITY = "quality"
    BUDGET = "budget"
    UNKNOWN = "unknown"


class Disposition(StrEnum):
    """A reviewer's answer to a case."""

    GENUINE = "genuine"
    FRAUD = "fraud"
    UNSURE = "unsure"


class CausedBy(StrEnum):
    """Who stands behind an outcome. What a model caused is never a label for a model."""

    PARTNER = "partner"
    PERSON = "person"
    MODEL = "model"


class IpProvenance(StrEnum):
    """Whose address it is: a postback's source address is the partner's, not the person's."""

    PERSON = "person"
    PARTNER = "partner"
    UNKNOWN = "unknown"


class DeviceKind(StrEnum):
    """Kinds of device id, the most durable first: the first one present is the event's own device."""

    ANDROID_ID = "android_id"
    IDFV = "idfv"
    GAID = "gaid"
    INSTALL = "install"
    WEB = "web"


class DeviceProvenance(StrEnum):
    """Read by our own client, reported by a partner, or withheld because the person opted out."""

    CLIENT = "client"
    PARTNER = "partner"
    OPTED_OUT = "opted_out"


class Attestation(StrEnum):
    """The verdict of the operating system's attestation service."""

    STRONG = "strong"
    DEVICE = "device"
    BASIC = "basic"
    FAILED = "failed"
    UNAVAILABLE = "unavailable"


class RevenueState(StrEnum):
    ESTIMATED = "estimated"
    CONFIRMED = "confirmed"


def _instant(value: object) -> object:
    """Only text: a bare number would be read as seconds by one client and as milliseconds by another."""
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not _RFC3339.match(value):
        raise ValueError("must be an RFC 3339 time in UTC, e.g. 2026-03-01T09:30:00Z")
    return value


_RFC3339 = re.compile(r"^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$")


def _in_range(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("must say its offset, e.g. end in Z")
    if not EARLIEST <= value < LATEST:
        raise ValueError(f"must lie between {EARLIEST.year} and {LATEST.year}")
    return value.astimezone(UTC)


def _domain(value: str) -> str:
    lower = value.lower()
    if len(lower) > DOMAIN_LENGTH_MAX:
        raise ValueError(f"must be at most {DOMAIN_LENGTH_MAX} characters in lower case")
    return lower


def _currency(value: str) -> str:
    if value not in EXPONENTS:
        raise ValueError("must be an ISO 4217 currency, e.g. CNY or USD")
    return value


def _asset(value: str) -> str:
    return value if value == POINTS else _currency(value)


Instant = Annotated[datetime, BeforeValidator(_instant), AfterValidator(_in_range)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=ID_LENGTH_MAX, pattern=r"^[^\x00-\x1f\x7f]+$")]
# 32 hex digits or more: no phone, card or bank account number has this form, so none can be sent by mistake.
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32,128}$")]
Micros = Annotated[int, Field(strict=True, ge=0, le=MICROS_MAX)]
Currency = Annotated[str, AfterValidator(_currency)]
Asset = Annotated[str, AfterValidator(_asset)]  # a currency, or points
Address = Annotated[str, BeforeValidator(address_of)]
Count = Annotated[int, Field(strict=True, ge=0, le=1_000_000)]
Millis = Annotated[float, Field(ge=0, le=7 * 86_400_000, allow_inf_nan=False)]
Variance = Annotated[float, Field(ge=0, le=1e12, allow_inf_nan=False)]
Word = Annotated[str, StringConstraints(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f\x7f]+$")]
Scalar = (
    Annotated[str, StringConstraints(max_length=1024)]
    | bool
    | int
    | Annotated[float, Field(allow_inf_nan=False)]
    | None
)


def micros_of(instant: datetime) -> int:
    """Microseconds since 1970, exact. `datetime.timestamp()` is a float and is not."""
    return (instant - EPOCH) // timedelta(microseconds=1)


def instant_of(micros: int) -> datetime:
    """The inverse of `micros_of`."""
    return EPOCH + timedelta(microseconds=micros)


class Record(BaseModel):
    """Unknown fields are refused by name, so that no typing error is silently lost; `extensions` takes what is new."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_enum_values=False, allow_inf_nan=False, hide_input_in_errors=True
    )


class IpSeen(Record):
    """An IP address and whose it is. Only a person's address is ever an entity."""

    address: Address = Field(description="IPv4 or IPv6", examples=["203.0.113.7"])
    provenance: IpProvenance = IpProvenance.PERSON


class Device(Record):
    """One device id. An all-zero id or one whose owner opted out counts as missing: it would join strangers."""

    id: Id
    kind: DeviceKind
    provenance: DeviceProvenance = DeviceProvenance.CLIENT

    @property
    def key(self) -> str | None:
        """`kind:id`, letters in lower case where the id is hexadecimal, or None when the id says nothing."""
        if self.provenance is DeviceProvenance.OPTED_OUT or not self.id.strip("0-: "):
            return None
        hexadecimal = self.kind in _HEXADECIMAL_IDS
        return f"{self.kind}:{self.id.lower() if hexadecimal else self.id}"


_HEXADECIMAL_IDS: Final = frozenset({DeviceKind.ANDROID_ID, DeviceKind.IDFV, DeviceKind.GAID})
_ALONE: Final = "only a reward is in points: send money in one event, the reward in another, of its own id, in PTS"
_DURABILITY: Final = {kind: rank for rank, kind in enumerate(DeviceKind)}


class Fingerprint(Record):
    """What the client says of the device. Millions of phones share a fingerprint: it never identifies anybody."""

    model: Word | None = None
    os: Word | None = None
    os_version: Word | None = None
    browser: Word | None = None
    app_version: Word | None = None
    is_emulator: bool | None = None
    is_rooted: bool | None = None
    screen: Word | None = Field(None, examples=["1080x2400"])
    time_zone: Word | None = Field(None, examples=["Asia/Shanghai"])
    locale: Word | None = Field(None, examples=["zh-CN"])
    price_tier: Annotated[int, Field(strict=True, ge=1, le=5)] | None = Field(None, description="1 cheapest, 5 dearest")


class Interaction(Record):
    """A summary of how the person touched the screen; the client computes it, raw traces never leave the phone."""

    duration_ms: Millis | None = None
    tap_count: Count | None = None
    tap_interval_mean_ms: Millis | None = None
    tap_interval_spread_ms: Millis | None = Field(None, description="standard deviation of the intervals")
    touch_pressure_variance: Variance | None = None
    sensor_variance: Variance | None = Field(
        None, description="of the accelerometer's magnitude; a phone on a rack has none"
    )


class _Envelope(Record):
    """What every record carries."""

    schema_version: Literal[1] = SCHEMA_VERSION
    event_id: Id
    occurred_at: Instant = Field(examples=["2026-03-01T09:30:00Z"])
    extensions: dict[Word, Scalar] = Field(default_factory=dict, max_length=EXTENSIONS_MAX)

    @model_validator(mode="after")
    def _bounded_extensions(self) -> Self:
        if self.extensions and len(json.dumps(self.extensions)) > EXTENSION_BYTES_MAX:
            raise ValueError(f"extensions must be at most {EXTENSION_BYTES_MAX} bytes of JSON")
        return self

    @cached_property
    def event_time(self) -> int:
        """`occurred_at` in microseconds since 1970."""
        return micros_of(self.occurred_at)


class Event(_Envelope):
    """One thing that happened on the earning platform. Entities that play no part are left out, never invented."""

    kind: Kind
    user_id: Id | None = None
    task_id: Id | None = None
    goal_id: Id | None = None
    campaign_id: Id | None = None
    partner_id: Id | None = None
    partner_transaction_id: Id | None = Field(None, description="the partner's own id of this conversion")
    click_id: Id | None = None
    offer_id: Id | None = Field(None, description="as answered by /v1/price/offers; it fixes the reward")
    referrer_user_id: Id | None = None
    payout_destination: Digest | None = Field(None, description="keyed digest of the account that would be paid")
    identity: Digest | None = Field(None, description="keyed digest of the verified document number")
    # The length is judged as it will be stored: some letters are longer in lower case.
    email_domain: Annotated[str, AfterValidator(_domain)] | None = None
    country: Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")] | None = Field(
        None, description="ISO 3166-1 alpha-2"
    )
    city_tier: Annotated[int, Field(strict=True, ge=1, le=6)] | None = None
    latitude: Annotated[float, Field(ge=-90, le=90, allow_inf_nan=False)] | None = None
    longitude: Annotated[float, Field(ge=-180, le=180, allow_inf_nan=False)] | None = None
    ip: IpSeen | None = None
    devices: tuple[Device, ...] = Field(default=(), max_length=DEVICES_MAX)
    attestation: Attestation | None = None
    fingerprint: Fingerprint | None = None
    interaction: Interaction | None = None
    revenue_micros: Micros | None = Field(None, description="owed to the platform by the partner")
    revenue_state: RevenueState | None = None
    reward_micros: Micros | None = Field(None, description="owed to the person, as the platform promised it")
    amount_micros: Micros | None = Field(None, description="what a withdrawal asks for, or what a purchase cost")
    currency: Asset | None = Field(None, description="of all amounts; PTS: points, of a reward only", examples=["CNY"])

    @model_validator(mode="after")
    def _complete(self) -> Self:
        self._money_has_a_currency()
        if self.kind is Kind.WITHDRAWAL_REQUESTED:
            self._withdrawal_is_complete()
        if self.kind is Kind.REFERRAL and self.user_id is not None and self.user_id == self.referrer_user_id:
            raise ValueError("referrer_user_id must differ from user_id: nobody refers themselves")
        if self.reward_micros and self.user_id is None:
            raise ValueError("user_id is required with reward_micros: a reward is owed to somebody")
        return self

    def _money_has_a_currency(self) -> None:
        if self.currency is None and {self.revenue_micros, self.reward_micros, self.amount_micros} != {None}:
            raise ValueError("currency is required with revenue_micros, reward_micros or amount_micros")
        if self.currency == POINTS and (self.revenue_micros or self.amount_micros):
            raise ValueError(f"currency must be money for revenue_micros and amount_micros, and {_ALONE}")

    def _withdrawal_is_complete(self) -> None:
        for name in ("user_id", "payout_destination", "amount_micros"):
            if not getattr(self, name):
                raise ValueError(f"{name} is required for withdrawal_requested, and an amount must be above zero")

    @cached_property
    def device_key(self) -> str | None:
        """The most durable device id present, as `kind:id`; None when all are missing."""
        known = [device for device in self.devices if device.key]
        return min(known, key=lambda device: _DURABILITY[device.kind]).key if known else None

    @cached_property
    def ip_key(self) -> str | None:
        """The person's own address; a partner's server is nobody's home."""
        return self.ip.address if self.ip and self.ip.provenance is IpProvenance.PERSON else None

    @cached_property
    def network_key(self) -> str | None:
        """The network around the person's address: /24 for IPv4, /64 for IPv6."""
        return network_of(self.ip_key) if self.ip_key else None

    @cached_property
    def wide_network_key(self) -> str | None:
        """The /56 around the person's IPv6 address: what a provider hands to a whole home. None for IPv4."""
        return wide_network_of(self.ip_key) if self.ip_key else None


class Outcome(_Envelope):
    """What became of `subject_event_id`. An outcome is an event of its own: its id makes a retry harmless."""

    kind: OutcomeKind
    subject_event_id: Id = Field(description="the event it speaks of")
    user_id: Id | None = None
    partner_id: Id | None = None
    partner_transaction_id: Id | None = None
    reversal_kind: ReversalKind | None = None
    reason: Reason | None = None
    disposition: Disposition | None = None
    caused_by: CausedBy | None = None
    amount_micros: Micros | None = Field(
        None, description="a partial reversal, of the person's reward; left out: all of it"
    )
    currency: Asset | None = None
    note: Annotated[str, StringConstraints(max_length=2000)] | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.kind is OutcomeKind.REVERSAL and (self.reversal_kind is None or self.reason is None):
            raise ValueError("reversal_kind and reason are required for a reversal")
        if self.kind is OutcomeKind.DISPOSITION and self.disposition is None:
            raise ValueError("disposition is required: genuine, fraud or unsure")
        if self.kind is OutcomeKind.BAN and self.caused_by is None:
            raise ValueError("caused_by is required for a ban: a ban by a model must not teach a model")
        if self.amount_micros is not None and self.currency is None:
            raise ValueError("currency is required with amount_micros")
        if self.amount_micros is not None and self.kind is not OutcomeKind.REVERSAL:
            raise ValueError("amount_micros belongs to a reversal; a finding of fraud takes all that remains")
        return self


def parse(body: dict[str, Any]) -> Event | Outcome:
    """An event or an outcome, told apart by its kind. Raises pydantic.ValidationError, which names each bad field."""
    is_outcome = body.get("kind") in set(OutcomeKind)
    return Outcome.model_validate(body) if is_outcome else Event.model_validate(body)
