"""Proofs over HTTP: what was answered is checked with nothing but the public key."""

from typing import Any

import pytest

from features.home import Home
from serving.ledger.proof import slip
from serving.ledger.proof.growth import check_growth
from serving.ledger.proof.heads import Head, from_pem
from serving.ledger.proof.signing import Places, Signer, key_of_home
from serving.ledger.proof.slip import Unproven


def signed(shop: Any) -> None:
    home = Home(shop.folder / "home")
    places, key = Places.of_home(home), key_of_home(home)
    shop.parts.places, shop.parts.proof_key = places, key.public_key()
    Signer(shop.engine, places, key).sign(shop.now)


def test_a_persons_entries_are_checked_without_us(shop: Any) -> None:
    shop.own(micros=250_000)
    signed(shop)
    head = shop.client.get("/v1/ledger/proofs/head").json()
    document = shop.client.get("/v1/ledger/proofs/people/ann").json()
    checked = slip.check(document, from_pem(head["public_key"]))
    assert document["head"] == head["head"]
    total = next(one for one in checked.totals if one.account.startswith("wallet_available"))
    assert (checked.user_id, total.credited_micros, total.is_whole) == ("ann", 250_000, True)


def test_before_the_first_head_and_for_nobody_there_is_no_proof(shop: Any) -> None:
    assert shop.client.get("/v1/ledger/proofs/head").status_code == 404
    assert shop.client.get("/v1/ledger/proofs/people/ann").status_code == 404
    shop.own()
    signed(shop)
    assert shop.client.get("/v1/ledger/proofs/people/nobody").status_code == 404


def head_of(shop: Any) -> tuple[Head, Any]:
    answer = shop.client.get("/v1/ledger/proofs/head").json()
    return Head.from_json(answer["head"]), from_pem(answer["public_key"])


def consistency(shop: Any, old: object, new: object) -> Any:
    return shop.client.get("/v1/ledger/proofs/consistency", params={"from": old, "to": new})


def test_that_the_book_only_grew_is_checked_with_two_heads_and_no_book(shop_in_each: Any) -> None:
    heads = []
    for micros in (100_000, 200_000, 300_000):
        shop_in_each.own(micros=micros)
        signed(shop_in_each)
        head, key = head_of(shop_in_each)
        heads.append(head)
    for number, old in enumerate(heads):
        for new in heads[number:]:
            check_growth(consistency(shop_in_each, old.size, new.size).json(), old, new, key)
    first, second, last = heads
    proof = consistency(shop_in_each, first.size, last.size).json()
    with pytest.raises(Unproven, match="heads are of"):
        check_growth(proof, second, last, key)
    other = proof | {"path": [*proof["path"][:-1], "00" * 32]}
    with pytest.raises(Unproven, match="was rewritten"):
        check_growth(other, first, last, key)


def test_a_proof_between_heads_that_are_none_is_refused_by_the_field(shop: Any) -> None:
    assert consistency(shop, 1, 1).status_code == 404
    shop.own()
    signed(shop)
    size = head_of(shop)[0].size
    for old, new, field in ((0, 1, "from"), (2, 1, "from"), (1, size + 1, "to"), (1, 2**63, "to"), ("x", 1, "from")):
        refused = consistency(shop, old, new)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, field), (old, new)
