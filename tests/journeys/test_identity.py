"""A person earns more than may be paid to somebody unknown: asked, proven, looked for in a list, cleared, and paid."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.process import BaseProcess
from typing import Any

import httpx

from features.home import Home
from serving.payouts.identity.fake import MEMORY, FakeIdentityProvider
from serving.payouts.identity.persons import Person
from serving.payouts.identity.sealing import seal_of_home
from serving.payouts.screening.sanctions import FOLDER

Make = Callable[..., dict[str, Any]]
Started = Callable[[Home], tuple[BaseProcess, str]]
PATIENCE_SECONDS = 120
"""A test that would wait longer fails; a busy machine takes a few seconds."""
LISTED = "id,schema,name,aliases,birth_date\nlu-1,Person,Zebulon Quackenbush,,1961\n"


def awaited(client: httpx.Client, path: str, **wanted: Any) -> dict[str, Any]:
    """What is there once it says what is wanted."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        found: dict[str, Any] = client.get(path).json()
        if found.items() >= wanted.items():
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.05)


def genuine(client: httpx.Client, path: str, body: dict[str, Any]) -> str:
    """The event's id, once it is approved: by the model, or by a person."""
    decided = client.post(path, json=body).json()
    if decided["decision"] != "approve":
        said = {"event_id": f"o-{decided['event_id']}", "kind": "disposition", "disposition": "genuine"}
        said |= {"caused_by": "person", "subject_event_id": decided["event_id"], "occurred_at": body["occurred_at"]}
        assert client.post("/v1/outcomes", json=said).status_code == 200
    return str(decided["event_id"])


def withdrawn(client: httpx.Client, event: Make) -> tuple[str, str]:
    """310 EUR are earned and asked for, where a proof is needed above 300; who, and the payout."""
    for _ in range(2):
        euros = {"revenue_micros": 400_000_000, "reward_micros": 160_000_000, "currency": "EUR"}
        genuine(client, "/v1/score/event", event(**euros))
    body = event(kind="withdrawal_requested", payout_destination="ab" * 32, amount_micros=310_000_000, currency="EUR")
    for name in ("revenue_micros", "reward_micros", "campaign_id", "partner_id"):
        del body[name]
    return body["user_id"], genuine(client, "/v1/score/withdrawal", body)


def test_who_proves_who_they_are_is_paid_without_asking_again_whatever_dies_meanwhile(
    home: Home, event: Make, started: Started
) -> None:
    (home.root / FOLDER).mkdir()
    (home.root / FOLDER / "lists.csv").write_text(LISTED)
    process, address = started(home)
    with httpx.Client(base_url=address, timeout=60) as client:
        user, payout = withdrawn(client, event)
        path = f"/v1/people/{user}/identity"
        awaited(client, f"/v1/payouts/{payout}", waits_for="identity_needed")
        told = awaited(client, f"{path}?currency=EUR", state="required", turn="person")
        assert told["left_micros"] == 0, "what is asked for counts"
        with ThreadPoolExecutor(6) as pool:
            begun = list(
                pool.map(lambda at: client.post(path, headers={"Idempotency-Key": f"k-{at}"}).json(), range(6))
            )
        assert len({one["address"] for one in begun}) == 1
    process.kill()
    process.join()
    documents = FakeIdentityProvider(home.root / MEMORY, seal_of_home(home))
    (key,) = set(documents.starts())
    documents.prove(key, Person(("Zebulon Quackenbush",), "1961-03-14"))
    process, address = started(home)
    with httpx.Client(base_url=address, timeout=60) as client:
        headers, body = documents.notify(key, "n-1")
        notice = client.post("/v1/identity/webhooks/fake-documents", content=body, headers=headers)
        assert notice.json() == {"effect": "applied"}
        awaited(client, f"/v1/payouts/{payout}", waits_for="possible_hit")
    process.kill()
    process.join()
    process, address = started(home)
    with httpx.Client(base_url=address, timeout=60) as client:
        awaited(client, path, state="verified", turn="reviewer")
        (hit,) = client.get("/v1/screening/hits").json()
        ruling = {"answer": "cleared", "decided_by": "rita", "reason": "another birthday"}
        rulings = f"/v1/screening/hits/{hit['hit_id']}/rulings"
        assert client.post(rulings, json=ruling, headers={"Idempotency-Key": "r"}).json()["state"] == "cleared"
        awaited(client, f"/v1/payouts/{payout}", state="settled", waits_for=None)
        told = client.get("/v1/changes").json()["changes"]
    process.terminate()
    process.join()
    assert [one["data"]["reason"] for one in told if one["type"] == "kyc.required"] == ["amount_reached"]
    waits = [one["data"]["waits_for"] for one in told if one["type"] == "payout.updated" and one["data"]["waits_for"]]
    assert waits[0] == "identity_needed"
    assert waits[-1] == "possible_hit"
    written = b"".join(file.read_bytes() for file in home.root.glob("*.db*"))
    assert b"Quackenbush" not in written
