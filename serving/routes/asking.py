"""What the routes of all rooms share: the parts, ids in paths, and cursors of pages."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Final

from fastapi import Path, Query, Request
from pydantic import Field, TypeAdapter

from features.events import Id
from serving.parts import Parts
from serving.problems import bad_field

IdInPath = Annotated[str, Path(max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
LINES: Final = r"^[^\x00-\x08\x0b-\x1f\x7f]+$"
"""A text that may have several lines: no other characters that do not print, of which Python takes some for blanks."""
After = Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the page before; 0 for the first")]
_PLACE: Final = TypeAdapter(tuple[Annotated[int, Field(strict=True, ge=-(2**63), lt=2**63)], Id])


def parts_of(request: Request) -> Parts:
    parts: Parts = request.app.state.parts
    return parts


async def only_known_parameters(request: Request) -> None:
    """Raises Problem (422) for a parameter of the query that the route does not know: who misspells a filter would
    otherwise be answered as if none was set. What outsiders append to the address of a webhook is let be.
    """
    route = request.scope["route"]
    if not request.query_params or not route.path.startswith("/v1/") or "/webhooks/" in route.path:
        return
    known = [one.alias for one in route.dependant.query_params]
    for name in request.query_params:
        if name not in known:
            those = f"those are {', '.join(known)}" if known else "it has none"
            raise bad_field(name, f"is no parameter here: {those}")


def cursor_of(instant: int, id_: str) -> str:
    """Where a page ended, in letters that fit a query."""
    return urlsafe_b64encode(json.dumps([instant, id_]).encode()).decode().rstrip("=")


def after_cursor(cursor: str | None) -> tuple[int, str] | None:
    """The inverse. Raises Problem (422) for what is no cursor of ours."""
    if cursor is None:
        return None
    try:
        return _PLACE.validate_json(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except ValueError:  # no base64, no JSON, or no place
        message = "send `next` of the page before as it was given, or nothing for the first page"
        raise bad_field("after", message) from None
