"""What the platform sees: decisions, retries, batches, refusals."""

from collections.abc import Callable
from typing import Any

import httpx
import pytest

Make = Callable[..., dict[str, Any]]
ROUTES = [
    "/v1/score/event",
    "/v1/score/events",
    "/v1/score/withdrawal",
    "/v1/price/offers",
    "/v1/outcomes",
    "/v1/ledger/campaigns/c/deposits",
]


def wallet(client: httpx.Client, user: str) -> dict[str, int]:
    answer: dict[str, int] = client.get(f"/v1/ledger/wallets/{user}").json()
    return answer


def test_an_event_is_decided_with_everything_that_the_answer_promises(client: httpx.Client, event: Make) -> None:
    body = event()
    answer = client.post("/v1/score/event", json=body).json()
    assert answer["event_id"] == body["event_id"]
    assert answer["decision"] in {"approve", "hold", "review", "decline"}
    assert 0 <= answer["score"] <= 1
    assert (answer["reward_micros"], answer["currency"], answer["revision"]) == (1_000_000, "CNY", 1)
    assert set(answer["versions"]) == {"model", "policy", "features"}
    assert answer["degraded"] == []
    assert client.get(f"/v1/decisions/{answer['decision_id']}").json() == answer


def test_the_same_event_again_gets_the_same_answer_and_moves_no_money_twice(client: httpx.Client, event: Make) -> None:
    body = event()
    first = client.post("/v1/score/event", json=body)
    paid = wallet(client, body["user_id"])
    again = client.post("/v1/score/event", json=dict(reversed(body.items())))
    assert again.json() == first.json()
    assert wallet(client, body["user_id"]) == paid


def test_the_same_id_with_another_body_is_a_conflict(client: httpx.Client, event: Make) -> None:
    body = event()
    client.post("/v1/score/event", json=body)
    answer = client.post("/v1/score/event", json=body | {"reward_micros": 1})
    assert answer.status_code == 409
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["field"] == "event_id"
    assert answer.json()["retry"] is False


def test_a_batch_is_answered_in_its_own_order(client: httpx.Client, event: Make) -> None:
    bodies = [event() for _ in range(40)]
    answers = client.post("/v1/score/events", json=[*bodies, bodies[0]]).json()
    assert [answer["event_id"] for answer in answers] == [body["event_id"] for body in [*bodies, bodies[0]]]
    assert answers[0] == answers[-1]


def test_a_batch_with_a_conflict_scores_nothing(client: httpx.Client, event: Make) -> None:
    fresh, known = event(user_id="batch-conflict"), event()
    client.post("/v1/score/event", json=known)
    answer = client.post("/v1/score/events", json=[fresh, known | {"reward_micros": 1}])
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (409, "[1].event_id")
    assert (
        wallet(client, "batch-conflict")["pending_micros"] == wallet(client, "batch-conflict")["available_micros"] == 0
    )


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    "body", [b"", b"{", b"null", b'{"kind": "ad_viewed"}', b"[]", b'[{"event_id": 5}]', b"\xff\xfe"]
)
def test_a_bad_body_is_a_422_that_names_its_fields(client: httpx.Client, route: str, body: bytes) -> None:
    answer = client.post(route, content=body)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert problem["retry"] is False
    assert problem["errors"]
    assert all(set(error) == {"field", "message"} for error in problem["errors"])


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"occurred_at": "2001-01-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": "2099-01-01T00:00:00Z"}, "occurred_at"),
        ({"occurred_at": 1_700_000_000}, "occurred_at"),
        ({"occurred_at": "2026-03-01T09:30:00"}, "occurred_at"),
        ({"currency": "XXX"}, "currency"),
        ({"currency": None}, "currency"),
        ({"reward_micros": 1.5}, "reward_micros"),
        ({"reward_micros": -1}, "reward_micros"),
        ({"reward_micros": 2**53}, "reward_micros"),
        ({"user_id": 17}, "user_id"),
        ({"user_id": "u" * 129}, "user_id"),
        ({"user_id": "a\u0000b"}, "user_id"),
        ({"user_id": None}, "user_id"),
        ({"ip": {"address": "300.1.1.1"}}, "ip.address"),
        ({"devices": [{"id": "x", "kind": "toaster"}]}, "devices.0.kind"),
        ({"payout_destination": "6217000012345678"}, "payout_destination"),
        ({"extensions": {"k" * 5: "v" * 2000}}, "extensions.kkkkk"),
        ({"surprise": 1}, "surprise"),
        ({"kind": "withdrawal_requested"}, "payout_destination"),
        ({"offer_id": "o_forged"}, "offer_id"),
    ],
)
def test_a_bad_field_is_named(client: httpx.Client, event: Make, change: dict[str, Any], field: str) -> None:
    answer = client.post("/v1/score/event", json=event(**change))
    assert answer.status_code == 422, answer.text
    assert any(error["field"].startswith(field) for error in answer.json()["errors"]), answer.text


def test_not_a_number_is_refused(client: httpx.Client, event: Make) -> None:
    text = httpx.Request("POST", "http://x", json=event()).content.replace(b"31000", b"NaN")
    answer = client.post("/v1/score/event", content=text)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "interaction.duration_ms")


def test_an_oversized_body_is_refused_before_it_is_read(client: httpx.Client) -> None:
    for route in ("/v1/score/event", "/v1/score/events", "/v1/outcomes"):
        answer = client.post(route, content=b" " * 9_000_000)
        assert (answer.status_code, answer.json()["type"]) == (413, "body-too-large")


def test_a_newer_client_may_say_more_in_extensions(client: httpx.Client, event: Make) -> None:
    answer = client.post("/v1/score/event", json=event(extensions={"fold_angle": 92.5, "beta": True}))
    assert answer.status_code == 200


def test_what_does_not_exist_is_a_problem_too(client: httpx.Client) -> None:
    for method, path, status in [
        ("GET", "/v1/nothing", 404),
        ("GET", "/v1/score/event", 405),
        ("GET", "/v1/decisions/d", 404),
    ]:
        answer = client.request(method, path)
        assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_one_document_describes_every_route_with_every_status(client: httpx.Client) -> None:
    document = client.get("/openapi.json").json()
    for route in ROUTES[:-1]:
        assert {"200", "401", "409", "413", "422", "500", "503"} <= set(
            document["paths"][route]["post"]["responses"]
        ), route
    assert {"/livez", "/readyz", "/metrics", "/v1/decisions/{decision_id}"} <= set(document["paths"])
    assert set(document["paths"]["/v1/campaigns/{campaign_id}"]) == {"get", "put"}
    references = [value for value in _strings(document) if value.startswith("#/components/schemas/")]
    assert references
    assert all(value.rsplit("/", 1)[1] in document["components"]["schemas"] for value in references)


def _strings(node: Any) -> list[str]:
    if isinstance(node, dict):
        return [text for key, value in node.items() for text in ([value] if key == "$ref" else _strings(value))]
    return [text for value in node for text in _strings(value)] if isinstance(node, list) else []


def test_the_pages_of_the_service_load_nothing_from_elsewhere(client: httpx.Client) -> None:
    for path in ("/docs", "/"):
        page = client.get(path, follow_redirects=True).text
        assert "http://" not in page.replace(str(client.base_url), "")
        assert "https://" not in page


def test_decisions_are_counted_for_prometheus(client: httpx.Client, event: Make) -> None:
    client.post("/v1/score/event", json=event())
    assert 'assay_decisions_total{action="approve",flow="event"}' in client.get("/metrics").text


def test_a_batch_with_an_event_of_last_week_scores_nothing_and_names_it(client: httpx.Client, event: Make) -> None:
    bodies = [event(user_id="batch-late"), event(occurred_at="2026-01-01T00:00:00Z")]
    answer = client.post("/v1/score/events", json=bodies)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "[1].occurred_at")
    assert wallet(client, "batch-late")["available_micros"] == 0


def test_a_hundred_thousand_bad_items_cost_no_more_than_one(client: httpx.Client) -> None:
    answer = client.post("/v1/score/events", content=b"[" + b"{}," * 100_000 + b"{}]")
    assert answer.status_code == 422
    assert len(answer.content) < 2000


def test_a_body_that_grows_as_it_comes_is_refused(client: httpx.Client) -> None:
    answer = client.post("/v1/outcomes", content=(b" " * 65_536 for _ in range(10)))
    assert (answer.status_code, answer.json()["type"]) == (413, "body-too-large")


def test_figures_for_prometheus_name_nobody(client: httpx.Client, event: Make) -> None:
    client.get("/v1/ledger/wallets/somebody-in-particular")
    figures = client.get("/metrics").text
    assert 'assay_request_seconds_count{route="/v1/ledger/"}' in figures
    assert "somebody-in-particular" not in figures


def test_a_person_whose_id_has_a_slash_has_a_wallet(client: httpx.Client) -> None:
    assert client.get("/v1/ledger/wallets/a%2Fb").json()["user_id"] == "a/b"
