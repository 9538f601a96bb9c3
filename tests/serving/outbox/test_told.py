"""What is said of an effect: in the words of the wire, to the right subject, and nothing that is secret."""

import json
from types import SimpleNamespace
from typing import Any

from serving.outbox.changes import message_id, subject_of
from serving.outbox.told import of_payout


def payout(**fields: Any) -> Any:
    usual = {"id": "w", "user_id": "ann", "amount_micros": 5, "fee_micros": None, "currency": "CNY", "version": 3}
    quiet = {"state": "submitted", "waits_for": None, "destination": "ab" * 32, "tax_micros": None}
    return SimpleNamespace(**usual | quiet | fields)


def test_a_move_that_changes_nothing_for_the_person_is_not_told() -> None:
    assert of_payout(payout(), payout(version=4), 1) == []


def test_a_state_and_what_a_payout_waits_for_are_told() -> None:
    (moved,) = of_payout(payout(), payout(state="settled", version=4), 1)
    assert (moved.type, moved.subject, moved.data["state"]) == ("payout.updated", "person:ann", "settled")
    (parked,) = of_payout(payout(), payout(waits_for="screening_due", version=4), 1)
    assert parked.data["waits_for"] == "screening_due"
    assert message_id(moved.type, moved.effect_id) == message_id(parked.type, parked.effect_id), "one version, one id"


def test_a_proof_that_is_needed_again_is_asked_for_once_with_its_payout() -> None:
    waits = payout(waits_for="identity_expired", version=4)
    told = of_payout(payout(), waits, 1)
    assert [one.type for one in told] == ["payout.updated", "kyc.required"]
    assert told[1].data == {"user_id": "ann", "reason": "identity_expired", "payout_id": "w"}
    assert of_payout(waits, payout(waits_for="identity_expired", version=5), 1) == []
    first = of_payout(payout(), payout(waits_for="identity_needed", version=4), 1)
    assert [one.type for one in first] == ["payout.updated"], "the identity's own move has told the person"


def test_where_the_money_goes_is_told_to_nobody() -> None:
    (moved,) = of_payout(payout(), payout(state="settled"), 1)
    assert "ab" * 32 not in json.dumps(moved.data)


def test_a_person_and_an_event_of_the_same_id_are_two_subjects() -> None:
    assert subject_of("x", "e") != subject_of(None, "x")
