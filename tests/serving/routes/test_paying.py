"""Destinations, quotes, vouchers and rulings over HTTP: nothing repeats a destination, and each is done once."""

from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
import structlog
from sqlalchemy import Engine, MetaData, select

from pipelines.doubles import voucher as voucher_double
from pipelines.doubles.faulty import serving
from pipelines.doubles.voucher import VoucherDouble
from serving.database import reading
from serving.payouts.claims import PATIENCE_MICROS
from serving.payouts.desk import Desk
from serving.payouts.destinations import Vault
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.identity import persons
from serving.payouts.identity.persons import Person
from serving.payouts.provider import Provider, Refused, Settled
from serving.payouts.providers.inbox import Effect, accept
from serving.payouts.providers.notices import Notice
from serving.payouts.providers.opened import House, open_each
from serving.payouts.providers.settings import ProviderSettings, Secrets, VoucherSettings, paying
from serving.payouts.runner import advance_payouts
from serving.policy_money import TaxRule

KEPT = "/v1/payouts/destinations"
RULED = "/v1/payout-rulings"
PLAIN = "zebulon.quackenbush@example.com"
TELEPHONE = "+8613800138000"
DIGEST = "ab" * 32
DAY = 86_400 * 1_000_000
ANN = Person(("Ann Lee",))


def rows_of(engine: Engine) -> str:
    """Everything that the database holds, as text; what is binary as its letters and as hexadecimal."""
    tables = MetaData()
    tables.reflect(engine)
    found: list[str] = []
    with reading(engine) as connection:
        for table in tables.sorted_tables:
            for row in connection.execute(select(table)):
                found += [
                    one.hex() + str(bytes(one)) if isinstance(one, bytes | memoryview) else str(one) for one in row
                ]
    return "\n".join(found)


def test_a_destination_is_kept_once_named_by_its_digest_and_never_repeated(shop_in_each: Any) -> None:
    shop = shop_in_each
    with structlog.testing.capture_logs() as lines:
        kept = shop.post(KEPT, {"user_id": "ann", "destination": PLAIN}, key="k-1")
        assert kept.status_code == 200, kept.text
        digest = kept.json()["payout_destination"]
        assert kept.json() == {"payout_destination": digest, "kind": "email", "woken": 0}
        shop.restart()
        again = shop.post(KEPT, {"user_id": "ann", "destination": PLAIN}, key="k-1")
        assert again.content == kept.content
        other = shop.post(KEPT, {"user_id": "bob", "destination": PLAIN.upper()}, key="k-2").json()
        assert other["payout_destination"] == digest, "one mailbox, one digest"
        reused = shop.post(KEPT, {"user_id": "ann", "destination": TELEPHONE}, key="k-1")
        assert (reused.status_code, reused.json()["type"]) == (409, "key-conflict")
        taken = shop.post(KEPT, {"user_id": "ann", "destination": TELEPHONE, "payout_destination": digest}, key="k-3")
        assert (taken.status_code, taken.json()["type"]) == (409, "conflicting")
        assert "names another destination: DELETE it first, or name another digest" in taken.json()["detail"]
    answers = kept.text + again.text + str(other) + reused.text + taken.text
    for plain in (PLAIN, "quackenbush", TELEPHONE):
        assert plain not in (answers + str(lines) + rows_of(shop.engine)).lower()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"destination": "a\nb"}, "destination"),
        ({"destination": ""}, "destination"),
        ({"destination": f" {PLAIN}"}, "destination"),
        ({"destination": f"{PLAIN} "}, "destination"),
        ({"destination": "\u2003"}, "destination"),
        ({"destination": "x" * 129}, "destination"),
        ({"destination": PLAIN, "payout_destination": PLAIN}, "payout_destination"),
        ({"destination": PLAIN, "plain": PLAIN}, "plain"),
        ({}, "destination"),
    ],
)
def test_what_is_no_destination_is_refused_by_its_field_and_not_repeated(shop: Any, wrong: Any, field: str) -> None:
    refused = shop.post(KEPT, {"user_id": "ann"} | wrong, key="k")
    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (422, [field])
    assert "quackenbush" not in refused.text
    assert "xxx" not in refused.text


def test_half_of_a_surrogate_pair_is_no_destination(shop: Any) -> None:
    headers = {"Idempotency-Key": "k", "content-type": "application/json"}
    body = rb'{"user_id": "ann", "destination": "zebulon\ud800"}'
    refused = shop.client.post(KEPT, content=body, headers=headers)
    assert (refused.status_code, [one["field"] for one in refused.json()["errors"]]) == (422, ["destination"])
    assert "zebulon" not in refused.text


def test_a_destination_without_a_key_is_refused_and_with_the_platform_s_key_kept(shop: Any) -> None:
    body = {"user_id": "ann", "destination": PLAIN}
    assert shop.post(KEPT, body).json()["errors"][0]["field"] == "Idempotency-Key"
    shop.restart(key="platform", operator_key="operator")
    assert shop.post(KEPT, body, key="k").status_code == 401
    assert shop.post(KEPT, body, key="k", authorization="Bearer platform").status_code == 200


def test_what_waits_for_a_destination_is_woken_when_it_is_kept_and_forgotten_it_waits_again(shop_in_each: Any) -> None:
    shop = shop_in_each
    desk, fake = Desk(vault=Vault(shop.parts.seal)), shop.parts.providers["fake"]
    first, second = _approved(shop), _approved(shop)
    advance_payouts(shop.engine.begin, fake, shop.now, desk=desk)
    assert shop.client.get(f"/v1/payouts/{first}").json()["waits_for"] == "destination_needed"
    body = {"user_id": "ann", "destination": PLAIN, "payout_destination": DIGEST}
    assert shop.post(KEPT, body, key="k").json()["woken"] == 2
    advance_payouts(shop.engine.begin, fake, shop.now, limit=1, desk=desk)
    gone = shop.client.delete(f"{KEPT}/{DIGEST}", headers={"Idempotency-Key": "f"})
    assert gone.json() == {"payout_destination": DIGEST, "was_kept": True}
    assert shop.client.delete(f"{KEPT}/{DIGEST}", headers={"Idempotency-Key": "g"}).json()["was_kept"] is False
    assert shop.client.delete(f"{KEPT}/{DIGEST}", headers={"Idempotency-Key": "f"}).content == gone.content
    advance_payouts(shop.engine.begin, fake, shop.now, desk=desk)
    states = {shop.client.get(f"/v1/payouts/{id_}").json()["state"] for id_ in (first, second)}
    assert states == {"settled", "submitted"}
    assert [one.destination for one in fake.paid()] == [PLAIN]


def test_a_quote_tells_the_fee_the_provider_and_what_stands_against_it_and_holds_nothing(shop_in_each: Any) -> None:
    shop = shop_in_each
    shop.own("ann", 2_000_000)
    told = VoucherSettings(
        name="voucher",
        base_url="https://v.example.com",
        api_key_from="A",
        webhook_secret_from="B",  # noqa: S106  # the name of a variable
        fees={"CNY": {"fixed_micros": 250_000, "paid_by": "person"}},
    )
    _paid_by(shop, told)
    asked = {"user_id": "ann", "amount_micros": 1_500_001, "currency": "CNY", "payout_destination": DIGEST}
    before = shop.wallet()
    unkept = shop.post("/v1/payouts/quotes", asked).json()
    assert (unkept["provider"], unkept["fee_micros"]) == ("", 0)
    assert unkept["notice"].startswith("payout_destination: ")
    shop.post(KEPT, {"user_id": "ann", "destination": PLAIN, "payout_destination": DIGEST}, key="k")
    quoted = shop.post("/v1/payouts/quotes", asked).json()
    assert quoted == {
        "amount_micros": 1_500_000,
        "fee_micros": 250_000,
        "fee_paid_by": "person",
        "arriving_micros": 1_250_000,
        "provider": "voucher",
        "waits_seconds": 0,
        "objection": None,
        "notice": None,
    }
    objection = shop.post("/v1/payouts/quotes", asked | {"amount_micros": 9_000_000}).json()["objection"]
    assert objection.startswith("amount_micros: ")
    assert shop.wallet() == before
    shop.post(KEPT, {"user_id": "ann", "destination": TELEPHONE, "payout_destination": "cd" * 32}, key="l")
    nobody = shop.post("/v1/payouts/quotes", asked | {"payout_destination": "cd" * 32})
    assert (nobody.status_code, nobody.json()["type"]) == (422, "no-route")


def test_a_quote_announces_the_tax_and_the_payout_says_what_was_withheld(shop_in_each: Any) -> None:
    shop = shop_in_each
    shop.own("ann", 3_000_000)
    shop.do(lambda unit: persons.record(unit.connection, "ann", ANN, shop.parts.seal, unit.now, "CN"))
    asked = {"user_id": "ann", "amount_micros": 1_500_000, "currency": "CNY", "payout_destination": DIGEST}
    assert "tax_micros" not in shop.post("/v1/payouts/quotes", asked).json()
    rule = TaxRule(rate=0.2, threshold_micros=1_000_000, currency="CNY")
    taxing = shop.parts.policy.tax.model_copy(update={"rules": {"CN": rule}})
    unscreened = shop.parts.policy.screening.model_copy(update={"is_required": False})
    shop.parts.policy = shop.parts.policy.model_copy(update={"tax": taxing, "screening": unscreened})
    quoted = shop.post("/v1/payouts/quotes", asked).json()
    assert (quoted["tax_micros"], quoted["arriving_micros"]) == (100_000, 1_400_000)
    payout = _approved(shop)
    path = f"/v1/payouts/{payout}"
    assert "tax_micros" not in shop.client.get(path).json(), "it has not begun"
    advance_payouts(shop.engine.begin, shop.parts.providers["fake"], shop.now, desk=Desk(shop.parts.policy))
    said = shop.client.get(path).json()
    assert (said["state"], said["tax_micros"]) == ("settled", 0), "it is below the year's threshold"
    assert shop.post("/v1/payouts/quotes", asked).json()["tax_micros"] == 200_000
    told = [one["data"] for one in shop.changes().json()["changes"] if one["type"] == "payout.updated"]
    assert told[-1]["tax_micros"] == 0
    assert shop.is_sound()


def test_an_operator_rules_on_what_nobody_can_say_once(shop_in_each: Any) -> None:
    shop = shop_in_each
    fake = FakeProvider(shop.folder / "provider.db", {DIGEST: [Fault.LOSE_REQUEST] * 9})
    lost = _approved(shop)
    for wait in (0, PATIENCE_MICROS, 2 * DAY):
        shop.now += wait
        advance_payouts(shop.engine.begin, fake, shop.now)
    shop.restart(key="platform", operator_key="operator")
    platform, operator = {"authorization": "Bearer platform"}, {"authorization": "Bearer operator"}
    ruling = {"payout_id": lost, "is_paid": False, "ruled_by": "Rita", "reason": "not in their books"}
    assert shop.client.get(RULED, headers=platform).status_code == 403
    assert shop.post(RULED, ruling, key="r", **platform).status_code == 403
    assert shop.client.get(RULED, headers=operator, params={"before": "2001-01-01T00:00:00Z"}).json() == {"payouts": []}
    (unknown,) = shop.client.get(RULED, headers=operator).json()["payouts"]
    assert (unknown["payout_id"], unknown["provider"], unknown["user_id"]) == (lost, "fake", "ann")
    assert fake.sendings(unknown["provider_key"]) > 0
    for blank in ({"ruled_by": " "}, {"reason": " "}):
        refused = shop.post(RULED, ruling | blank, key="r", **operator)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, next(iter(blank)))
    ruled = shop.post(RULED, ruling, key="r", **operator)
    assert ruled.json() == {"payout_id": lost, "state": "refused"}
    assert shop.post(RULED, ruling, key="r", **operator).content == ruled.content
    twice = shop.post(RULED, ruling | {"is_paid": True}, key="s", **operator)
    assert (twice.status_code, twice.json()["type"]) == (409, "illegal-move")
    assert shop.post(RULED, ruling | {"payout_id": "none"}, key="t", **operator).status_code == 404
    assert shop.client.get(RULED, headers=operator).json() == {"payouts": []}
    assert shop.is_sound()


def test_a_voucher_s_code_is_handed_out_under_one_key_and_kept_by_nobody(shop_in_each: Any) -> None:
    shop = shop_in_each
    assert shop.post("/v1/vouchers/w", key="v").status_code == 404, "nobody here issues vouchers"
    double = VoucherDouble()
    with serving(double) as address, _vouchers(shop, address) as (told, vouchers):
        _paid_by(shop, told, vouchers)
        payout = _approved(shop)
        assert shop.post(f"/v1/vouchers/{payout}", key="v").status_code == 404, "it is not issued yet"
        shop.post(KEPT, {"user_id": "ann", "destination": PLAIN, "payout_destination": DIGEST}, key="k")
        advance_payouts(shop.engine.begin, vouchers, shop.now, desk=Desk(vault=Vault(shop.parts.seal)))
        (code,) = [double.code_of(one.key) for one in double.taken()]
        got = shop.post(f"/v1/vouchers/{payout}", key="v")
        assert got.json() == {"payout_id": payout, "code": code}
        assert got.headers["cache-control"] == "no-store"
        assert shop.post(f"/v1/vouchers/{payout}", key="v").json() == got.json()
        other = shop.post(f"/v1/vouchers/{payout}", key="w")
        assert (other.status_code, other.json()["type"]) == (409, "already-resolved")
        assert code not in other.text + rows_of(shop.engine)


def test_a_voucher_of_a_payout_that_is_not_settled_is_handed_out_to_nobody(shop_in_each: Any) -> None:
    """Its code may be here before the payout is settled, and after it was refused."""
    shop, double = shop_in_each, VoucherDouble()
    double.faults.append(Fault.FAIL_AFTER)
    with serving(double) as address, _vouchers(shop, address) as (told, vouchers):
        _paid_by(shop, told, vouchers)
        payout = _approved(shop)
        shop.post(KEPT, {"user_id": "ann", "destination": PLAIN, "payout_destination": DIGEST}, key="k")
        advance_payouts(shop.engine.begin, vouchers, shop.now, desk=Desk(vault=Vault(shop.parts.seal)))
        (key,) = [one.key for one in double.taken()]
        assert isinstance(vouchers.lookup(key), Settled), "its code is kept"
        for state in ("unknown", "refused"):
            if state == "refused":
                with shop.engine.begin() as connection:
                    notice = Notice("event", key, Refused("refused"))
                    assert accept(connection, vouchers.name, notice, shop.now) is Effect.APPLIED
            assert shop.client.get(f"/v1/payouts/{payout}").json()["state"] == state
            early = shop.post(f"/v1/vouchers/{payout}", key="v")
            assert (early.status_code, early.json()["type"]) == (409, "not-settled")
            assert double.code_of(key) not in early.text


def _approved(shop: Any) -> str:
    shop.own("ann", 1_000_000)
    payout = str(shop.withdraw())
    shop.approve(payout)
    return payout


def _paid_by(shop: Any, told: ProviderSettings, *providers: Provider) -> None:
    """What the service does with a file of providers."""
    policy = shop.parts.policy
    shop.parts.policy = policy.model_copy(update={"payouts": paying(policy.payouts, (told,))})
    shop.parts.providers = {one.name: one for one in providers}


@contextmanager
def _vouchers(shop: Any, address: str) -> Iterator[tuple[VoucherSettings, Provider]]:
    told = VoucherSettings(name="voucher", base_url=address, api_key_from="A", webhook_secret_from="B")  # noqa: S106  # the name of a variable
    secrets = Secrets({"A": "key-of-the-shop", "B": "whsec_" + b64encode(voucher_double.SECRET).decode()})
    with ExitStack() as doors:
        house = House(shop.engine.begin, shop.parts.seal, lambda: shop.now)
        yield told, open_each([told], secrets, house, doors)["voucher"]


def test_no_route_is_documented_without_its_refusals(shop: Any) -> None:
    paths = shop.client.get("/openapi.json").json()["paths"]
    for path in (KEPT, f"{KEPT}/{{payout_destination}}", "/v1/payouts/quotes", RULED, "/v1/vouchers/{payout_id}"):
        for operation in paths[path].values():
            assert {"200", "401", "422"} <= operation["responses"].keys()
            assert operation["summary"].endswith(".")


def test_no_schema_is_named_after_a_module(shop: Any) -> None:
    schemas = shop.client.get("/openapi.json").json()["components"]["schemas"]
    assert [name for name in schemas if "__" in name] == []


def test_the_example_is_part_of_the_document(shop: Any) -> None:
    schemas = shop.client.get("/openapi.json").json()["components"]["schemas"]
    told = schemas["Destination"]["properties"]["destination"]
    assert (told["writeOnly"], told["examples"]) == (True, ["ann@example.com"])
