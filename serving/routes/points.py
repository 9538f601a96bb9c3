"""Points: what they are worth, from when on, and their conversion into money; `serving.ledger.points` says how."""

from typing import Annotated, Final

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from features.events import Currency, Id, Instant, Micros, instant_of, micros_of
from features.money import MICROS_MAX
from serving.database import reading
from serving.ledger import points
from serving.ledger.points import Converted, Order, Rate
from serving.openapi import refusals
from serving.problems import bad_field
from serving.records import Unit
from serving.routes.asking import after_cursor, cursor_of, parts_of
from serving.routes.keys import Key, OptionalKey, once
from serving.routes.orders import Name

router = APIRouter(tags=["points"])
LISTED_MAX: Final = 500


class _Body(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RateOrder(_Body):
    """What points are worth from an instant on. It is never changed afterwards: another one follows it."""

    currency: Currency
    points: Annotated[int, Field(strict=True, gt=0, le=10**9, description="whole points: 100 for `100 points are ...`")]
    amount_micros: Annotated[Micros, Field(gt=0, le=10**12, description="... worth so much money`")]
    effective_from: Instant | None = Field(None, description="now if left out; never earlier")
    decided_by: Name = Field(description="who decided it: the name of a person at the platform")


class RateAnswer(_Body):
    currency: str
    points: int
    amount_micros: int
    effective_from: AwareDatetime
    decided_by: str


class RatesAnswer(_Body):
    rates: list[RateAnswer] = Field(description="the latest first, those that do not count yet among them")
    next: str | None = Field(description="send it as `after` for the next page; null on the last")


class ConversionOrder(_Body):
    """A person turns points into money. The same `conversion_id` is carried out once."""

    conversion_id: Id
    user_id: Id
    points_micros: Annotated[Micros, Field(gt=0, le=MICROS_MAX, description="at most; 1000000 is one point")]
    currency: Currency = Field(description="of the money")
    promised_at: Instant | None = Field(
        None,
        description="when the person was told what the points are worth: the rate is that of then; now if left out",
    )


class ConversionAnswer(_Body):
    conversion_id: str
    user_id: str
    currency: str
    points_micros: int = Field(description="taken: what makes no whole micro of money stays in the wallet")
    amount_micros: int = Field(description="given, and the person's own at once")
    rate_from: AwareDatetime = Field(description="since when the rate counted")


@router.post(
    "/v1/ledger/points/rates", response_model=RateAnswer, responses=refusals(401, 403, 409, 413, 422, 500, 503)
)
async def set_rate(body: RateOrder, request: Request, key: Key) -> Response:
    """Say what points are worth, from now or a later instant on. Needs the operator's key."""

    def work(unit: Unit) -> RateAnswer:
        since = micros_of(body.effective_from) if body.effective_from else unit.now
        rate = Rate(body.currency, since, body.points, body.amount_micros, body.decided_by)
        points.set_rate(unit.connection, rate, unit.now)
        return _rate(points.rate_at(unit.connection, rate.currency, since) or rate)

    return await once(request, key, body, work)


@router.get("/v1/ledger/points/rates", responses=refusals(401, 422, 500))
def rates(
    request: Request,
    currency: Annotated[Currency | None, Query(description="of this currency alone")] = None,
    after: Annotated[str | None, Query(max_length=512, description="`next` of the page before")] = None,
    limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 100,
) -> RatesAnswer:
    """What points were, are and will be worth, the latest rate first."""
    with reading(parts_of(request).engine) as connection:
        found = points.rates(connection, currency, after_cursor(after), limit + 1)
    page = found[:limit]
    return RatesAnswer(
        rates=[_rate(one) for one in page],
        next=cursor_of(page[-1].effective_from, page[-1].currency) if len(found) > limit else None,
    )


@router.post(
    "/v1/ledger/points/conversions",
    response_model=ConversionAnswer,
    responses=refusals(401, 402, 409, 413, 422, 500, 503),
)
async def convert(body: ConversionOrder, request: Request, key: OptionalKey = None) -> Response:
    """Turn a person's points into money, exactly, at the rate of the instant at which they were promised."""

    def work(unit: Unit) -> ConversionAnswer:
        id_, asked = body.conversion_id, body.promised_at
        instant = micros_of(asked) if asked else points.promised(unit.connection, id_, unit.now)
        if instant > unit.now:
            raise bad_field("promised_at", "must not be later than now: nothing was promised then yet")
        order = Order(id_, body.user_id, body.currency, body.points_micros, instant)
        return _converted(body, points.convert(unit.connection, order, unit.now))

    return await once(request, key, body, work)


def _rate(rate: Rate) -> RateAnswer:
    return RateAnswer(
        currency=rate.currency,
        points=rate.points,
        amount_micros=rate.amount_micros,
        effective_from=instant_of(rate.effective_from),
        decided_by=rate.decided_by,
    )


def _converted(body: ConversionOrder, made: Converted) -> ConversionAnswer:
    return ConversionAnswer(
        conversion_id=body.conversion_id,
        user_id=body.user_id,
        currency=body.currency,
        points_micros=made.points_micros,
        amount_micros=made.amount_micros,
        rate_from=instant_of(made.rate_from),
    )
