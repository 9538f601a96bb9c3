"""Instants over HTTP are written one way: RFC 3339, in UTC."""

import re
from datetime import UTC, datetime
from typing import Any

from serving.cases import open_case
from serving.records import Unit

NAMES_INSTANT = re.compile(r"(_at|(accept|complete)_by|until|since|timestamp)$")


def test_every_field_that_names_an_instant_is_written_as_one(shop: Any) -> None:
    schemas = shop.client.get("/openapi.json").json()["components"]["schemas"]
    fields = {
        (schema, name): {one.get("format") or one.get("type") for one in body.get("anyOf", [body])}
        for schema, told in schemas.items()
        for name, body in told.get("properties", {}).items()
        if NAMES_INSTANT.search(name)
    }
    assert {"ExposureLine", "CaseAnswer", "ChangeAnswer"} <= {schema for schema, _ in fields}
    assert {place: kinds for place, kinds in fields.items() if not kinds <= {"date-time", "null"}} == {}


def test_a_case_says_when_it_was_opened(shop: Any) -> None:
    decision = {"decision_id": "d", "event_id": "e", "user_id": "ann", "action": "review"}

    def flag(unit: Unit) -> datetime:
        open_case(unit, decision)
        return datetime.fromtimestamp(unit.now / 1e6, UTC)

    opened_at = shop.parts.writer.do_now(flag)
    (case,) = shop.client.get("/v1/cases").json()
    assert case["opened_at"].endswith("Z")
    assert (datetime.fromisoformat(case["opened_at"]), case["closed_at"]) == (opened_at, None)
