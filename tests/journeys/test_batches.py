"""Batches with offers: every event is taken, or none is and the answer says which one to mend."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Make = Callable[..., dict[str, Any]]


def wallet(client: httpx.Client, user: str) -> dict[str, int]:
    answer: dict[str, int] = client.get(f"/v1/ledger/wallets/{user}").json()
    return answer


def offered(client: httpx.Client, event: Make) -> dict[str, Any]:
    """A completion of an offer to the person of `event`, for the reward that was offered."""
    body = event(kind="task_completed", task_id="t-batch")
    candidate = {"task_id": "t-batch", "campaign_id": body["campaign_id"], "value_micros": 2_000_000, "currency": "CNY"}
    request = {"request_id": f"r-{body['event_id']}", "user_id": body["user_id"], "occurred_at": body["occurred_at"]}
    (offer,) = client.post("/v1/price/offers", json=request | {"candidates": [candidate]}).json()["offers"]
    return body | {"offer_id": offer["offer_id"], "reward_micros": offer["reward_micros"]}


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"offer_id": "o_forged"}, 422, "offer_id"),
        ({"user_id": "thief"}, 422, "offer_id"),
        ({"reward_micros": 1}, 422, "reward_micros"),
        ({}, 409, "offer_id"),
    ],
    ids=["forged", "foreign", "wrong reward", "done twice"],
)
def test_a_batch_with_a_misfit_scores_nothing(
    client: httpx.Client, event: Make, change: dict[str, Any], status: int, field: str
) -> None:
    done = offered(client, event)
    plain, claim = event(), done | {"event_id": f"claim-{done['event_id']}"} | change
    before = wallet(client, done["user_id"])
    refused = client.post("/v1/score/events", json=[plain, done, claim])
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (status, f"[2].{field}"), refused.text
    assert wallet(client, done["user_id"]) == before
    answers = client.post("/v1/score/events", json=[plain, done]).json()
    assert [answer["reward_micros"] for answer in answers] == [1_000_000, done["reward_micros"]]


def test_a_batch_may_start_an_offer_and_complete_it_and_be_sent_again(client: httpx.Client, event: Make) -> None:
    done = offered(client, event)
    started = {name: done[name] for name in ("user_id", "campaign_id", "offer_id", "occurred_at", "task_id")}
    started |= {"event_id": f"start-{done['event_id']}", "kind": "task_started"}
    first = client.post("/v1/score/events", json=[started, done, done])
    assert [answer["reward_micros"] for answer in first.json()] == [0, done["reward_micros"], done["reward_micros"]]
    assert client.post("/v1/score/events", json=[started, done, done]).json() == first.json()
