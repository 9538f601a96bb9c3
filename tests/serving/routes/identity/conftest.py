"""A shop that asks for proofs, with the providers of documents and lists outside it."""

from typing import Any

import pytest

from serving.background import knowing_duties
from serving.database import reading
from serving.payouts.desk import Desk
from serving.payouts.duties import Books, payout_duties
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.fake import FakeIdentityProvider, Fault
from serving.payouts.screening.fake import FakeScreen

LIMIT = 1_000_000
PATH = "/v1/people/ann/identity"
NEWS = "/v1/identity/webhooks/fake-documents"


class Lists:
    """In the place of a folder of files."""

    def __init__(self) -> None:
        self.screen = FakeScreen()

    def look(self) -> FakeScreen:
        return self.screen


class Office:
    """A shop that asks for a proof above 1 CNY, its duties, and the two providers outside."""

    def __init__(self, shop: Any) -> None:
        self.shop, self.lists = shop, Lists()
        self.restart()

    def restart(self, *faults: Fault, **keys: str) -> None:
        """The service anew, upon what it kept; and other objects that speak for the same providers."""
        shop = self.shop
        shop.restart(**keys)
        amounts = {"CNY": shop.parts.policy.identity.amounts["CNY"].model_copy(update={"rolling_micros": LIMIT})}
        identity = shop.parts.policy.identity.model_copy(update={"amounts": amounts})
        shop.parts.policy = shop.parts.policy.model_copy(update={"identity": identity})
        self.documents = FakeIdentityProvider(shop.folder / "documents.db", shop.parts.seal, faults)
        shop.parts.identity, shop.parts.sanctions = self.documents, self.lists
        books = Books(shop.engine.begin, lambda: reading(shop.engine))
        bank = FakeProvider(shop.folder / "provider.db")
        paying = payout_duties(books, [bank], Desk(shop.parts.policy), lambda: shop.now)
        self._duties = {**knowing_duties(shop.parts), **paying}

    def work(self) -> None:
        """Every duty once, as the service does unasked."""
        for duty, _ in self._duties.values():
            duty()

    def ask(self, micros: int = 2 * LIMIT) -> str:
        """Ann withdraws, and a person finds that genuine."""
        payout: str = self.shop.withdraw("ann", micros)
        self.shop.approve(payout)
        self.work()
        return payout

    def begin(self, key: str | None = None) -> Any:
        return self.shop.post(PATH, key=key)

    def check(self) -> str:
        """The key of the newest check that the provider was asked for."""
        return self.documents.starts()[-1]

    def notify(self, id_: str = "n", key: str | None = None) -> Any:
        headers, body = self.documents.notify(key or self.check(), id_)
        return self.shop.client.post(NEWS, content=body, headers=headers)

    def identity(self) -> dict[str, Any]:
        found: dict[str, Any] = self.shop.client.get(PATH).json()
        return found

    def payout(self, id_: str) -> tuple[str, str | None]:
        found = self.shop.client.get(f"/v1/payouts/{id_}").json()
        return found["state"], found["waits_for"]

    def told(self) -> list[tuple[str, str]]:
        """Of payouts and proofs: what is said of each."""
        found = self.shop.changes().json()["changes"]
        words = {"payout.updated": lambda data: data["waits_for"] or data["state"], "kyc.required": reason}
        return [(one["type"], words[one["type"]](one["data"])) for one in found if one["type"] in words]


def reason(data: dict[str, Any]) -> str:
    return str(data["reason"])


@pytest.fixture
def office(shop: Any) -> Office:
    shop.own("ann", 10 * LIMIT)
    return Office(shop)


@pytest.fixture
def office_in_each(shop_in_each: Any) -> Office:
    shop_in_each.own("ann", 10 * LIMIT)
    return Office(shop_in_each)
