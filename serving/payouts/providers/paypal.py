"""PayPal Payouts: up to 15,000 items in one POST, which PayPal carries out once per `sender_batch_id` in 30 days.

Its memory is by batch, not by item, and it cannot be asked by our key: an item that is sent again in another batch is
paid again. So which items go out together is committed before the call, and an item is only ever sent with its batch.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any, Final
from urllib.parse import quote

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    delete,
    select,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite

from serving.database import METADATA
from serving.payouts.identity.sealing import Seal
from serving.payouts.provider import Absent, Answer, PaymentOrder, Refused, Unknown
from serving.payouts.providers.amounts import decimal_text
from serving.payouts.providers.limits import NotDone
from serving.payouts.providers.notices import Notice
from serving.payouts.providers.outcomes import sent, understood, unsaid, untaken
from serving.payouts.providers.paypal_access import PayPalAccess
from serving.payouts.providers.paypal_notices import PayPalCertificates, read_notice
from serving.payouts.providers.paypal_states import of_batch, state_of
from serving.payouts.providers.transport import Call, Door, Reply

ITEMS_MAX: Final = 15_000
PAGE_ITEMS: Final = 1_000
PAGES_MAX: Final = ITEMS_MAX // PAGE_ITEMS
REFUSED_FIELD: Final = re.compile(r"items?\[(\d+)\]")
_BATCH_LINK: Final = re.compile(r"/v1/payments/payouts/([\w-]+)$")

Begin = Callable[[], AbstractContextManager[Connection]]

PAYPAL_ITEM = Table(
    "paypal_item",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("batch", String(64), nullable=False),
    Column("place", Integer, nullable=False),
    Column("destination", String(128), nullable=False),  # of an earlier release; nothing is written there any more
    Column("amount_micros", BigInteger, nullable=False),
    Column("currency", String(3), nullable=False),
    Column("payout_batch_id", String(64)),
    Column("payout_item_id", String(64)),
    Column("sealed", LargeBinary),
    Index("paypal_item_of_batch", "batch", "place"),
)


class PayPalPayouts:
    """A destination with an @ is an e-mail address, one that begins with + a telephone, any other a PayPal account.

    `seal` closes it at rest.
    """

    name: str = "paypal"
    key_lifetime_micros: int = 29 * 24 * 3_600 * 1_000_000
    """PayPal keeps a batch's id for 30 days; a day is left for clocks that differ."""
    batch_max: int = ITEMS_MAX

    def __init__(
        self, door: Door, access: PayPalAccess, certificates: PayPalCertificates, begin: Begin, seal: Seal
    ) -> None:
        self._door, self._access, self._certificates, self._begin = door, access, certificates, begin
        self._seal = seal

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        return self.send_batch([PaymentOrder(key, destination, amount_micros, currency)])[key]

    def send_batch(self, orders: Sequence[PaymentOrder]) -> Mapping[str, Answer]:
        """What was sent before is sent with its own batch, whole; the rest is a new batch. See `BatchProvider`."""
        if len(orders) > ITEMS_MAX:
            raise ValueError(f"a batch holds at most {ITEMS_MAX} orders, not {len(orders)}: split it")
        if len({order.key for order in orders}) < len(set(orders)):
            raise ValueError("orders must not name one key with two bodies: a new payment needs a new key")
        answers: dict[str, Answer] = {}
        for batch in self._batches_of(orders):
            try:
                answers |= self._send_or_ask(batch)
            except NotDone:
                if not answers:
                    raise
                break  # of those before it something was done: the others are looked up in their time
        return {order.key: answers.get(order.key, Unknown("its batch was not sent")) for order in orders}

    def lookup(self, key: str) -> Answer:
        """Absent also while PayPal's id of the batch is not known: `send` under the living key then finds it out."""
        with self._begin() as connection:
            row = connection.execute(select(PAYPAL_ITEM).where(PAYPAL_ITEM.c.key == key)).one_or_none()
        if row is None or row.payout_batch_id is None:
            return Absent()
        if row.payout_item_id is None:
            return self._ask_batch(row.batch, row.payout_batch_id)[key]
        path = f"/v1/payments/payouts-item/{quote(row.payout_item_id, safe='')}"
        return self._state_of_item(self._read("payout.item", path))

    def read_notice(self, headers: Mapping[str, str], body: bytes, now: int) -> Notice:
        return read_notice(self._certificates, headers, body, now)

    def _batches_of(self, orders: Sequence[PaymentOrder]) -> list[str]:
        """Commit what goes out together; the ids of all the batches that these orders are in."""
        keys = [order.key for order in orders]
        batch = hashlib.sha256("\n".join(keys).encode()).hexdigest()[:32]
        with self._begin() as connection:
            known = _batches_by_key(connection, keys)
            new = {order.key: order for order in orders if order.key not in known}
            rows = [self._row_of(order, batch, place) for place, order in enumerate(new.values())]
            if rows:
                insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
                connection.execute(insert(PAYPAL_ITEM).on_conflict_do_nothing(), rows)
                known = _batches_by_key(connection, keys)  # another call may have been first with some of them
        return list(dict.fromkeys(known.values()))

    def _row_of(self, order: PaymentOrder, batch: str, place: int) -> dict[str, Any]:
        """Who is paid is sealed, and erased once PayPal has the batch: it is needed only to send that again."""
        sealed = self._seal.close(order.destination, _about(order.key))
        return asdict(order) | {"batch": batch, "place": place, "destination": "", "sealed": sealed}

    def _body_of(self, batch: str, rows: Sequence[Any]) -> bytes:
        """Raises `Unsealable`."""
        items = [
            _item_of(row, row.destination if row.sealed is None else self._seal.open(row.sealed, _about(row.key)))
            for row in rows
        ]
        return json.dumps({"sender_batch_header": {"sender_batch_id": batch}, "items": items}).encode()

    def _send_or_ask(self, batch: str) -> dict[str, Answer]:
        with self._begin() as connection:
            rows = connection.execute(_items_of(batch)).all()
        if rows[0].payout_batch_id is not None:
            with sent():
                return self._ask_batch(batch, rows[0].payout_batch_id)
        headers = self._access.headers() | {"content-type": "application/json", "paypal-request-id": batch}
        call = Call("payout.create", "POST", "/v1/payments/payouts", headers, self._body_of(batch, rows))
        reply = self._door.write(call)
        self._access.learn(reply)
        return self._created(batch, [row.key for row in rows], reply)

    @understood()
    def _created(self, batch: str, keys: list[str], reply: Reply) -> dict[str, Answer]:
        if reply.is_done:
            header = reply.json()["batch_header"]
            self._remember_batch(batch, header["payout_batch_id"])
            return of_batch(keys, header)
        answer = untaken(reply)
        if answer is not None:
            return dict.fromkeys(keys, answer)
        error = reply.json()
        original = _batch_linked(error)
        if original is not None:  # sent before, and the answer was lost
            self._remember_batch(batch, original)
            with sent():
                return self._ask_batch(batch, original)
        if error.get("name") == "VALIDATION_ERROR":
            return self._refused(batch, keys, error)
        if error.get("name") == "INSUFFICIENT_FUNDS":
            return dict.fromkeys(keys, Absent())
        return dict.fromkeys(keys, Unknown(f"status {reply.status}, {error.get('name')}"))

    def _refused(self, batch: str, keys: list[str], error: dict[str, Any]) -> dict[str, Answer]:
        """The items that PayPal names are refused; it created no batch, so the others may go out in another."""
        details = error.get("details", [])
        named = {
            int(found[1]): detail for detail in details if (found := REFUSED_FIELD.search(str(detail.get("field"))))
        }
        if not named:
            return dict.fromkeys(keys, Unknown("VALIDATION_ERROR that names no item: a defect of ours"))
        with self._begin() as connection:
            kept = [key for place, key in enumerate(keys) if place not in named]
            connection.execute(delete(PAYPAL_ITEM).where(PAYPAL_ITEM.c.batch == batch, PAYPAL_ITEM.c.key.in_(kept)))
        return {
            key: Refused(str(named[place].get("issue"))) if place in named else Absent()
            for place, key in enumerate(keys)
        }

    @understood()
    def _ask_batch(self, batch: str, payout_batch_id: str) -> dict[str, Answer]:
        """Every item of a batch, page by page. One that is not listed yet is on its way, or over with its batch."""
        with self._begin() as connection:
            keys = [row.key for row in connection.execute(_items_of(batch))]
        answers: dict[str, Answer] = {}
        ids: dict[str, str] = {}
        for page in range(1, PAGES_MAX + 1):
            path = f"/v1/payments/payouts/{quote(payout_batch_id, safe='')}?page={page}&page_size={PAGE_ITEMS}"
            reply = self._read("payout.batch", path)
            if not reply.is_done:
                return dict.fromkeys(keys, unsaid(reply))
            body = reply.json()
            for item in body.get("items", []):
                key = str(item["payout_item"].get("sender_item_id"))
                answers[key], ids[key] = state_of(item), item["payout_item_id"]
            if len(body.get("items", [])) < PAGE_ITEMS:
                break
        self._remember_items({key: ids[key] for key in keys if key in ids})
        return of_batch(keys, body["batch_header"]) | {key: answers[key] for key in keys if key in answers}

    @understood()
    def _state_of_item(self, reply: Reply) -> Answer:
        return state_of(reply.json()) if reply.is_done else unsaid(reply)

    def _read(self, name: str, path: str) -> Reply:
        reply = self._door.read(Call(name, "GET", path, self._access.headers()))
        self._access.learn(reply)
        return reply

    def _remember_batch(self, batch: str, payout_batch_id: str) -> None:
        with self._begin() as connection:
            changed = update(PAYPAL_ITEM).where(PAYPAL_ITEM.c.batch == batch)
            connection.execute(changed.values(payout_batch_id=payout_batch_id, sealed=None))

    def _remember_items(self, ids: dict[str, str]) -> None:
        with self._begin() as connection:
            for key, id_ in ids.items():
                connection.execute(update(PAYPAL_ITEM).where(PAYPAL_ITEM.c.key == key).values(payout_item_id=id_))


def _items_of(batch: str) -> Any:
    return select(PAYPAL_ITEM).where(PAYPAL_ITEM.c.batch == batch).order_by(PAYPAL_ITEM.c.place)


def _batches_by_key(connection: Connection, keys: list[str]) -> dict[str, str]:
    """In slices, because a database bounds how many values one question may hold."""
    found: dict[str, str] = {}
    for start in range(0, len(keys), PAGE_ITEMS):
        some = keys[start : start + PAGE_ITEMS]
        query = select(PAYPAL_ITEM.c.key, PAYPAL_ITEM.c.batch).where(PAYPAL_ITEM.c.key.in_(some))
        found |= {row.key: row.batch for row in connection.execute(query)}
    return found


def _item_of(row: Any, destination: str) -> dict[str, Any]:
    return {
        "recipient_type": _recipient_type(destination),
        "amount": {"value": decimal_text(row.amount_micros, row.currency), "currency": row.currency},
        "receiver": destination,
        "sender_item_id": row.key,
    }


def _about(key: str) -> str:
    return f"paypal_item/{key}"


def _recipient_type(destination: str) -> str:
    if "@" in destination:
        return "EMAIL"
    return "PHONE" if destination.startswith("+") else "PAYPAL_ID"


def _batch_linked(error: dict[str, Any]) -> str | None:
    """PayPal's id of the batch that has our `sender_batch_id` already, from the link in its refusal."""
    for link in error.get("links", []):
        found = _BATCH_LINK.search(str(link.get("href")))
        if found:
            return found[1]
    return None
