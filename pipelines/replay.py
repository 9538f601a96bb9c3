"""Sends the events that were held back to a running service, in their order of arrival, and counts the answers."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import httpx

from features.events import Kind
from features.home import Home
from features.log import Log, body_of, is_outcome
from pipelines.console import UserError

TIMEOUT_SECONDS = 30.0


def held_back(home: Home, *, outcomes: bool = False) -> Iterator[tuple[str, dict[str, Any]]]:
    """`(path, body)` of every event that was held back, and of the outcomes that arrived among them if asked for."""
    for row in Log(home.held_back).rows():
        if is_outcome(row):
            if outcomes:
                yield "/v1/outcomes", body_of(row)
        elif row["kind"] == Kind.WITHDRAWAL_REQUESTED:
            yield "/v1/score/withdrawal", body_of(row)
        else:
            yield "/v1/score/event", body_of(row)


def replay(
    home: Home, address: str, last: int | None, advance: Callable[[int], object], *, outcomes: bool = False
) -> Counter[str]:
    """Send at most `last` records (all when None). Answers are counted by decision; a refusal ends it."""
    if not Log(home.held_back).files():
        raise UserError(f"{home.root} holds nothing back: name a data folder with --data, or its home by ASSAY_HOME")
    answers: Counter[str] = Counter()
    with httpx.Client(base_url=address, timeout=TIMEOUT_SECONDS) as client:
        for sent, (path, body) in enumerate(held_back(home, outcomes=outcomes)):
            if last is not None and sent >= last:
                break
            answers[_answer(client, path, body)] += 1
            advance(1)
    return answers


def _answer(client: httpx.Client, path: str, body: dict[str, Any]) -> str:
    try:
        answer = client.post(path, json=body)
    except httpx.ConnectError:
        raise UserError(f"nothing answers at {client.base_url}: start it with `assay up` or `assay serve`") from None
    if answer.is_error:
        problem = answer.json()
        why = "; ".join(f"{error['field']} {error['message']}" for error in problem["errors"]) or problem["detail"]
        raise UserError(f"{body['event_id']}: {path} answered {answer.status_code}: {why}")
    decision: str = answer.json().get("decision", "outcome recorded")
    return decision
