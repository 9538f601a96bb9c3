"""What named people decide of proofs and of possible hits: each with who and why, and with the operator's key."""

from typing import Any

import pytest

from serving.payouts.identity.persons import Person
from serving.payouts.screening.lists import Entry

LIMIT = 1_000_000
NAME, BIRTH = "Zebulon Quackenbush", "1961-03-14"
ANN = Person((NAME,), BIRTH)
PATH = "/v1/people/ann/identity"
GRANT = {"user_id": "ann", "decided_by": "mei", "reason": "documents_seen"}


def test_failed_checks_are_bounded_until_an_operator_grants_more(office_in_each: Any) -> None:
    office = office_in_each
    payout = office.ask()
    for at in range(3):
        office.begin()
        office.documents.disprove(office.check(), "document_blurred")
        office.notify(f"n-{at}")
    spent = office.begin()
    assert (spent.status_code, spent.json()["type"]) == (409, "checks-spent")
    office.work()
    assert office.payout(payout) == ("submitted", "checks_spent")
    assert office.identity()["turn"] == "reviewer"
    granted = office.shop.post("/v1/identity/grants", GRANT, "g-1")
    assert granted.json() == {"user_id": "ann", "state": "failed", "demanded": False, "checks_left": 3}
    office.work()
    assert office.payout(payout) == ("submitted", "identity_failed")
    assert office.told()[-1] == ("kyc.required", "identity_failed")
    office.begin()
    office.documents.prove(office.check(), ANN)
    office.notify("n-9")
    office.work()
    assert office.payout(payout) == ("settled", None)


def test_nobody_who_was_never_heard_of_is_granted_anything(office: Any) -> None:
    refused = office.shop.post("/v1/identity/grants", GRANT | {"user_id": "nan"}, "g-1")
    assert (refused.status_code, refused.json()["type"]) == (404, "not-found")


def test_a_demand_needs_a_proof_of_the_smallest_amount(office_in_each: Any) -> None:
    office = office_in_each
    wanted = GRANT | {"reason": "odd_payouts"}
    answer = office.shop.post("/v1/identity/demands", wanted, "d-1")
    assert answer.json() == {"user_id": "ann", "state": "required", "demanded": True, "checks_left": 3}
    assert office.told()[-1] == ("kyc.required", "odd_payouts")
    assert (office.identity()["left_micros"], office.identity()["notice"]["left_micros"]) == (0, 0)
    assert office.payout(office.ask(LIMIT // 2)) == ("submitted", "identity_needed")


@pytest.mark.parametrize(
    ("field", "value"),
    [("reason", "Ann Lee is odd"), ("reason", ""), ("decided_by", " "), ("user_id", ""), ("more", 1)],
)
def test_a_ruling_that_says_too_little_or_something_personal_is_refused(office: Any, field: str, value: object) -> None:
    for path in ("/v1/identity/grants", "/v1/identity/demands"):
        refused = office.shop.post(path, GRANT | {field: value}, "k")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
        assert "Ann Lee" not in refused.text


def test_a_possible_hit_waits_for_a_reviewer_who_frees_it(office_in_each: Any) -> None:
    office = office_in_each
    office.lists.screen.list(Entry("eu/1", (NAME,), ("1961",)))
    payout = office.ask()
    office.begin()
    office.documents.prove(office.check(), ANN)
    office.notify()
    office.work()
    assert office.payout(payout) == ("submitted", "possible_hit")
    assert (office.identity()["state"], office.identity()["turn"]) == ("verified", "reviewer")
    (hit,) = office.shop.client.get("/v1/screening/hits").json()
    assert (hit["user_id"], hit["entry_id"], hit["state"]) == ("ann", "eu/1", "open")
    seen = office.shop.client.get(f"/v1/screening/hits/{hit['hit_id']}").json()
    assert seen["person"] == {"names": [NAME], "birth_date": BIRTH}
    assert (seen["listed"]["names"], seen["rulings"]) == ([NAME], [])
    rulings = f"/v1/screening/hits/{hit['hit_id']}/rulings"
    ruling = {"answer": "cleared", "decided_by": "rita", "reason": "another birthday"}
    ruled = office.shop.post(rulings, ruling, "r-1")
    assert ruled.json()["state"] == "cleared"
    assert office.shop.post(rulings, ruling, "r-1").content == ruled.content
    office.work()
    assert office.payout(payout) == ("settled", None)
    assert office.shop.client.get("/v1/screening/hits").json() == []
    corrected = ruling | {"answer": "confirmed", "decided_by": "omar", "reason": "the same passport"}
    assert office.shop.post(rulings, corrected, "r-2").json()["state"] == "confirmed"
    (first, second) = office.shop.client.get(f"/v1/screening/hits/{hit['hit_id']}").json()["rulings"]
    assert (first["reason"], second["decided_by"]) == ("another birthday", "omar")
    held = office.ask(LIMIT // 2)
    assert office.payout(held) == ("submitted", "confirmed_hit")
    waiting = office.shop.client.get("/v1/payout-rulings", params={"before": "2099-01-01T00:00:00Z"})
    (listed,) = waiting.json()["payouts"]
    assert (listed["payout_id"], listed["waits_for"], listed["provider_key"]) == (held, "confirmed_hit", None)
    end = {"payout_id": held, "is_paid": False, "ruled_by": "omar", "reason": "licence 7"}
    assert office.shop.post("/v1/payout-rulings", end, "r-3").json() == {"payout_id": held, "state": "refused"}
    assert office.payout(held) == ("refused", None)
    assert office.identity()["turn"] == "reviewer"


def test_a_ruling_names_who_and_why(office: Any) -> None:
    ruling = {"answer": "cleared", "decided_by": "rita", "reason": "another birthday"}
    for field, value in (("answer", "withdrawn"), ("decided_by", " "), ("reason", " "), ("reason", "x" * 2_001)):
        refused = office.shop.post("/v1/screening/hits/h/rulings", ruling | {field: value}, "r")
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field)
    torn = b'{"answer": "cleared", "decided_by": "rita", "reason": "\\ud800"}'
    rulings, key = "/v1/screening/hits/h/rulings", {"Idempotency-Key": "r"}
    assert office.shop.client.post(rulings, content=torn, headers=key).status_code == 422
    missing = office.shop.post("/v1/screening/hits/h/rulings", ruling, "r")
    assert (missing.status_code, missing.json()["type"]) == (404, "missing")
    assert office.shop.client.get("/v1/screening/hits/h").status_code == 404


def test_only_the_operators_key_opens_what_rules_on_people(office: Any) -> None:
    paths = ["/v1/identity/grants", "/v1/identity/demands", "/v1/screening/hits/h/rulings"]

    def asked(token: str) -> set[str]:
        bearer = {"authorization": f"Bearer {token}"}
        told = [office.shop.post(path, {}, "k", **bearer) for path in paths]
        told += [office.shop.client.get(f"/v1/screening/hits{more}", headers=bearer) for more in ("", "/h")]
        return {one.json()["type"] if one.status_code >= 400 else "listed" for one in told}

    office.restart(key="platform")
    assert asked("platform") == {"operator-key-required"}
    office.restart(key="platform", operator_key="operator")
    assert asked("platform") == {"operator-key-required"}
    assert asked("operator") == {"bad-body", "listed", "missing"}
    assert asked("nobody") == {"key-required"}
    own = office.shop.client.get(PATH, headers={"authorization": "Bearer platform"})
    assert own.status_code == 200
