"""Proofs over HTTP: what was answered is checked with nothing but the public key."""

from typing import Any

from features.home import Home
from serving.ledger.proof import slip
from serving.ledger.proof.heads import from_pem
from serving.ledger.proof.signing import Places, Signer, key_of_home


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
