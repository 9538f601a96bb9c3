"""A person's payslip: what was promised, what came of it and why, what was paid, and what an hour paid."""

from dataclasses import asdict
from datetime import timedelta
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from features.events import Asset, Instant, instant_of, micros_of
from serving.database import reading
from serving.ledger.payslip import LINES_MAX, Line, payslip
from serving.openapi import refusals
from serving.pricing.worked import worked
from serving.problems import bad_field
from serving.routes.asking import IdInPath, parts_of

router = APIRouter(tags=["people"])
DAYS: Final = 31
"""The period of a payslip that names no beginning."""


class PayslipLine(BaseModel):
    at: AwareDatetime
    what: str
    amount_micros: int = Field(
        description="positive in the person's favour; `of it, ...` is a part of the payment's line: do not add it"
    )
    reason: str
    cause_id: str
    matures_at: AwareDatetime | None = Field(description="when what waits is the person's own; null: it waits no more")


class PayslipAnswer(BaseModel):
    """Amounts of the period, by when they were recorded; pending, frozen, withdrawable and owed are as of now."""

    user_id: str
    currency: str
    since: AwareDatetime
    until: AwareDatetime
    promised_micros: int = Field(description="rewards that were credited")
    reversed_micros: int = Field(description="taken from the person")
    refunded_micros: int = Field(description="given back to the person")
    spared_micros: int = Field(description="taken back by advertisers and borne by the platform")
    debt_collected_micros: int
    paid_micros: int = Field(description="what left the wallet for the person, less fee and tax once it has settled")
    fee_micros: int = Field(description="borne by the person")
    tax_micros: int = Field(description="withheld of what was paid")
    adjusted_micros: int = Field(description="put right by a named person, bonuses, and what was spent at the platform")
    pending_micros: int
    frozen_micros: int = Field(description="of what is pending or set aside: frozen until somebody has looked")
    withdrawable_micros: int
    owed_micros: int
    worked_seconds: int = Field(description="on offers, from their start to their end; screened out is time spent")
    hourly_micros: int | None = Field(description="what is left of what that time was promised, an hour; null: no time")
    lines: list[PayslipLine] = Field(description=f"at most {LINES_MAX} of a kind: ask for a longer period in parts")


@router.get("/v1/people/{user_id:path}/payslip", responses=refusals(401, 422, 500))
def person_payslip(
    user_id: IdInPath,
    request: Request,
    since: Annotated[Instant | None, Query(alias="from", description=f"{DAYS} days before `to` if left out")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="now if left out; excluded")] = None,
    currency: Annotated[Asset, Query()] = "CNY",
) -> PayslipAnswer:
    """What a period was to a person: promised, reversed and why, paid, fees, and what an hour of work paid in fact."""
    parts = parts_of(request)
    ends = until or instant_of(parts.clock())
    begins = since or ends - timedelta(days=DAYS)
    if begins > ends:
        raise bad_field("from", "must not be after to")
    period = micros_of(begins), micros_of(ends)
    with reading(parts.engine) as connection:
        work = worked(connection, user_id, currency, *period)
        slip = payslip(connection, user_id, currency, *period, work)
    said = asdict(slip) | {"since": begins, "until": ends, "worked_seconds": slip.worked_micros // 1_000_000}
    return PayslipAnswer.model_validate(said | {"lines": [_line(line) for line in slip.lines]})


def _line(line: Line) -> dict[str, Any]:
    matures_at = None if line.matures_at is None else instant_of(line.matures_at)
    return asdict(line) | {"at": instant_of(line.at), "matures_at": matures_at}
