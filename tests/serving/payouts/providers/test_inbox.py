"""Notifications: who may send them, that each counts once, and that no order of them harms the book."""

import hashlib
from itertools import pairwise, permutations
from typing import Any

import pytest
from sqlalchemy import func, select

from pipelines.doubles import stripe as stripe_double
from serving.payouts.fake import Fault, PaymentState
from serving.payouts.provider import Accepted, Refused, Returned, Settled, Unknown
from serving.payouts.providers.inbox import (
    INBOX,
    WAITING_MAX,
    WAITS_MICROS_MAX,
    Effect,
    accept,
    apply_waiting,
    contradictions,
    foreign,
    is_waiting,
    receive,
)
from serving.payouts.providers.notices import MalformedNotice, Notice, Unverified, documented, hmac_sha256, read_json
from serving.payouts.saga import State

SECOND = 1_000_000
DAY = 24 * 3_600 * SECOND
NOW = 1_000 * DAY
KEY = "0123456789abcdef0123456789abcdef"


@pytest.fixture(params=["paypal", "stripe", "alipay", "voucher"])
def rig(request: pytest.FixtureRequest, make: Any) -> Any:
    """The providers that send webhooks; a chain sends none."""
    rig = make(request.param)
    rig.send(KEY)
    return rig


def read(rig: Any, headers: dict[str, str], body: bytes, now: int = NOW) -> Notice:
    notice: Notice = rig.provider.read_notice({name.lower(): value for name, value in headers.items()}, body, now)
    return notice


def test_a_signed_notification_is_read(rig: Any) -> None:
    notice = read(rig, *rig.double.notify(KEY, "event-1", NOW))
    assert (notice.event_id, notice.key) == ("event-1", KEY)
    assert isinstance(notice.answer, Settled | Accepted)


ODD = ["[" * 30_000, '{"id": NaN}', "5", "null", "[]", "{}", "\xff", ""]


@pytest.mark.parametrize("body", ODD, ids=range(len(ODD)))
def test_a_signed_notice_of_another_shape_is_refused(make: Any, body: str) -> None:
    stripe, at = make("stripe"), str(NOW // 1_000_000)
    signature = hmac_sha256(stripe_double.SECRET.encode(), at.encode(), body.encode("latin-1")).hex()
    with pytest.raises(MalformedNotice):
        read(stripe, {"stripe-signature": f"t={at},v1={signature}"}, body.encode("latin-1"))


def test_a_number_that_is_none_is_not_read() -> None:
    with pytest.raises(MalformedNotice), documented():
        read_json('{"id": "e", "amount": -Infinity}')


@pytest.mark.parametrize("id_", [[1], None, 10**23, "", "\ud800", "a\0b", "x" * 256])
def test_a_signed_notice_whose_id_cannot_be_kept_is_refused(make: Any, id_: Any) -> None:
    rig = make("stripe")
    rig.send(KEY)
    with pytest.raises(MalformedNotice):
        read(rig, *rig.double.notify(KEY, id_, NOW))
    for key in (id_ or [1], "k" * 65):
        with pytest.raises(MalformedNotice):
            Notice("event", key, None)


def test_a_return_is_read(make: Any) -> None:
    for name in ("paypal", "stripe", "alipay"):
        rig = make(name)
        rig.send(KEY)
        rig.double.move(KEY, PaymentState.RETURNED)
        assert isinstance(read(rig, *rig.double.notify(KEY, "event-1", NOW)).answer, Returned)


def test_a_changed_body_is_refused_wherever_it_was_changed(rig: Any) -> None:
    headers, body = rig.double.notify(KEY, "event-1", NOW)
    for at in range(0, len(body), max(1, len(body) // 40)):
        changed = body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]
        with pytest.raises(Unverified):
            read(rig, headers, changed)


def test_a_changed_or_missing_header_is_refused(rig: Any) -> None:
    headers, body = rig.double.notify(KEY, "event-1", NOW)
    for name in headers:
        for wrong in ("", "x", headers[name] + "x"):
            with pytest.raises(Unverified):
                read(rig, headers | {name: wrong}, body)


@pytest.mark.parametrize("name", ["stripe", "voucher"])
@pytest.mark.parametrize("late", [301 * 1_000_000, -301 * 1_000_000, DAY])
def test_an_old_notification_that_is_sent_again_is_refused(make: Any, name: str, late: int) -> None:
    rig = make(name)
    rig.send(KEY)
    headers, body = rig.double.notify(KEY, "event-1", NOW)
    with pytest.raises(Unverified, match="clock"):
        read(rig, headers, body, NOW + late)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/v1/notifications/certs/CERT-1",
        "{address}.evil.example/v1/notifications/certs/CERT-1",
        "{address}/v1/notifications/certs/../../elsewhere",
        "{address}/v2/other/CERT-1",
        "{address}/v1/notifications/certs/CERT-1?again=1",
        "{address}/v1/notifications/certs/CERT-1#again",
        "{address}/v1/notifications/certs/more/CERT-1",
        "{address}/v1/notifications/certs/",
    ],
)
def test_a_certificate_from_anywhere_but_paypal_proves_nothing(make: Any, url: str) -> None:
    """The notification names its own certificate: whoever forges one would name his own."""
    rig = make("paypal")
    rig.send(KEY)
    headers, body = rig.double.notify(KEY, "event-1", NOW)
    with pytest.raises(Unverified, match="not PayPal's"):
        read(rig, headers | {"Paypal-Cert-Url": url.format(address=rig.double.address)}, body)
    assert rig.double.certificates_asked == []


def notify(town: Any, provider: Any, event_id: str, now: int = NOW) -> Effect:
    headers, body = provider.notify(town.key(), event_id)
    with town.engine.begin() as connection:
        return receive(connection, provider, headers, body, now)


def test_a_notification_settles_a_payout_and_its_copies_do_nothing(town: Any) -> None:
    provider = town.provider(Fault.SETTLE_LATER)
    town.withdraw()
    town.run(provider)
    provider.settle(town.key())
    effects = [notify(town, provider, "event") for _ in range(50)]
    assert effects == [Effect.APPLIED] + [Effect.REPEATED] * 49
    assert (town.state(), town.books()) == (State.SETTLED, "paid")


def test_a_webhook_before_our_own_commit_of_the_answer(town: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """It arrives while the call is still under way: the attempt is committed, the answer is not."""
    provider = town.provider()
    town.withdraw()
    send = provider.send
    heard = list[Effect]()

    def send_and_hear(*order: Any) -> Any:
        answer = send(*order)
        heard.append(notify(town, provider, "event"))
        return answer

    monkeypatch.setattr(provider, "send", send_and_hear)
    assert town.run(provider) == {State.SETTLED: 1}
    assert (heard, town.books()) == ([Effect.APPLIED], "paid")


def test_a_webhook_of_a_payment_that_we_do_not_know_yet_waits_for_it(town: Any) -> None:
    """As after a restore, or when it overtakes the commit of the attempt itself."""
    with town.engine.begin() as connection:
        notice = Notice("event", _key_of("w"), Settled("r"))
        assert accept(connection, "fake", notice, NOW) is Effect.WAITING
        assert apply_waiting(connection, NOW) == 0
    town.withdraw()
    town.run(town.provider(Fault.SETTLE_LATER))
    with town.engine.begin() as connection:
        assert apply_waiting(connection, NOW) == 0, "not at once again"
        assert apply_waiting(connection, NOW + SECOND) == 1
        assert not is_waiting(connection, NOW + DAY)
    assert (town.state(), town.books()) == (State.SETTLED, "paid")


def test_what_is_nobodys_is_tried_ever_more_seldom_and_set_aside_after_30_days(town: Any) -> None:
    with town.engine.begin() as connection:
        accept(connection, "fake", Notice("event", "another system's", Settled("r")), NOW)
        tries = [NOW]
        while is_waiting(connection, NOW + 400 * DAY):
            assert foreign(connection, 9) == (0, [])
            assert apply_waiting(connection, tries[-1]) == 0
            tries.append(connection.execute(select(INBOX.c.due_at)).scalar_one())
        assert foreign(connection, 9) == (1, [("fake", "event")])
    pauses = [after - before for before, after in pairwise(tries[:-1])]
    assert pauses[:-1] == sorted(pauses[:-1])
    assert len(pauses) <= 25
    assert sum(pauses) == WAITS_MICROS_MAX


def test_what_becomes_known_late_waits_at_most_as_long_again(town: Any) -> None:
    with town.engine.begin() as connection:
        accept(connection, "fake", Notice("event", _key_of("w"), Settled("r")), NOW)
        for seconds in range(600):
            apply_waiting(connection, NOW + seconds * SECOND)
    town.withdraw()
    town.run(town.provider(Fault.SETTLE_LATER))
    with town.engine.begin() as connection:
        assert apply_waiting(connection, NOW + 1_200 * SECOND) == 1
    assert town.state() is State.SETTLED


def test_notices_of_others_never_stand_before_our_own(town: Any) -> None:
    """A round takes a bounded number; those that were tried go behind those that were not."""
    with town.engine.begin() as connection:
        for number in range(WAITING_MAX + 1):
            accept(connection, "fake", Notice(f"event-{number}", f"other-{number}", Settled("r")), NOW)
        accept(connection, "fake", Notice("ours", _key_of("w"), Settled("r")), NOW + 1)
    town.withdraw()
    town.run(town.provider(Fault.SETTLE_LATER))
    with town.engine.begin() as connection:
        assert [apply_waiting(connection, NOW + 2) for _ in range(2)] == [0, 1]
        assert not is_waiting(connection, NOW + 2)
    assert town.state() is State.SETTLED


def test_failed_after_paid_is_kept_for_a_person_and_the_book_stays(town: Any) -> None:
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.fail(town.key())
    assert notify(town, provider, "event") is Effect.CONTRADICTED
    with town.engine.begin() as connection:
        assert contradictions(connection) == [("fake", "event")]
    assert (town.state(), town.books()) == (State.SETTLED, "paid")


def test_paid_then_returned_comes_back_to_the_wallet_once(town: Any) -> None:
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    provider.send_back(town.key())
    assert [notify(town, provider, f"event-{number}") for number in range(3)] == [Effect.APPLIED] * 3
    assert (town.state(), town.books()) == (State.RETURNED, "untouched")


ANSWERS = [Accepted("r"), Settled("r"), Returned("r"), Unknown("?")]


def test_in_any_order_the_book_ends_the_same(town: Any) -> None:
    orders = list(permutations(ANSWERS))
    ids = [town.withdraw(f"w{at}", amount=300_000) for at in range(len(orders))]
    town.run(town.provider(*[Fault.LOSE_REQUEST] * len(orders)))
    for id_, order in zip(ids, orders, strict=True):
        for at, answer in enumerate(order):
            with town.engine.begin() as connection:
                accept(connection, "fake", Notice(f"{id_}/{at}", _key_of(id_), answer), NOW)
    assert {town.state(id_) for id_ in ids} == {State.RETURNED}
    assert town.books() == "untouched"


def test_a_refusal_and_a_settlement_never_both_move_money(town: Any) -> None:
    town.withdraw()
    town.run(town.provider(Fault.LOSE_REQUEST))
    with town.engine.begin() as connection:
        effects = [
            accept(connection, "fake", Notice(str(answer), _key_of("w"), answer), NOW)
            for answer in (Refused("no"), Settled("r"))
        ]
    assert effects == [Effect.APPLIED, Effect.CONTRADICTED]
    assert town.books() == "untouched"


def test_an_unsigned_notification_leaves_no_trace(town: Any) -> None:
    provider = town.provider()
    town.withdraw()
    town.run(provider)
    headers, body = provider.notify(town.key(), "event")
    with town.engine.begin() as connection:
        with pytest.raises(Unverified):
            receive(connection, provider, headers, body + b" ", NOW)
        assert connection.scalar(select(func.count()).select_from(INBOX)) == 0


def test_an_event_that_concerns_no_payment_is_counted_and_ignored(town: Any) -> None:
    with town.engine.begin() as connection:
        effects = [accept(connection, "fake", Notice("event", None, None), NOW) for _ in range(2)]
    assert effects == [Effect.IGNORED, Effect.REPEATED]


def test_the_same_event_id_of_two_providers_is_two_events(town: Any) -> None:
    with town.engine.begin() as connection:
        effects = [accept(connection, name, Notice("event", None, None), NOW) for name in ("a", "b")]
    assert effects == [Effect.IGNORED, Effect.IGNORED]


def _key_of(payout_id: str) -> str:
    return hashlib.sha256(f"{payout_id}/1".encode()).hexdigest()[:32]
