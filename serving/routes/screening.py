"""Possible hits in lists of names: whoever may answer sees who was searched and what the list says, and rules.

Everything here needs the operator's key; names appear in the answers of one route, and are kept nowhere by it.
"""

from typing import Annotated, Any, Final, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints

from features.events import instant_of
from serving.database import reading
from serving.openapi import refusals
from serving.payouts.screening import hits
from serving.payouts.screening.hits import LISTED_MAX, REASON_CHARACTERS_MAX, Hit, HitState
from serving.records import Unit
from serving.routes.asking import LINES, IdInPath, parts_of
from serving.routes.keys import Key, once
from serving.routes.orders import Name

router = APIRouter(tags=["screening"])
READS: Final = refusals(401, 403, 404, 422, 500)
RULINGS: Final = refusals(401, 403, 404, 409, 413, 422, 500, 503)


class HitLine(BaseModel):
    hit_id: str
    user_id: str
    entry_id: str = Field(description="of the list: its file and id; unreadable: a person must read the name itself")
    score: float = Field(description="how alike the names are, 0 to 1")
    state: str = Field(description="open | cleared | confirmed | withdrawn")
    opened_at: AwareDatetime


class Searched(BaseModel):
    names: list[str]
    birth_date: str | None


class Listed(BaseModel):
    listed_as: str | None = Field(description="the name of the list that is likest")
    names: list[str]
    birth_dates: list[str]
    births: str | None = Field(description="whether dates of birth agree")


class RulingLine(BaseModel):
    answer: str
    decided_by: str
    reason: str
    decided_at: AwareDatetime


class HitAnswer(HitLine):
    person: Searched = Field(description="as they were proven")
    listed: Listed
    rulings: list[RulingLine] = Field(description="oldest first")


class HitRuling(BaseModel):
    """Whether the person is the one listed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    answer: Literal["cleared", "confirmed"] = Field(description="cleared: somebody else; confirmed: the one listed")
    decided_by: Name = Field(description="who decided it: the name of a person at the platform")
    reason: Annotated[
        str,
        StringConstraints(min_length=1, max_length=REASON_CHARACTERS_MAX, pattern=LINES, strip_whitespace=True),
    ] = Field(description="why; kept sealed")


@router.get("/v1/screening/hits", responses=refusals(401, 403, 422, 500))
def open_hits(request: Request, limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 100) -> list[HitLine]:
    """Possible hits that wait for a reviewer, the longest waiting first. Needs the operator's key."""
    with reading(parts_of(request).engine) as connection:
        return [HitLine(**_line(one)) for one in hits.open_hits(connection, limit)]


@router.get("/v1/screening/hits/{hit_id}", responses=READS)
def hit(hit_id: IdInPath, request: Request) -> HitAnswer:
    """Who was searched, what the list says, and what was answered so far. Needs the operator's key."""
    parts = parts_of(request)
    with reading(parts.engine) as connection:
        asked = hits.question(connection, hit_id, parts.seal)
        ruled = hits.answers(connection, hit_id, parts.seal)
    listed = {"listed_as": None, "names": [], "birth_dates": [], "births": None} | asked.listed
    return HitAnswer(
        **_line(asked.hit),
        person=Searched(names=list(asked.person.names), birth_date=asked.person.birth_date),
        listed=Listed(**listed),
        rulings=[
            RulingLine(
                answer=one["answer"],
                decided_by=one["answered_by"],
                reason=one["reason"],
                decided_at=instant_of(one["answered_at"]),
            )
            for one in ruled
        ],
    )


@router.post("/v1/screening/hits/{hit_id}/rulings", response_model=HitLine, responses=RULINGS)
async def rule(hit_id: IdInPath, body: HitRuling, request: Request, key: Key) -> Response:
    """Say whether a person is the one listed; what waited is looked at again at once. A ruling may be corrected by
    another, and both are kept. Needs the operator's key.

    `confirmed` holds the person's payouts, those to come, too, until it is corrected: nothing is paid, and nothing
    given back. `GET /v1/payout-rulings` lists what is held so, and a ruling there ends a payout.
    """
    seal = parts_of(request).seal

    def work(unit: Unit) -> HitLine:
        found, target = hits.get(unit.connection, hit_id), HitState(body.answer)
        after = hits.answer(unit.connection, found, target, body.decided_by, body.reason, seal, unit.now)
        return HitLine(**_line(after))

    return await once(request, key, body, work)


def _line(one: Hit) -> dict[str, Any]:
    return {
        "hit_id": one.id,
        "user_id": one.user_id,
        "entry_id": one.entry_id,
        "score": one.score,
        "state": one.state,
        "opened_at": instant_of(one.opened_at),
    }
