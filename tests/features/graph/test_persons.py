"""Same person: what counts, what never counts, and what a household must never be taken for."""

from collections.abc import Callable
from typing import Any

import pytest

from features.graph import PERSON_MIN, DeviceGraph

Row = dict[str, Any]
Made = Callable[..., Row]


def confidence(*rows: Row) -> float:
    graph = DeviceGraph()
    for row in rows:
        graph.fold(row)
    assert graph.same_person("a", "b") == graph.same_person("b", "a")
    return graph.same_person("a", "b")


def turns(made: Made, device: str, **more: Any) -> list[Row]:
    return [made(10 + at, "ab"[at % 2], device, 100 + at, **more) for at in range(6)]


def own(made: Made) -> list[Row]:
    return [made(30, "a", "idfv:a", 104, attestation="strong"), made(31, "b", "idfv:b", 104, attestation="strong")]


def paid(made: Made, *destinations: str) -> list[Row]:
    return [made(40 + at, "ab"[at], day=110, payout_destination=to) for at, to in enumerate(destinations)]


def verified(made: Made, *identities: str) -> list[Row]:
    return [made(50 + at, "ab"[at], day=111, identity=name) for at, name in enumerate(identities)]


def test_one_document_is_one_person_whoever_is_paid(made: Made) -> None:
    assert confidence(*verified(made, "i", "i"), *paid(made, "d1", "d2")) == pytest.approx(0.97)


def test_a_shared_network_or_a_referral_alone_is_nothing(made: Made) -> None:
    rows = [made(at, "ab"[at % 2], network_key="n", kind="sign_up", referrer_user_id="a") for at in range(1, 9)]
    assert confidence(*rows) == 0


def test_a_shared_browser_is_nothing(made: Made) -> None:
    assert confidence(*turns(made, "web:1", attestation="strong")) == 0


def test_a_household_with_a_tablet_and_one_purse_is_not_one_person(made: Made) -> None:
    tablet = turns(made, "idfv:tablet", attestation="strong")
    assert confidence(*tablet, *own(made)) < confidence(*tablet, *own(made), *paid(made, "d", "d")) < PERSON_MIN


def test_two_accounts_on_one_phone_with_one_purse_are_one_person(made: Made) -> None:
    phone = turns(made, "idfv:1", attestation="strong")
    assert confidence(*phone) < PERSON_MIN <= confidence(*phone, *paid(made, "d", "d"))
    assert confidence(*phone, *paid(made, "d", "d"), *verified(made, "i1", "i2")) < PERSON_MIN


def test_a_phone_sold_to_a_newcomer_is_not_one_person_but_a_second_start_is(made: Made) -> None:
    after = [made(1, "a", "idfv:1", 100, attestation="strong"), made(2, "b", "idfv:1", 102, attestation="strong")]
    assert confidence(*after) < PERSON_MIN
    assert confidence(*after, *paid(made, "d1", "d2"), *verified(made, "i1", "i2")) < 0.1
    assert confidence(*after, *paid(made, "d", "d")) >= PERSON_MIN


def test_ids_that_could_be_invented_count_half(made: Made) -> None:
    assert confidence(*turns(made, "idfv:1")) == pytest.approx(
        confidence(*turns(made, "idfv:1", attestation="strong")) / 2
    )


def test_many_ids_of_one_phone_are_one_piece_of_evidence(made: Made) -> None:
    ids = [{"kind": kind, "id": "1", "provenance": "client"} for kind in ("android_id", "gaid", "install")]
    phone = turns(made, "android_id:1", attestation="strong", devices=ids)
    assert confidence(*phone) == confidence(*turns(made, "android_id:1", attestation="strong"))


def rack(made: Made, *owners: str) -> list[Row]:
    """Accounts a and b on one phone, paid to one destination, to which the owners of other phones are paid, too."""
    phone = turns(made, "idfv:1", attestation="strong")
    others = [made(60 + at, user, f"idfv:{user}", 112, attestation="strong") for at, user in enumerate(owners)]
    paid_too = [made(70 + at, user, day=113, payout_destination="d") for at, user in enumerate(owners)]
    return [*phone, *paid(made, "d", "d"), *others, *paid_too]


def between(one: str, two: str, *rows: Row) -> float:
    graph = DeviceGraph()
    for row in rows:
        graph.fold(row)
    assert two in graph.accounts_of(one) or graph.same_person(one, two) < PERSON_MIN
    return graph.same_person(one, two)


def test_a_purse_that_is_mostly_one_persons_is_that_persons(made: Made) -> None:
    couple = [made(1, "c", day=100, payout_destination="d"), made(2, "d", day=100, payout_destination="d")]
    assert between("c", "d", *couple) < PERSON_MIN
    assert between("a", "c", *rack(made, "c")) == between("c", "a", *rack(made, "c")) >= PERSON_MIN
    assert between("c", "d", *rack(made, "c", "d")) >= PERSON_MIN
    of_two = [made(90, "a", day=114, identity="i1"), made(91, "c", day=114, identity="i2")]
    assert between("a", "c", *rack(made, "c"), *of_two) < PERSON_MIN


def test_a_purse_of_many_strangers_is_no_proof_though_two_of_them_are_one(made: Made) -> None:
    assert between("a", "c", *rack(made, "c", "d", "e")) < PERSON_MIN
    assert between("a", "b", *rack(made, "c", "d", "e")) >= PERSON_MIN


def test_who_takes_turns_on_a_proven_handset_is_its_person_but_not_who_got_it_later(made: Made) -> None:
    third = [made(80, "c", "idfv:1", 104, attestation="strong")]
    back = [made(81, "a", "idfv:1", 105, attestation="strong")]
    sold = [made(80, "c", "idfv:1", 120, attestation="strong")]
    assert between("a", "c", *turns(made, "idfv:1", attestation="strong"), *third, *back) < PERSON_MIN
    assert between("a", "c", *rack(made), *third, *back) >= PERSON_MIN
    assert between("a", "c", *rack(made), *sold) < PERSON_MIN


def test_the_oldest_account_stands_for_the_person(made: Made) -> None:
    graph = DeviceGraph()
    for at, user in enumerate("cab"):
        graph.fold(made(at + 1, user, identity="i"))
    assert graph.accounts_of("b") == ["c", "a", "b"]
    assert [graph.accounts_of(user)[0] for user in "abcx"] == ["c", "c", "c", "x"]
    assert graph.accounts_of("a", 0.99) == ["a"]
    assert (graph.same_person("a", "a"), graph.same_person("a", "x")) == (1, 0)
