"""No character breaks a route: what cannot be kept, or says nothing, is refused by the name of its field."""

from typing import Any

import pytest

from features.events import instant_of

ODD = ["\x1c", "a\x00b", "\x1f \x1d", "\x7f", "\u2028", " "]
"""Separators that only some languages take for white space, and what PostgreSQL does not keep."""


@pytest.mark.parametrize("text", ODD)
def test_no_text_in_an_address_or_a_query_breaks_a_route(shop_in_each: Any, text: str) -> None:
    asked = 0
    for path, methods in shop_in_each.client.get("/openapi.json").json()["paths"].items():
        named = methods.get("get", {}).get("parameters", [])
        place = path
        for one in named:
            place = place.replace(f"{{{one['name']}}}", "".join(f"%{byte:02x}" for byte in text.encode()))
        for query in ({}, *({one["name"]: text} for one in named if one["in"] == "query")):
            if "get" in methods:
                answer = shop_in_each.client.get(place, params=query)
                assert answer.status_code < 500, (path, query, answer.text)
                asked += 1
    assert asked > 20


@pytest.mark.parametrize("text", ["\x1c", "a\x00b", "\x1f \x1d", "\u2028"])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/payout-rulings", {"payout_id": "w", "is_paid": True, "ruled_by": "mei"}),
        ("/v1/screening/hits/h/rulings", {"answer": "cleared", "decided_by": "mei"}),
    ],
)
def test_no_reason_of_a_ruling_says_nothing(shop: Any, path: str, body: dict[str, Any], text: str) -> None:
    assert shop.post(path, body | {"reason": "looked"}, "k").status_code == 404, "all else fits"
    refused = shop.post(path, body | {"reason": text}, "k")
    assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "reason"), refused.text


@pytest.mark.parametrize("text", ODD)
@pytest.mark.parametrize(
    "said",
    [
        {"kind": "disposition", "disposition": "genuine", "caused_by": "person"},
        {"kind": "reversal", "reversal_kind": "advertiser_reversal", "reason": "quality", "caused_by": "partner"},
    ],
)
def test_no_note_of_an_outcome_breaks_the_service(shop_in_each: Any, said: dict[str, str], text: str) -> None:
    subject = shop_in_each.earn().event_id
    body = said | {"event_id": "o", "subject_event_id": subject, "note": text}
    answer = shop_in_each.post("/v1/outcomes", body | {"occurred_at": instant_of(shop_in_each.now).isoformat()})
    assert answer.status_code == 200, answer.text
    assert shop_in_each.is_sound()
