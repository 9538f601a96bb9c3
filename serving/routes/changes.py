"""What changed since a cursor: the same changes that are posted, for who would rather ask."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel, Field

from serving.database import reading
from serving.openapi import refusals
from serving.outbox.changes import LISTED_MAX, kept
from serving.outbox.changes import after as changes_after
from serving.outbox.numbering import KEPT_DAYS, NUMBERED_MAX, has_unnumbered, number
from serving.parts import Parts
from serving.problems import Problem, bad_field
from serving.records import Unit
from serving.routes.asking import After, parts_of

router = APIRouter(tags=["changes"])


class ChangeAnswer(BaseModel):
    """One effect. It is delivered at least once: what came before has the same `id`."""

    id: str
    type: str = Field(
        description="decision.updated | reward.matured | reward.reversed | reward.frozen | reward.thawed | "
        "payout.updated | case.closed | kyc.required"
    )
    timestamp: AwareDatetime
    sequence: int = Field(description="counts all changes from 1, in the order of commits, without gaps")
    subject: str = Field(description="`person:` and a user's id; `event:` and an event's id where it names no user")
    subject_sequence: int = Field(description="counts the changes of the subject from 1, without gaps")
    data: dict[str, Any]


class ChangesAnswer(BaseModel):
    changes: list[ChangeAnswer]
    next: int = Field(description="send it as `after`, now or when you next ask")
    has_more: bool = Field(description="whether more is there already")


@router.get("/v1/changes", responses=refusals(401, 410, 422, 500, 503))
def changes(
    request: Request, after: After = 0, limit: Annotated[int, Query(ge=1, le=LISTED_MAX)] = 100
) -> ChangesAnswer:
    """Changes after a cursor, in the order of commits: what was committed before you ask is there, and no cursor skips
    a change that is committed later. They are kept for 35 days.
    """
    parts = parts_of(request)
    _number(parts)
    with reading(parts.engine) as connection:
        last, pruned = kept(connection)
        if after < pruned:
            raise _gone(pruned)
        if after > last:
            raise bad_field("after", f"is no change yet: the newest is {last}; send `next` of the page before")
        found = changes_after(connection, after, limit)
    end = found[-1].sequence if found else after
    return ChangesAnswer(
        changes=[ChangeAnswer.model_validate(one.body) for one in found], next=end, has_more=end < last
    )


def _number(parts: Parts) -> None:
    """Number what is committed and has no number yet, so that whoever was answered finds the change here."""
    with reading(parts.engine) as connection:
        is_new = has_unnumbered(connection)
    is_awaited = parts.receiver is not None

    def work(unit: Unit) -> int:
        return number(unit.connection, unit.now, is_awaited=is_awaited)

    while is_new:
        is_new = parts.writer.do_now(work) == NUMBERED_MAX


def _gone(pruned: int) -> Problem:
    return Problem(
        HTTPStatus.GONE,
        "changes-gone",
        f"Changes are kept for {KEPT_DAYS} days, and those to {pruned} are not any more. Read decisions, payouts and "
        f"wallets anew, then go on with after={pruned}.",
    )
