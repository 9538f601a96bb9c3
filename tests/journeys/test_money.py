"""Whole stories about money: earned, priced, withdrawn, taken back, and judged by a person."""

import time
from collections.abc import Callable
from typing import Any

import httpx

Make = Callable[..., dict[str, Any]]
DESTINATION = "ab" * 32


def approved(client: httpx.Client, body: dict[str, Any]) -> dict[str, Any]:
    answer: dict[str, Any] = client.post("/v1/score/event", json=body).json()
    assert answer["decision"] == "approve", answer
    return answer


def wallet(client: httpx.Client, user: str) -> dict[str, int]:
    answer: dict[str, int] = client.get(f"/v1/ledger/wallets/{user}").json()
    return answer


def withdraw(client: httpx.Client, event: Make, **fields: Any) -> dict[str, Any]:
    body = event(kind="withdrawal_requested", payout_destination=DESTINATION, amount_micros=700_000, **fields)
    for name in ("revenue_micros", "reward_micros", "campaign_id", "partner_id"):
        del body[name]
    answer = client.post("/v1/score/withdrawal", json=body)
    assert answer.status_code == 200, answer.text
    assert client.post("/v1/score/withdrawal", json=body).json() == answer.json()
    return dict(answer.json())


def outcome(event: Make, subject: str, **fields: Any) -> dict[str, Any]:
    made = event()
    return {
        "event_id": f"o-{made['event_id']}",
        "subject_event_id": subject,
        "occurred_at": made["occurred_at"],
    } | fields


def books_balance(client: httpx.Client) -> None:
    lines = client.get("/v1/ledger/trial-balance").json()
    assert sum(line["debit_micros"] - line["credit_micros"] for line in lines) == 0


def test_a_person_earns_and_withdraws(client: httpx.Client, event: Make) -> None:
    body = event()
    approved(client, body)
    assert wallet(client, body["user_id"])["withdrawable_micros"] == 1_000_000
    decision = withdraw(client, event)
    assert decision["decision"] == "approve", decision
    after = wait_for(client, decision["event_id"], "settled")
    assert (after["amount_micros"], after["attempts"]) == (700_000, 1)
    assert wallet(client, body["user_id"])["available_micros"] == 300_000
    books_balance(client)


def wait_for(client: httpx.Client, payout: str, state: str) -> dict[str, Any]:
    deadline = time.monotonic() + 120
    while True:
        found: dict[str, Any] = client.get(f"/v1/payouts/{payout}").json()
        if found["state"] == state:
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.1)


def test_nobody_withdraws_more_than_they_have(client: httpx.Client, event: Make) -> None:
    decision = withdraw(client, event)
    assert (decision["decision"], decision["reason_codes"]) == ("decline", ["insufficient_available"])
    assert client.get(f"/v1/payouts/{decision['event_id']}").status_code == 404


def test_a_withdrawal_does_not_pass_as_an_event(client: httpx.Client, event: Make) -> None:
    body = event(kind="withdrawal_requested", payout_destination=DESTINATION, amount_micros=700_000)
    answer = client.post("/v1/score/event", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "kind")


def test_an_offer_is_paid_as_offered_and_once(client: httpx.Client, event: Make) -> None:
    user = event()["user_id"]
    candidate = {"task_id": "t-1", "campaign_id": "c-tea", "value_micros": 2_000_000, "currency": "CNY"}
    worthless = candidate | {"task_id": "t-2", "value_micros": 5}
    request = {"request_id": "offers-1", "user_id": user, "occurred_at": event()["occurred_at"]}
    request |= {"candidates": [candidate, worthless]}
    answer = client.post("/v1/price/offers", json=request).json()
    assert client.post("/v1/price/offers", json=request).json() == answer
    assert client.post("/v1/price/offers", json=request | {"user_id": "other"}).status_code == 409
    assert [refused["task_id"] for refused in answer["refused"]] == ["t-2"]
    (offer,) = answer["offers"]
    assert offer["reward_micros"] <= 2_000_000 * 0.7
    done = event(kind="task_completed", task_id="t-1", offer_id=offer["offer_id"])
    del done["reward_micros"]
    assert client.post("/v1/score/event", json=done | {"user_id": "thief"}).status_code == 422
    decision = client.post("/v1/score/event", json=done).json()
    assert decision["reward_micros"] == offer["reward_micros"]
    again = client.post("/v1/score/event", json=done | {"event_id": "second-claim"})
    assert (again.status_code, again.json()["errors"][0]["field"]) == (409, "offer_id")


def test_a_campaign_is_ordered_offered_started_and_spent(client: httpx.Client, event: Make) -> None:
    assert client.get("/v1/campaigns/c-game").status_code == 404
    window = {"starts_at": "2026-01-01T00:00:00Z", "ends_at": "2099-01-01T00:00:00Z"}
    order = window | {"currency": "CNY", "task_kind": "game", "reward_budget_micros": 9_000_000}
    for _ in range(2):
        assert client.put("/v1/campaigns/c-game", json=order).json()["reward_left_micros"] == 9_000_000
    assert client.put("/v1/campaigns/c-game", json=order | {"currency": "USD"}).status_code == 422
    deposit = {"deposit_id": "d-game", "amount_micros": 7_000_000, "currency": "CNY"}
    client.post("/v1/ledger/campaigns/c-game/deposits", json=deposit)
    goals = [{"goal_id": "install", "value_micros": 1_000_000}, {"goal_id": "level 9", "value_micros": 5_000_000}]
    candidate = {"task_id": "t-game", "campaign_id": "c-game", "currency": "CNY", "goals": goals}
    candidate |= {"targeting": {"countries": ["CN"]}}
    user = event()["user_id"]
    asked = {"request_id": "game", "user_id": user, "occurred_at": event()["occurred_at"], "candidates": [candidate]}
    refused = client.post("/v1/price/offers", json=asked | {"request_id": "nowhere"}).json()["refused"]
    assert "person.country" in refused[0]["reason"]
    (offer,) = client.post("/v1/price/offers", json=asked | {"person": {"country": "CN"}}).json()["offers"]
    told = {"offer_id": offer["offer_id"], "task_id": "t-game", "campaign_id": "c-game"}
    start = event(kind="task_started", **told)
    for name in ("revenue_micros", "reward_micros"):
        del start[name]
    assert client.post("/v1/score/event", json=start).json()["reward_micros"] == 0
    left = client.get("/v1/campaigns/c-game").json()
    assert (left["value_left_micros"], left["value_reserved_micros"]) == (1_000_000, 6_000_000)
    assert left["reward_reserved_micros"] == offer["reward_micros"]
    spent = client.post("/v1/price/offers", json=asked | {"request_id": "again", "person": {"country": "CN"}}).json()
    assert "spent or reserved" in spent["refused"][0]["reason"]
    done = start | {"event_id": "game-done", "kind": "goal_reached", "goal_id": "level 9"}
    paid = client.post("/v1/score/event", json=done).json()
    assert paid["reward_micros"] == offer["goals"][1]["reward_micros"]
    left = client.get("/v1/campaigns/c-game").json()
    assert (left["value_left_micros"], left["value_reserved_micros"]) == (1_000_000, 1_000_000)
    books_balance(client)


def test_a_reversal_takes_back_once_however_often_it_arrives(client: httpx.Client, event: Make) -> None:
    body = event(kind="goal_reached")
    approved(client, body)
    assert wallet(client, body["user_id"])["pending_micros"] == 1_000_000
    fields = {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "quality"}
    part = outcome(event, body["event_id"], **fields, amount_micros=400_000, currency="CNY")
    answers = [client.post("/v1/outcomes", json=part).json() for _ in range(3)]
    assert answers[0]["reversed_micros"] == 400_000
    assert answers[0] == answers[1] == answers[2]
    assert wallet(client, body["user_id"])["pending_micros"] == 600_000
    assert client.post("/v1/outcomes", json=part | {"reason": "fraud"}).status_code == 409
    rest = client.post("/v1/outcomes", json=outcome(event, body["event_id"], **fields)).json()
    assert rest["reversed_micros"] == 600_000
    books_balance(client)


def test_a_promise_beyond_the_margin_waits_for_a_person_who_settles_it(client: httpx.Client, event: Make) -> None:
    body = event(reward_micros=1_900_000)
    decision = client.post("/v1/score/event", json=body).json()
    assert (decision["decision"], decision["reason_codes"], decision["final"]) == ("review", ["margin_ceiling"], False)
    assert wallet(client, body["user_id"])["withdrawable_micros"] == 0
    cases = client.get("/v1/cases").json()
    assert decision["decision_id"] in [case["decision_id"] for case in cases]
    answer = outcome(event, body["event_id"], kind="disposition", disposition="genuine", caused_by="person")
    assert client.post("/v1/outcomes", json=answer).json()["decision_revised"] is True
    revised = client.get(f"/v1/decisions/{decision['decision_id']}").json()
    assert (revised["decision"], revised["revision"], revised["final"]) == ("approve", 2, True)
    assert wallet(client, body["user_id"])["withdrawable_micros"] == 1_900_000
    assert decision["decision_id"] not in [case["decision_id"] for case in client.get("/v1/cases").json()]
    books_balance(client)


def test_a_prepaid_budget_stops_when_it_is_empty(client: httpx.Client, event: Make) -> None:
    deposit = {"deposit_id": "d-1", "amount_micros": 5_000_000, "currency": "CNY"}
    for _ in range(2):
        assert client.post("/v1/ledger/campaigns/c-paid/deposits", json=deposit).status_code == 200
    assert client.post("/v1/ledger/campaigns/c-paid/deposits", json=deposit | {"amount_micros": 1}).status_code == 409
    decisions = [client.post("/v1/score/event", json=event(campaign_id="c-paid")).json() for _ in range(3)]
    assert [decision["decision"] for decision in decisions] == ["approve", "approve", "review"]
    assert decisions[2]["reason_codes"][0] == "budget_exhausted"
    books_balance(client)


def answer_case(client: httpx.Client, event: Make, subject: str, disposition: str) -> httpx.Response:
    fields = {"kind": "disposition", "disposition": disposition, "caused_by": "person"}
    return client.post("/v1/outcomes", json=outcome(event, subject, **fields))


def test_an_answer_that_no_budget_can_follow_is_refused_until_it_can(client: httpx.Client, event: Make) -> None:
    deposit = {"deposit_id": "small", "amount_micros": 1, "currency": "CNY"}
    client.post("/v1/ledger/campaigns/c-empty/deposits", json=deposit)
    body = event(campaign_id="c-empty")
    decision = client.post("/v1/score/event", json=body).json()
    assert decision["reason_codes"][0] == "budget_exhausted"
    refused = answer_case(client, event, body["event_id"], "genuine")
    assert (refused.status_code, refused.json()["type"], refused.json()["retry"]) == (409, "cannot-follow", True)
    assert client.get(f"/v1/decisions/{decision['decision_id']}").json()["revision"] == 1
    more = deposit | {"deposit_id": "enough", "amount_micros": 2_000_000}
    client.post("/v1/ledger/campaigns/c-empty/deposits", json=more)
    assert answer_case(client, event, body["event_id"], "genuine").json()["decision_revised"] is True
    assert wallet(client, body["user_id"])["withdrawable_micros"] == 1_000_000


def test_no_decision_promises_money_that_was_taken_back(client: httpx.Client, event: Make) -> None:
    body = event()
    decision = approved(client, body)
    assert answer_case(client, event, body["event_id"], "fraud").json()["reversed_micros"] == 1_000_000
    assert answer_case(client, event, body["event_id"], "genuine").status_code == 409
    assert client.get(f"/v1/decisions/{decision['decision_id']}").json()["decision"] == "decline"


def test_a_withdrawal_that_was_declined_is_not_approved_by_words(client: httpx.Client, event: Make) -> None:
    decision = withdraw(client, event)
    assert answer_case(client, event, decision["event_id"], "genuine").json()["decision_revised"] is False
    assert client.get(f"/v1/decisions/{decision['decision_id']}").json() == decision


def test_a_reversal_that_comes_before_its_event_is_not_forgotten(client: httpx.Client, event: Make) -> None:
    body = event()
    fields = {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "duplicate"}
    early = client.post("/v1/outcomes", json=outcome(event, body["event_id"], **fields)).json()
    assert (early["subject_known"], early["reversed_micros"]) == (False, 0)
    approved(client, body)
    books = wallet(client, body["user_id"])
    assert books["pending_micros"] == 0
    books_balance(client)


def test_money_of_one_currency_is_never_taken_for_another(client: httpx.Client, event: Make) -> None:
    body = event()
    approved(client, body)
    fields = {"kind": "reversal", "reversal_kind": "card_chargeback", "reason": "fraud", "amount_micros": 5}
    foreign = client.post("/v1/outcomes", json=outcome(event, body["event_id"], **fields, currency="KWD"))
    assert (foreign.status_code, foreign.json()["errors"][0]["field"]) == (422, "currency")
