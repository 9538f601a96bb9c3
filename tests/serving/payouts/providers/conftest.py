"""Every adapter with a double of its provider behind it, over real loopback HTTP; one shape for one suite."""

import shutil
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pipelines.doubles import chain as chain_double
from pipelines.doubles import stripe as stripe_double
from pipelines.doubles import voucher as voucher_double
from pipelines.doubles.alipay import AlipayDouble
from pipelines.doubles.chain import ChainDouble
from pipelines.doubles.faulty import Double, serving
from pipelines.doubles.paypal import WEBHOOK_ID, PayPalDouble
from pipelines.doubles.stripe import StripeDouble
from pipelines.doubles.voucher import VoucherDouble
from serving.database import open_database
from serving.payouts import phases
from serving.payouts.attempts import Attempt
from serving.payouts.fake import Fault
from serving.payouts.identity.sealing import Seal
from serving.payouts.provider import Answer, Provider
from serving.payouts.providers.alipay import AlipayTransfers
from serving.payouts.providers.evm import EvmTransfers, Gas, Token
from serving.payouts.providers.evm_chain import Chain
from serving.payouts.providers.limits import Breaker
from serving.payouts.providers.paypal import PayPalPayouts
from serving.payouts.providers.paypal_access import PayPalAccess
from serving.payouts.providers.paypal_notices import PayPalCertificates
from serving.payouts.providers.stripe import StripeTransfers
from serving.payouts.providers.transport import Door, Manners
from serving.payouts.providers.voucher import Vouchers
from serving.payouts.providers.wallets import Account

NOW = 1_000 * 24 * 3_600 * 1_000_000
SECRETS = ("key-of-the-caller", "secret-of-the-caller")
PATIENT = Manners(deadline_seconds=120, reads_max=2, backoff_seconds=0.01, wait_seconds_max=0.5, pause_seconds=0)
"""The machine may be busy: only who is never answered is given up."""

HURRIED_SECONDS = 2.0
"""Until a server that hangs is given up, as some tests want it: long enough for the request to arrive."""

HANGS = {Fault.TIME_OUT_BEFORE, Fault.TIME_OUT_AFTER, Fault.SLOW}
TEST_KEY = "0x" + "4c" * 32


@dataclass
class Rig:
    """An adapter, its provider's double, and what the suite needs to know of them."""

    double: Double
    provider: Any
    engine: Engine
    currency: str
    people: Callable[[int], str]
    refused: str
    amount_micros: int = 5_000_000
    doors: list[Door] = field(default_factory=list)

    def send(self, key: str, person: str | None = None) -> Answer:
        """As the saga asks first; what will hang is given up soon."""
        for door in self.doors if HANGS & set(self.double.faults) else ():
            door.manners = replace(PATIENT, deadline_seconds=HURRIED_SECONDS)
        try:
            return self._ask(key, person, is_first=True)
        finally:
            for door in self.doors:
                door.manners = PATIENT

    def ask(self, key: str, person: str | None = None, outcome: str | None = "unknown", age: int = 0) -> Answer:
        """As the saga asks later, `age` microseconds after the claim."""
        return self._ask(key, person, is_first=False, outcome=outcome, age=age)

    def tend(self) -> None:
        if isinstance(self.provider, EvmTransfers):
            self.provider.tend()

    def _ask(self, key: str, person: str | None, *, is_first: bool, outcome: str | None = None, age: int = 0) -> Answer:
        attempt = Attempt(
            payout_id=key,
            provider=self.provider.name,
            provider_key=key,
            outcome=outcome,
            created_at=NOW,
            destination=person or self.people(1),
            amount_micros=self.amount_micros,
            currency=self.currency,
            version=1,
            is_first=is_first,
        )
        provider: Provider = self.provider
        return phases.ask(provider, attempt, NOW + age, lambda _: True)


Make = Callable[..., Rig]


@pytest.fixture(scope="session")
def empty_book(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with every table and no row: copying it is quicker than making one."""
    path = tmp_path_factory.mktemp("empty") / "book.db"
    open_database(path).dispose()
    return path


@pytest.fixture
def make(tmp_path: Path, empty_book: Path) -> Iterator[Make]:
    """Builds a rig by its name; every server, door and database is closed afterwards."""
    with ExitStack() as stack:
        numbers = count()

        def make_one(name: str, double: Double | None = None) -> Rig:
            engine = open_database(shutil.copy(empty_book, tmp_path / f"{next(numbers)}.db"))
            stack.callback(engine.dispose)
            own = double or _DOUBLES[name]()
            address = stack.enter_context(serving(own))
            door = stack.enter_context(Door(name, address, PATIENT, breaker=Breaker(failures_max=1_000)))
            rig = _RIGS[name](own, door, engine, address)
            rig.doors = [door]
            return rig

        yield make_one


@pytest.fixture(params=["paypal", "stripe", "alipay", "voucher", "evm"])
def rig(request: pytest.FixtureRequest, make: Make) -> Rig:
    return make(request.param)


def _paypal(double: PayPalDouble, door: Door, engine: Engine, address: str) -> Rig:
    double.address = address
    access, certificates = PayPalAccess(door, *SECRETS), PayPalCertificates(door, address, WEBHOOK_ID)
    provider = PayPalPayouts(door, access, certificates, engine.begin, Seal(b"s" * 32))
    return Rig(double, provider, engine, "USD", lambda n: f"person{n}@example.com", "refused@example.com")


def _stripe(double: StripeDouble, door: Door, engine: Engine, _: str) -> Rig:
    provider = StripeTransfers(door, SECRETS[0], stripe_double.SECRET)
    return Rig(double, provider, engine, "USD", lambda n: f"acct_{n}", "acct_refused")


def _alipay(double: AlipayDouble, door: Door, engine: Engine, _: str) -> Rig:
    provider = AlipayTransfers(door, "2021", double.caller, double.key.public_key(), lambda: NOW)
    return Rig(double, provider, engine, "CNY", lambda n: f"person{n}@example.cn", "refused@example.cn")


def _voucher(double: VoucherDouble, door: Door, engine: Engine, _: str) -> Rig:
    secret = "whsec_" + b64encode(voucher_double.SECRET).decode()
    provider = Vouchers(door, SECRETS[0], secret, Seal(b"s" * 32), engine.begin)
    return Rig(double, provider, engine, "USD", lambda n: f"person{n}@example.com", "refused@example.com")


def _evm(double: ChainDouble, door: Door, engine: Engine, _: str) -> Rig:
    one = chain_double
    token = Token(one.TOKEN_ADDRESS, one.DECIMALS, one.CURRENCY, one.CHAIN_ID)
    gas = Gas(fee_wei_max=50 * 10**9)
    provider = EvmTransfers(Chain(door), Account.from_key(TEST_KEY), token, gas, engine.begin)
    return Rig(double, provider, engine, "USD", lambda n: f"0x{n:040x}", one.REFUSED_ADDRESS)


_DOUBLES: dict[str, Callable[[], Any]] = {
    "paypal": PayPalDouble,
    "stripe": StripeDouble,
    "alipay": AlipayDouble,
    "voucher": VoucherDouble,
    "evm": ChainDouble,
}
_RIGS: dict[str, Callable[..., Rig]] = {
    "paypal": _paypal,
    "stripe": _stripe,
    "alipay": _alipay,
    "voucher": _voucher,
    "evm": _evm,
}
