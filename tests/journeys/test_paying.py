"""People are paid by providers that a file names: told where to, paid once through kills, and nothing is ever shown."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from features.home import Home
from features.log import recorded_now
from pipelines.bench.running import START_SECONDS_MAX, free_port, wait_until_ready
from pipelines.doubles.faulty import Double, serving
from pipelines.doubles.paypal import WEBHOOK_ID, PayPalDouble
from pipelines.doubles.stripe import StripeDouble
from serving.database import open_database, reading
from serving.ledger.proofs import check
from serving.payouts.fake import Fault, PaymentState

Make = Callable[..., dict[str, Any]]
WAIT_SECONDS_MAX = 120
MAILBOX = "zebulon.quackenbush@example.com"
SECRETS = {"TOLD_PAYPAL": "paypal-Zebulon-1961", "TOLD_STRIPE": "stripe-Zebulon-1961", "TOLD_HOOK": "hook-Zebulon-1961"}


class Shop:
    """A home that is served with a file of providers, and can be killed; all that it ever said is in one file."""

    def __init__(self, home: Home, folder: Path, paypal: str, stripe: str) -> None:
        self.home, self.log, self.file = home, folder / "log.jsonl", folder / "providers.yaml"
        fees = {"CNY": {"fixed_micros": 100_000, "paid_by": "person"}}
        hooks = {"webhook_secret_from": "TOLD_HOOK"}
        providers = [
            {"name": "paypal", "base_url": paypal, "client_id": "AX", "client_secret_from": "TOLD_PAYPAL"}
            | {"webhook_id": WEBHOOK_ID, "kinds": ["email"], "fees": fees},
            {"name": "stripe", "base_url": stripe, "api_key_from": "TOLD_STRIPE", "deadline_seconds": 120} | hooks,
        ]
        self.file.write_text(yaml.safe_dump({"providers": providers}, sort_keys=False))

    @contextmanager
    def served(self, end: signal.Signals) -> Iterator[httpx.Client]:
        port = free_port()
        told = {"ASSAY_HOME": str(self.home.root), "ASSAY_DATABASE": "", "ASSAY_PAYOUT_PROVIDERS": str(self.file)}
        command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, env=os.environ | told | SECRETS, text=True, stdout=log, stderr=log)
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}")
            with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=START_SECONDS_MAX) as client:
                yield client
            process.send_signal(end)
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
        assert process.returncode == (0 if end is signal.SIGTERM else -end)

    def written(self) -> bytes:
        """Every byte that the home and its log hold."""
        files = [file for file in self.home.root.rglob("*") if file.is_file()]
        return b"\n".join(file.read_bytes() for file in [*files, self.log])


@pytest.fixture
def doubles() -> Iterator[tuple[PayPalDouble, StripeDouble, dict[str, str]]]:
    paypal, stripe = PayPalDouble(), StripeDouble()
    paypal.first_state = PaymentState.ACCEPTED
    with serving(paypal) as at, serving(stripe) as beside:
        paypal.address = at
        yield paypal, stripe, {"paypal": at, "stripe": beside}


def keep(client: httpx.Client, user: str, destination: str) -> str:
    body = {"user_id": user, "destination": destination}
    kept = client.post("/v1/payouts/destinations", json=body, headers={"Idempotency-Key": f"keep-{user}"})
    assert kept.status_code == 200, kept.text
    return str(kept.json()["payout_destination"])


def withdraw(client: httpx.Client, event: Make, user: str, destination: str) -> str:
    """Earned, asked for, and approved: by a person, where the model would not."""
    own = {"user_id": user, "devices": [{"id": f"{user}-phone", "kind": "install"}]}
    assert client.post("/v1/score/event", json=event(**own)).json()["decision"] == "approve"
    body = event(kind="withdrawal_requested", payout_destination=destination, amount_micros=700_000, **own)
    for name in ("revenue_micros", "reward_micros", "campaign_id", "partner_id"):
        del body[name]
    answer = client.post("/v1/score/withdrawal", json=body).json()
    genuine = {"kind": "disposition", "disposition": "genuine", "caused_by": "person"}
    about = {
        "event_id": f"o-{body['event_id']}",
        "subject_event_id": body["event_id"],
        "occurred_at": event()["occurred_at"],
    }
    if answer["decision"] != "approve":
        assert client.post("/v1/outcomes", json=about | genuine).json()["decision_revised"], answer
    return str(body["event_id"])


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + WAIT_SECONDS_MAX
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def taken(double: Double) -> list[tuple[str, int]]:
    return [(one.destination, one.amount_micros) for one in double.taken()]


def test_a_person_is_paid_once_through_a_kill_and_hears_of_it_by_a_notice_and_nothing_is_shown(
    home: Home, tmp_path: Path, event: Make, doubles: tuple[PayPalDouble, StripeDouble, dict[str, str]]
) -> None:
    paypal, stripe, at = doubles
    shop = Shop(home, tmp_path, **at)
    stripe.faults.append(Fault.TIME_OUT_BEFORE)
    with shop.served(signal.SIGKILL) as client:
        hanging = withdraw(client, event, "bob", keep(client, "bob", "acct_quackenbush"))
        until(lambda: len(stripe.writes) == 1, "stripe was never asked")
        digest = keep(client, "ann", MAILBOX)
        quote = {"user_id": "ann", "amount_micros": 700_000, "currency": "CNY", "payout_destination": digest}
        assert client.post("/v1/payouts/quotes", json=quote).json()["provider"] == "paypal"
        payout = withdraw(client, event, "ann", digest)
        until(lambda: bool(paypal.taken()), "a provider that hangs stopped another")
    with shop.served(signal.SIGTERM) as client:
        (key,) = [one.key for one in paypal.taken()]
        paypal.move(key, PaymentState.SETTLED)
        headers, body = paypal.notify(key, "WH-EVENT-1", recorded_now())
        effects = [
            client.post("/v1/payouts/webhooks/paypal", content=body, headers=headers).json()["effect"] for _ in range(2)
        ]
        assert effects == ["applied", "repeated"]
        settled = client.get(f"/v1/payouts/{payout}").json()
        assert (settled["state"], settled["attempts"], settled["fee_micros"]) == ("settled", 1, 100_000)
        assert client.get(f"/v1/payouts/{hanging}").json()["attempts"] == 1
        assert client.get("/v1/ledger/wallets/ann").json()["available_micros"] == 300_000
    assert taken(paypal) == [(MAILBOX, 600_000)], "paid once, less the fee that the person was quoted"
    assert_sound_and_silent(shop)


def assert_sound_and_silent(shop: Shop) -> None:
    """The book is whole, and no place of the home or its log shows where people are paid, or a secret."""
    engine = open_database(shop.home.records)
    with reading(engine) as connection:
        assert check(connection) == []
    engine.dispose()
    written = shop.written()
    assert b'"payout_providers"' in written
    for shown in (*SECRETS.values(), MAILBOX, "quackenbush"):
        assert shown.encode() not in written.lower() + written, shown


def test_a_service_does_not_start_without_a_secret_that_its_file_names(tmp_path: Path) -> None:
    shop = Shop(Home(tmp_path / "home"), tmp_path, "http://127.0.0.1:1", "http://127.0.0.1:1")
    told = {"ASSAY_HOME": str(shop.home.root), "ASSAY_DATABASE": "", "ASSAY_PAYOUT_PROVIDERS": str(shop.file)}
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(free_port())]
    few = os.environ | told | SECRETS | {"TOLD_STRIPE": ""}
    done = subprocess.run(command, env=few, text=True, capture_output=True, check=False)
    said = " ".join((done.stdout + done.stderr).split())
    assert done.returncode != 0
    assert "stripe.api_key_from: TOLD_STRIPE is not set: set each where the service starts" in said
    assert "Zebulon" not in said
