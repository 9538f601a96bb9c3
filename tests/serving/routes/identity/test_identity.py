"""A proof of identity over HTTP: said before it is needed, begun once, told; what waited for it goes on by itself."""

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog

from serving.payouts.identity.checks import PATIENCE_MICROS
from serving.payouts.identity.fake import Fault
from serving.payouts.identity.persons import Person
from serving.payouts.screening.lists import Entry
from serving.policy import load_policy

DAY = 86_400 * 1_000_000
LIMIT = 1_000_000
NAME, BIRTH = "Zebulon Quackenbush", "1961-03-14"
ANN = Person((NAME,), BIRTH)
PATH = "/v1/people/ann/identity"
NEWS = "/v1/identity/webhooks/fake-documents"


def test_a_payout_waits_for_a_proof_and_goes_on_without_being_asked_for_again(office_in_each: Any) -> None:
    office = office_in_each
    payout = office.ask()
    assert office.payout(payout) == ("submitted", "identity_needed")
    found = office.identity()
    assert (found["state"], found["waits_for"], found["turn"]) == ("required", "identity_needed", "person")
    begun = office.begin("k-1").json()
    assert begun["state"] == "pending"
    assert begun["address"].startswith("https://")
    office.work()
    assert office.payout(payout) == ("submitted", "identity_pending")
    assert office.identity()["turn"] == "machine"
    office.documents.prove(office.check(), ANN)
    assert office.notify().json() == {"effect": "applied"}
    office.work()
    assert office.payout(payout) == ("settled", None)
    found = office.identity()
    assert (found["state"], found["waits_for"], found["turn"], found["left_micros"]) == ("verified", None, None, None)
    assert found["verified_until"] is not None
    assert office.told() == [
        ("payout.updated", "reviewed"),
        ("payout.updated", "submitted"),
        ("kyc.required", "amount_reached"),
        ("payout.updated", "identity_needed"),
        ("payout.updated", "identity_pending"),
        ("payout.updated", "submitted"),
        ("payout.updated", "settled"),
    ]


def test_what_is_left_is_said_before_work_begins(office: Any) -> None:
    office.shop.parts.policy = load_policy()
    unknown = office.shop.client.get("/v1/people/bob/identity").json()
    assert unknown == {
        "user_id": "bob",
        "currency": "CNY",
        "state": "none",
        "waits_for": None,
        "turn": None,
        "left_micros": 2_000_000_000,
        "demanded": False,
        "checks_left": 3,
        "verified_until": None,
        "notice": None,
    }
    office.restart()
    found = office.identity()
    assert (found["state"], found["left_micros"], found["waits_for"]) == ("none", LIMIT, None)
    assert (found["notice"]["kind"], found["notice"]["left_micros"]) == ("needed", 0), "10 CNY are earned already"
    office.shop.own("cyd", 800_000)
    near = office.shop.client.get("/v1/people/cyd/identity").json()["notice"]
    assert (near["kind"], near["left_micros"]) == ("near", 200_000)
    assert "0.20 CNY more" in near["sentence"]
    nothing = office.shop.client.get(PATH, params={"currency": "KWD"}).json()
    assert (nothing["left_micros"], nothing["turn"]) == (0, "person"), "a currency without amounts"


def test_other_accounts_of_the_same_person_count(office: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    office.ask(LIMIT)
    graph = type(office.shop.parts.knowledge.engine.graph)
    monkeypatch.setattr(graph, "accounts_of", lambda _, user, __: ["ann", "bob"])
    assert office.shop.client.get("/v1/people/bob/identity").json()["left_micros"] == 0


def test_many_calls_at_once_begin_one_check(office_in_each: Any) -> None:
    async def together() -> list[httpx.Response]:
        transport = httpx.ASGITransport(office_in_each.shop.client.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            keys = [{"Idempotency-Key": f"k-{at % 3}"} for at in range(8)] + [{}] * 4
            return list(await asyncio.gather(*(client.post(PATH, headers=key) for key in keys)))

    answers = asyncio.run(together())
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["address"] for answer in answers}) == 1
    assert len(set(office_in_each.documents.starts())) == 1
    assert office_in_each.identity()["checks_left"] == 2


def test_a_key_gets_the_same_answer_and_begins_nothing_even_after_a_failure(office: Any) -> None:
    first = office.begin("k-1")
    office.documents.disprove(office.check())
    office.notify()
    assert office.identity()["state"] == "failed"
    assert office.begin("k-1").content == first.content
    assert office.identity()["checks_left"] == 2
    assert office.begin("k-2").json()["address"] != first.json()["address"]
    other = office.shop.post("/v1/people/bob/identity", key="k-1")
    assert (other.status_code, other.json()["type"]) == (409, "key-conflict")
    assert office.shop.client.get("/v1/people/bob/identity").json()["state"] == "none", "nothing was begun"


def test_a_provider_that_is_silent_is_asked_again_for_the_same_check(office_in_each: Any) -> None:
    office = office_in_each
    office.restart(Fault.LOSE_ANSWER)
    silent = office.begin("k-1")
    assert (silent.status_code, silent.json()["type"], silent.json()["retry"]) == (503, "no-answer", True)
    assert office.identity()["state"] == "pending"
    assert office.begin("k-1").json()["address"]
    assert len(set(office.documents.starts())) == 1


def test_a_check_that_nobody_came_to_lapses_and_another_can_be_begun(office: Any) -> None:
    payout = office.ask()
    office.begin()
    office.documents.lapse(office.check())
    office.shop.now += PATIENCE_MICROS
    office.work()  # nobody told: it is asked
    assert (office.identity()["state"], office.payout(payout)[1]) == ("expired", "identity_expired")
    assert office.told()[-2:] == [("payout.updated", "identity_expired"), ("kyc.required", "identity_expired")]
    assert office.begin().json()["state"] == "pending"


def test_a_proof_ends_at_its_day_and_is_asked_for_again(office: Any) -> None:
    until = office.shop.now + DAY
    office.begin()
    office.documents.prove(office.check(), ANN, until)
    office.notify()
    found = office.identity()
    assert (found["state"], found["notice"]["kind"]) == ("verified", "expires")
    office.shop.now = until
    found = office.identity()
    assert (found["state"], found["verified_until"], found["left_micros"]) == ("expired", None, LIMIT)
    payout = office.ask()
    assert office.payout(payout) == ("submitted", "identity_expired")
    office.begin()
    assert office.check() != office.documents.starts()[0]


def test_a_proof_is_found_out_without_a_notice(office_in_each: Any) -> None:
    office = office_in_each
    payout = office.ask()
    office.begin()
    office.documents.prove(office.check(), ANN)
    office.work()
    assert office.payout(payout) == ("submitted", "identity_pending"), "it was asked a moment ago"
    office.shop.now += PATIENCE_MICROS
    office.work()
    assert office.payout(payout) == ("settled", None)


def test_a_restart_at_any_point_loses_nothing(office_in_each: Any) -> None:
    office = office_in_each
    payout = office.ask()
    office.restart(Fault.LOSE_ANSWER)
    assert office.begin("k-1").status_code == 503
    office.restart()
    first = office.begin("k-1")
    office.restart()
    assert office.begin("k-1").content == first.content
    office.documents.prove(office.check(), ANN)
    office.restart()
    office.notify()
    office.restart()
    office.work()
    assert office.payout(payout) == ("settled", None)
    assert len(set(office.documents.starts())) == 1


def test_a_notice_that_is_not_signed_is_refused_and_asks_nobody(office: Any) -> None:
    office.begin()
    office.documents.prove(office.check(), ANN)
    headers, body = office.documents.notify(office.check(), "n")
    for said, told in ((headers, body + b" "), ({}, body), (headers, b"")):
        refused = office.shop.client.post(NEWS, content=told, headers=said)
        assert (refused.status_code, refused.json()["type"]) == (401, "unverified")
    assert office.identity()["state"] == "pending"
    assert office.shop.client.post("/v1/identity/webhooks/other", content=body, headers=headers).status_code == 404


def test_a_notice_needs_no_key_and_twice_or_of_something_else_does_no_harm(office_in_each: Any) -> None:
    office = office_in_each
    office.restart(key="platform")
    asked = office.shop.client.post(PATH, headers={"authorization": "Bearer platform"})
    assert asked.json()["state"] == "pending"
    office.documents.prove(office.check(), ANN)
    assert [office.notify().json()["effect"] for _ in range(3)] == ["applied"] * 3
    assert office.notify(key="another").json() == {"effect": "ignored"}
    office.documents.disprove(office.check())
    assert office.notify("n-2").json() == {"effect": "applied"}, "a forgery that was found late"
    office.documents.prove(office.check(), ANN)
    assert office.notify("n-3").json() == {"effect": "contradicted"}
    office.restart()
    assert office.identity()["state"] == "failed"


def test_news_that_cannot_be_looked_up_now_waits_for_the_next_question(office: Any) -> None:
    office.begin()
    office.documents.prove(office.check(), ANN)
    office.restart(Fault.LOSE_ANSWER)
    assert office.notify().json() == {"effect": "waiting"}
    office.shop.now += PATIENCE_MICROS
    office.work()
    assert office.identity()["state"] == "verified"


@pytest.mark.parametrize("user", ["%00", "a%7Fb", "x" * 129])
def test_a_name_that_no_database_could_keep_is_refused_by_its_field(office: Any, user: str) -> None:
    for method in ("GET", "POST"):
        refused = office.shop.client.request(method, f"/v1/people/{user}/identity")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "user_id")


def test_nothing_personal_is_readable_in_the_home_the_log_or_what_is_told(office: Any, tmp_path: Path) -> None:
    office.lists.screen.list(Entry("eu/1", (NAME,), (BIRTH,)))
    with structlog.testing.capture_logs() as lines:
        office.ask()
        address = office.begin("k-1").json()["address"]
        office.documents.prove(office.check(), ANN)
        office.notify()
        office.lists.screen.fail_next()
        for _ in range(2):
            office.work()
        (hit,) = office.shop.client.get("/v1/screening/hits").json()
        ruling = {"answer": "cleared", "decided_by": "rita", "reason": "his cousin Zebedee"}
        office.shop.post(f"/v1/screening/hits/{hit['hit_id']}/rulings", ruling, "r-1")
        office.work()
    told = office.shop.changes().text + str(lines)
    office.shop.restart()
    written = b"".join(file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()) + told.encode()
    assert b"screening_hit" in written
    for text in ("Zebulon", "Quackenbush", BIRTH, "Zebedee", address):
        assert text.encode() not in written, text


def test_without_a_provider_no_check_can_be_begun_and_the_rest_is_told(office: Any) -> None:
    office.shop.parts.identity = None
    assert office.begin().status_code == 404
    assert office.shop.client.post(NEWS, content=b"{}").status_code == 404
    assert office.identity()["left_micros"] == LIMIT
