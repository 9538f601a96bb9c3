"""What a client reads of a body that does not fit: the field and what would be right, and no value of anybody."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from features.events import Event
from serving.contract import Campaign, OfferRequest
from serving.problems import bad_body

EVENT = {"event_id": "e", "kind": "login", "occurred_at": "2026-03-01T09:30:00Z", "user_id": "ann"}
CAMPAIGN = {"currency": "CNY", "starts_at": "2026-03-01T09:30:00Z", "ends_at": "2026-03-02T09:30:00Z"}
ASKED = {"request_id": "r", "user_id": "ann", "occurred_at": "2026-03-01T09:30:00Z", "candidates": []}


@pytest.mark.parametrize(
    ("model", "body", "field", "message"),
    [
        (Event, {"event_id": "e"}, "kind", "is required"),
        (Event, EVENT | {"colour": "red"}, "colour", "is no field here: leave it out, or correct its name"),
        (Event, EVENT | {"user_id": 7}, "user_id", "must be a text"),
        (Event, EVENT | {"user_id": ""}, "user_id", "must not be empty"),
        (Event, EVENT | {"user_id": "x" * 129}, "user_id", "must have 128 characters or fewer"),
        (Event, EVENT | {"user_id": "a\nb"}, "user_id", "must have no characters that do not print"),
        (Event, EVENT | {"payout_destination": "x@y.org"}, "payout_destination", "must be a digest: 32 to 128"),
        (Event, EVENT | {"devices": {}}, "devices", "must be a list"),
        (Event, EVENT | {"ip": "10.0.0.1"}, "ip", "must be an object"),
        (Event, EVENT | {"currency": "XYZ"}, "currency", "must be an ISO 4217 currency, e.g. CNY or USD"),
        (Campaign, CAMPAIGN | {"floor_micros": "5"}, "floor_micros", "must be a whole number, without quotes"),
        (Campaign, CAMPAIGN | {"floor_micros": -5}, "floor_micros", "must be 0 or more"),
        (Campaign, CAMPAIGN | {"floor_micros": 2**60}, "floor_micros", "must be "),
        (Campaign, CAMPAIGN | {"quality": 2}, "quality", "must be 1.0 or less"),
        (Campaign, CAMPAIGN | {"quality": 0}, "quality", "must be above 0"),
        (OfferRequest, ASKED, "candidates", "must not be empty"),
    ],
)
def test_a_field_is_told_what_would_be_right(model: Any, body: dict[str, Any], field: str, message: str) -> None:
    errors = wrong(model, json.dumps(body))
    told = {one.field: one.message for one in errors}
    assert told[field].startswith(message), told
    assert "should" not in told[field]


def test_the_words_that_a_field_takes_are_listed() -> None:
    (error,) = wrong(Event, json.dumps(EVENT | {"kind": "nap"}))
    assert error.message.startswith("must be 'sign_up', 'login', ")


def test_what_is_no_json_is_told_where_it_ends_to_be() -> None:
    (error,) = wrong(Event, "{")
    assert error.message.startswith("is no JSON: EOF while parsing an object at line 1")


def wrong(model: Any, body: str) -> Any:
    with pytest.raises(ValidationError) as failed:
        model.model_validate_json(body)
    return bad_body(failed.value).body.errors
