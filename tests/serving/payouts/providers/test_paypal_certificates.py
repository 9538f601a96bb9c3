"""Anybody may name a certificate: what a flood of unsigned notices may cost."""

import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from typing import Any

import pytest

from pipelines.doubles.faulty import serving
from pipelines.doubles.paypal import PayPalDouble
from serving.payouts.identity.sealing import Seal
from serving.payouts.provider import Settled
from serving.payouts.providers.limits import NotSent
from serving.payouts.providers.notices import Notice, Unverified
from serving.payouts.providers.opened import House, open_each
from serving.payouts.providers.paypal_notices import ABSENT_MAX, ABSENT_MICROS, FETCHES_MAX
from serving.payouts.providers.settings import PayPalSettings, Secrets
from serving.payouts.providers.transport import NoAnswer

NOW = 1_000 * 24 * 3_600 * 1_000_000
KEY = "0123456789abcdef0123456789abcdef"
PATIENCE_SECONDS = 60.0
Read = Callable[..., Notice]


@pytest.fixture
def rig(make: Any) -> Any:
    rig = make("paypal")
    rig.send(KEY)
    return rig


@pytest.fixture
def read(rig: Any) -> Read:
    """Reads a notice that PayPal signed, and that names the certificate `name`."""

    def read_one(name: str = "CERT-1", now: int = NOW) -> Notice:
        headers, body = rig.double.notify(KEY, "event", NOW)
        told = {one.lower(): value for one, value in headers.items()} | {"paypal-cert-url": url_of(rig.double, name)}
        notice: Notice = rig.provider.read_notice(told, body, now)
        return notice

    return read_one


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(40) as threads:
        yield threads


def url_of(double: PayPalDouble, name: str) -> str:
    return f"{double.address}/v1/notifications/certs/{name}"


def path_of(name: str) -> str:
    return f"/v1/notifications/certs/{name}"


def until_turned_away(asked: Sequence[Future[Notice]], count: int) -> None:
    """While PayPal answers nobody, only those who do not wait for it can be done."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while sum(one.done() for one in asked) < count:
        assert time.monotonic() < ends_at, "some wait who should not"
        time.sleep(0.01)
    assert {type(one.exception()) for one in asked if one.done()} == {NotSent}


def test_a_certificate_is_fetched_once(rig: Any, read: Read) -> None:
    for _ in range(3):
        assert isinstance(read().answer, Settled)
        rig.double.is_down = True
    assert rig.double.certificates_asked == [path_of("CERT-1")]


def test_many_at_once_ask_for_a_certificate_once_and_nobody_waits_for_another(
    rig: Any, read: Read, threads: ThreadPoolExecutor
) -> None:
    with rig.double.lock:  # PayPal is asked, and has not answered yet
        asked = [threads.submit(read) for _ in range(10)]
        until_turned_away(asked, 9)
    (first,) = [one for one in asked if not isinstance(one.exception(PATIENCE_SECONDS), NotSent)]
    assert isinstance(first.result().answer, Settled)
    assert read() == first.result()
    assert rig.double.certificates_asked == [path_of("CERT-1")]


def test_a_flood_that_names_many_certificates_holds_few_threads(
    rig: Any, read: Read, threads: ThreadPoolExecutor
) -> None:
    with rig.double.lock:
        asked = [threads.submit(read, f"CERT-no-{number}") for number in range(40)]
        until_turned_away(asked, 40 - FETCHES_MAX)
    said = [type(one.exception(PATIENCE_SECONDS)) for one in asked]
    assert (said.count(NotSent), said.count(Unverified)) == (40 - FETCHES_MAX, FETCHES_MAX)
    assert len(rig.double.certificates_asked) == FETCHES_MAX
    assert isinstance(read().answer, Settled), "it gave the threads back"


def test_a_certificate_that_paypal_has_not_is_asked_for_once_in_ten_minutes(rig: Any, read: Read) -> None:
    for now in (NOW, NOW, NOW + ABSENT_MICROS - 1, NOW + ABSENT_MICROS):
        with pytest.raises(Unverified, match="no such certificate"):
            read("CERT-2", now)
    assert rig.double.certificates_asked == [path_of("CERT-2")] * 2


def test_what_is_remembered_of_absent_certificates_is_bounded(rig: Any, read: Read) -> None:
    for name in [*(f"CERT-no-{number}" for number in range(ABSENT_MAX + 1)), f"CERT-no-{ABSENT_MAX}", "CERT-no-0"]:
        with pytest.raises(Unverified):
            read(name)
    assert len(rig.double.certificates_asked) == ABSENT_MAX + 2, "the oldest made room, the newest is remembered"


def test_an_answer_that_was_lost_is_asked_for_again(rig: Any, read: Read) -> None:
    rig.double.is_down = True
    with pytest.raises(NoAnswer):
        read()
    rig.double.is_down = False
    assert isinstance(read().answer, Settled)


def test_a_signature_that_is_none_asks_for_no_certificate(rig: Any) -> None:
    with pytest.raises(Unverified):
        rig.provider.read_notice(
            {"paypal-cert-url": url_of(rig.double, "CERT-1"), "paypal-transmission-sig": "!"}, b"{}", NOW
        )
    assert rig.double.certificates_asked == []


def test_a_flood_takes_nothing_of_the_pace_of_payments() -> None:
    """As opened for a home: of the certificates few are asked a minute, at a door of their own."""
    double = PayPalDouble()
    with serving(double) as address, ExitStack() as doors:
        double.address = address
        told = PayPalSettings(
            name="paypal",
            base_url=address,
            certificates_url=address,
            client_id="id",
            client_secret_from="PAYPAL_SECRET",  # noqa: S106  # a variable's name
            webhook_id="WH",
            calls_per_minute=2,
        )
        house = House(lambda: pytest.fail("no book is needed"), Seal(b"s" * 32), lambda: 0)
        (paypal,) = open_each([told], Secrets({"PAYPAL_SECRET": "long-enough"}), house, doors).values()
        for number in range(1_000):
            headers = {"paypal-cert-url": url_of(double, f"CERT-{number + 2}"), "paypal-transmission-sig": "AAAA"}
            with suppress(Unverified):
                try:
                    paypal.read_notice(headers, b"{}", NOW)  # type: ignore[attr-defined]  # PayPal's has it
                except NotSent:
                    break
        else:
            pytest.fail("a thousand certificates were asked for")
        assert "authorization" in paypal._access.headers()  # type: ignore[attr-defined]  # PayPal's has it
