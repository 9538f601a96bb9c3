"""PayPal's own OpenAPI document as the judge of the adapter, served by prism."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from pipelines.doubles.faulty import serving
from pipelines.doubles.paypal import PayPalDouble
from pipelines.doubles.prism import running_prism
from serving.database import open_database
from serving.payouts.identity.sealing import Seal
from serving.payouts.provider import Accepted, PaymentOrder, Refused, Settled, Unknown
from serving.payouts.providers.limits import NotTaken
from serving.payouts.providers.paypal import PAYPAL_ITEM, PayPalPayouts
from serving.payouts.providers.paypal_access import PayPalAccess
from serving.payouts.providers.paypal_notices import PayPalCertificates
from serving.payouts.providers.transport import Call, Door, Manners, Reply

ROOT = Path(__file__).parents[4]
DOCUMENT = ROOT / os.environ.get("ASSAY_DATA", "../shared/data") / "paypal_payouts" / "openapi.json"


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    document = Path(os.environ.get("ASSAY_PAYPAL_OPENAPI", DOCUMENT))
    document = document / "openapi.json" if document.is_dir() else document
    if not document.is_file():
        pytest.skip(
            "PayPal's OpenAPI document is absent, so the adapter is judged by our own double alone: set "
            "ASSAY_PAYPAL_OPENAPI to its path. Stripe, Alipay and vouchers have no independent double at all"
        )
    try:
        with running_prism(document) as served:
            yield served
    except FileNotFoundError as missing:
        if "CI" in os.environ:
            pytest.fail(f"CI has Node: {missing}")
        pytest.skip(str(missing))


class Preferring(Door):
    """Asks prism for the answer of a certain status, and remembers every status that came back."""

    preferred = ""

    def _once(self, call: Call, pace: Any) -> Reply:
        headers = dict(call.headers) | ({"prefer": f"code={self.preferred}"} if self.preferred else {})
        reply = super()._once(Call(call.name, call.method, call.path, headers, call.content), pace)
        self.__dict__.setdefault("replies", []).append(reply)
        return reply


@pytest.fixture
def paypal(address: str, tmp_path: Path) -> Iterator[tuple[PayPalPayouts, Preferring]]:
    """The document says nothing of tokens, so that those come from our own double."""
    engine = open_database(tmp_path / "book.db")
    manners = Manners(deadline_seconds=20, reads_max=1)
    with serving(PayPalDouble()) as ours, Door("token", ours) as tokens, Preferring("paypal", address, manners) as door:
        access, certificates = PayPalAccess(tokens, "id", "secret"), PayPalCertificates(door, address, "WH")
        yield PayPalPayouts(door, access, certificates, engine.begin, Seal(b"s" * 32)), door
    engine.dispose()


def test_one_payment_and_a_batch_are_requests_as_the_document_wants_them(paypal: Any) -> None:
    provider, door = paypal
    receivers = ["ann@example.com", "+8613800138000", "G83JXTJ5EHCQ2"]
    orders = [
        PaymentOrder(f"{at:032x}", one, 1_230_000 + at, "JPY" if at else "USD") for at, one in enumerate(receivers)
    ]
    orders = [PaymentOrder(one.key, one.destination, 5_000_000, one.currency) for one in orders]
    assert provider.send("single", "ann@example.com", 9_870_000, "USD").__class__ in {Accepted, Refused}
    assert set(provider.send_batch(orders)) == {order.key for order in orders}
    assert [reply.status for reply in door.replies] == [201, 201]


def test_a_batch_and_an_item_are_asked_for_and_understood(paypal: Any) -> None:
    provider, door = paypal
    provider.send("k", "ann@example.com", 9_870_000, "USD")
    provider.lookup("k")
    with provider._begin() as connection:
        connection.execute(update(PAYPAL_ITEM).values(payout_item_id="8AELMXH8UB2P8"))
    assert provider.lookup("k") == Settled("string")  # the only state that prism makes up
    assert [reply.status for reply in door.replies] == [201, 200, 200]


@pytest.mark.parametrize(("status", "answer"), [("400", Unknown), ("500", Unknown)])
def test_documented_errors_of_a_payment_give_no_money_back(paypal: Any, status: str, answer: type) -> None:
    provider, door = paypal
    door.preferred = status
    assert isinstance(provider.send("k", "ann@example.com", 9_870_000, "USD"), answer)


def test_a_documented_refusal_of_our_credentials_says_that_nothing_was_taken(paypal: Any) -> None:
    provider, door = paypal
    door.preferred = "403"
    with pytest.raises(NotTaken):
        provider.send("k", "ann@example.com", 9_870_000, "USD")


@pytest.mark.parametrize("status", ["404", "500"])
def test_documented_errors_of_a_question_are_unknown(paypal: Any, status: str) -> None:
    provider, door = paypal
    provider.send("k", "ann@example.com", 9_870_000, "USD")
    door.preferred = status
    assert isinstance(provider.lookup("k"), Unknown)


def test_the_judge_refuses_what_breaks_the_document(paypal: Any) -> None:
    """A canary: without it every test above could pass against a judge that accepts anything."""
    _, door = paypal
    call = Call("payout.create", "POST", "/v1/payments/payouts", {"authorization": "Bearer x"}, b'{"items": [{}]}')
    assert door.write(call).status == 400
