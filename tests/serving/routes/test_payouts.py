"""Payouts in pages, and notices of providers: proven by their signature alone, once, whatever their order."""

import sqlite3
from base64 import urlsafe_b64encode
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from serving.payouts.fake import FakeProvider
from serving.payouts.providers.notices import hmac_sha256
from serving.payouts.runner import advance_payouts

PATH = "/v1/payouts/webhooks/fake"
NO_PLACES = (
    *(b"5", b"null", b"true", b"1.5", b"{}", b"[]", b'"ab"', b"[1]", b'[true,"a"]', b'[1.5,"a"]', b'["1","a"]'),
    *(b'[1,"\\ud800"]', b'[1,"\\u0000"]', b"[1,2]", b'[1,"a",3]', b'[9223372036854775808,"a"]', b"[" * 380, b"\xff"),
)
"""What no page ends at, in JSON or not."""
NO_NOTICES = (
    *(b"", b"{}", b"[]", b"null", b"5", b"not JSON", b"\xff", b"[" * 50_000, b'{"id":' * 10_000),
    b'{"id": 1, "key": "k", "state": "returned"}',
    b'{"id": "n", "key": 1, "state": "returned"}',
    b'{"id": null, "key": "k", "state": "returned"}',
    b'{"id": "n", "key": null, "state": "returned"}',
    b'{"id": "n", "key": "k", "state": "lost"}',
    b'{"id": "n", "key": "k", "state": null}',
    b'{"id": "n", "key": "k", "state": ["returned"]}',
    b'{"id": "\\ud800", "key": "k", "state": "returned"}',
    b'{"id": "n", "key": "\\udfff", "state": "returned"}',
    b'{"id": "\\u0000", "key": "k", "state": "returned"}',
    b'{"id": "%s", "key": "k", "state": "returned"}' % (b"n" * 256),
    b'{"id": "n", "key": "%s", "state": "returned"}' % (b"k" * 65),
)
"""What the fake provider never says."""


def listed(shop: Any, **asked: Any) -> Any:
    return shop.client.get("/v1/payouts", params=asked)


def test_payouts_are_listed_newest_first_by_person_and_state(shop: Any) -> None:
    shop.own("ann", 3_000_000)
    shop.own("bob", 3_000_000)
    mine = []
    for _ in range(5):
        shop.now += 1_000_000
        mine.append(shop.withdraw("ann"))
    other = shop.withdraw("bob")
    shop.approve(mine[0])
    ids = [one["payout_id"] for one in listed(shop, user="ann").json()["payouts"]]
    assert ids == mine[::-1]
    assert {one["payout_id"] for one in listed(shop).json()["payouts"]} == {*mine, other}
    assert [one["payout_id"] for one in listed(shop, user="ann", state="submitted").json()["payouts"]] == [mine[0]]
    assert listed(shop, user="nobody").json() == {"payouts": [], "next": None}


@pytest.mark.parametrize(
    ("path", "name", "message"),
    [
        ("/v1/payouts", "user_id", "is no parameter here: those are user, state, after, limit"),
        ("/v1/people/ann/payslip", "sinse", "is no parameter here: those are from, to, currency"),
        ("/v1/ledger/trial-balance", "asset", "is no parameter here: it has none"),
        ("/v1/decisions/d", "revision", "is no parameter here: it has none"),
    ],
)
def test_a_parameter_that_a_route_does_not_know_is_refused_with_those_it_knows(
    shop: Any, path: str, name: str, message: str
) -> None:
    refused = shop.client.get(path, params={name: "nobody"})
    assert (refused.status_code, refused.json()["errors"]) == (422, [{"field": name, "message": message}])


def test_what_is_appended_to_the_address_of_a_webhook_is_let_be(shop: Any) -> None:
    assert shop.client.post("/v1/payouts/webhooks/nobody?from=there", content=b"{}").status_code == 404


def test_a_page_that_was_begun_shows_each_payout_once_while_more_begin(shop_in_each: Any) -> None:
    shop_in_each.own("ann", 9_000_000)
    first = [shop_in_each.withdraw("ann") for _ in range(7)]
    seen: list[str] = []
    after = None
    while True:
        page = listed(shop_in_each, limit=2, **({"after": after} if after else {})).json()
        seen += [one["payout_id"] for one in page["payouts"]]
        shop_in_each.now += 1
        shop_in_each.withdraw("ann")
        after = page["next"]
        if after is None:
            break
    assert seen == sorted(first, reverse=True)


def test_a_question_that_is_none_is_refused_by_its_name(shop: Any) -> None:
    wrong = ("after", "no cursor"), ("after", "WzEsMl0"), ("limit", 0), ("limit", 501), ("state", "lost")
    for name, value in wrong:
        refused = listed(shop, **{name: value})
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, name), value


def test_a_cursor_that_names_no_place_is_refused_by_its_name(shop_in_each: Any) -> None:
    for place in NO_PLACES:
        refused = listed(shop_in_each, after=urlsafe_b64encode(place).decode().rstrip("="))
        assert refused.status_code == 422, place
        assert refused.json()["errors"][0]["field"] == "after", place


def sent(shop: Any) -> str:
    """The key under which the one payout went to the provider."""
    with closing(sqlite3.connect(shop.folder / "provider.db")) as provider:
        return str(provider.execute("SELECT key FROM payment").fetchone()[0])


def paid(shop: Any) -> tuple[str, str]:
    """A payout that was sent and accepted, and its key."""
    shop.own()
    payout = shop.withdraw()
    shop.approve(payout)
    advance_payouts(shop.engine.begin, shop.parts.providers["fake"], shop.now)
    return payout, sent(shop)


def state(shop: Any, payout: str) -> str:
    return str(shop.client.get(f"/v1/payouts/{payout}").json()["state"])


def test_a_signed_notice_needs_no_key_and_counts_once(shop_in_each: Any) -> None:
    shop_in_each.restart(key="platform")
    payout, key = paid(shop_in_each)
    shop_in_each.parts.providers["fake"].send_back(key)
    headers, body = shop_in_each.parts.providers["fake"].notify(key, "n-1")
    effects = [shop_in_each.client.post(PATH, content=body, headers=headers).json()["effect"] for _ in range(3)]
    assert effects == ["applied", "repeated", "repeated"]
    shop_in_each.restart()
    assert state(shop_in_each, payout) == "returned"
    assert shop_in_each.client.post(PATH, content=body, headers=headers).json()["effect"] == "repeated"
    assert shop_in_each.is_sound()


def test_a_notice_that_is_not_signed_is_refused_and_not_used(shop: Any) -> None:
    payout, key = paid(shop)
    shop.parts.providers["fake"].send_back(key)
    headers, body = shop.parts.providers["fake"].notify(key, "n-1")
    forged = shop.client.post(PATH, content=body.replace(b"returned", b"settled"), headers=headers)
    assert (forged.status_code, forged.json()["type"]) == (401, "unverified")
    assert shop.client.post(PATH, content=body).status_code == 401
    assert shop.client.post(PATH, content=b"", headers=headers).status_code == 401
    assert state(shop, payout) == "settled"


def test_a_signed_notice_that_says_nothing_is_refused_and_not_used(shop_in_each: Any) -> None:
    shop_in_each.parts.providers = {"fake": FakeProvider(shop_in_each.folder / "provider.db", secret=b"known here")}
    payout, key = paid(shop_in_each)
    for body in NO_NOTICES:
        headers = {"fake-signature": hmac_sha256(b"known here", body).hex()}
        refused = shop_in_each.client.post(PATH, content=body, headers=headers)
        assert (refused.status_code, refused.json()["type"]) == (401, "unverified"), body[:60]
    assert state(shop_in_each, payout) == "settled"
    shop_in_each.parts.providers["fake"].send_back(key)
    headers, body = shop_in_each.parts.providers["fake"].notify(key, "n")
    assert shop_in_each.client.post(PATH, content=body, headers=headers).json()["effect"] == "applied"


def test_a_notice_signed_by_the_fake_of_another_home_is_refused_and_not_used(shop: Any, tmp_path: Path) -> None:
    payout, key = paid(shop)
    forger = FakeProvider(tmp_path / "another home.db")
    forger.send(key, "d", 500_000, "CNY")
    forger.send_back(key)
    headers, body = forger.notify(key, "n-1")
    assert shop.client.post(PATH, content=body, headers=headers).status_code == 401
    assert state(shop, payout) == "settled"


def test_a_notice_for_a_provider_that_is_not_ours_is_not_found(shop: Any) -> None:
    assert shop.client.post("/v1/payouts/webhooks/paypal", content=b"{}").status_code == 404


def test_only_a_post_of_a_notice_needs_no_key(shop: Any) -> None:
    shop.restart(key="platform")
    assert shop.client.get(PATH).status_code == 401
    assert shop.client.post("/v1/payouts/webhooks").status_code == 401
    assert shop.client.post(PATH, content=b"{}").json()["type"] == "unverified"


def test_a_certificate_that_cannot_be_had_is_our_failure_and_may_be_sent_again(
    shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object) -> None:
        raise TimeoutError("no answer in time")

    monkeypatch.setattr(FakeProvider, "read_notice", silent)
    refused = shop.client.post(PATH, content=b"{}")
    assert (refused.status_code, refused.json()["type"], refused.json()["retry"]) == (503, "not-verified", True)
    assert int(refused.headers["retry-after"]) > 0
