"""The providers that a file names, ready to pay: each with doors of its own, so that none waits for another."""

from base64 import b64decode
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, Final

import httpx
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)
from sqlalchemy import Connection

from serving.payouts.identity.sealing import Seal
from serving.payouts.provider import Provider
from serving.payouts.providers.alipay import AlipayTransfers
from serving.payouts.providers.paypal import PayPalPayouts
from serving.payouts.providers.paypal_access import PayPalAccess
from serving.payouts.providers.paypal_notices import MANNERS, PayPalCertificates, certificates_pace
from serving.payouts.providers.settings import (
    AlipaySettings,
    EvmSettings,
    PayPalSettings,
    ProviderSettings,
    Secrets,
    StripeSettings,
    VoucherSettings,
    bad,
)
from serving.payouts.providers.stripe import StripeTransfers
from serving.payouts.providers.transport import Door, assert_address
from serving.payouts.providers.voucher import Vouchers

_PEM: Final = b"-----BEGIN"


@dataclass(frozen=True, repr=False)
class House:
    """What adapters need of ours. `clock` gives microseconds since 1970."""

    begin: Callable[[], AbstractContextManager[Connection]]
    seal: Seal
    clock: Callable[[], int]


def open_each(
    told: Sequence[ProviderSettings], secrets: Secrets, house: House, doors: ExitStack
) -> dict[str, Provider]:
    """By name, with nobody asked yet; `doors` closes them. Raises `ProvidersError` for all secrets that are not there,
    or for one that cannot be meant.
    """
    secrets.assert_set(told)
    return {one.name: _OPENERS[type(one)](one, secrets, house, doors) for one in told}


def _paypal(told: PayPalSettings, secrets: Secrets, house: House, doors: ExitStack) -> PayPalPayouts:
    door = _door(told, told.base_url, doors)
    access = PayPalAccess(door, told.client_id, secrets.read(told, "client_secret_from"))
    pace = certificates_pace()
    asked = doors.enter_context(Door("paypal-certificates", told.certificates_url, MANNERS, pace, pace))
    certificates = PayPalCertificates(asked, told.certificates_url, told.webhook_id)
    return PayPalPayouts(door, access, certificates, house.begin, house.seal)


def _stripe(told: StripeSettings, secrets: Secrets, _: House, doors: ExitStack) -> StripeTransfers:
    api_key, webhook_secret = secrets.read(told, "api_key_from"), secrets.read(told, "webhook_secret_from")
    return StripeTransfers(_door(told, told.base_url, doors), api_key, webhook_secret)


def _alipay(told: AlipaySettings, secrets: Secrets, house: House, doors: ExitStack) -> AlipayTransfers:
    private = _key(told, "private_key_from", secrets.read(told, "private_key_from"), is_private=True)
    public = _key(told, "alipay_public_key", told.alipay_public_key, is_private=False)
    return AlipayTransfers(_door(told, told.base_url, doors), told.app_id, private, public, house.clock)


def _voucher(told: VoucherSettings, secrets: Secrets, house: House, doors: ExitStack) -> Vouchers:
    api_key, webhook_secret = secrets.read(told, "api_key_from"), secrets.read(told, "webhook_secret_from")
    try:
        return Vouchers(_door(told, told.base_url, doors), api_key, webhook_secret, house.seal, house.begin)
    except ValueError as wrong:
        raise bad(told, "webhook_secret_from", f"{told.webhook_secret_from} {wrong}") from None


def _evm(told: EvmSettings, secrets: Secrets, house: House, doors: ExitStack) -> Provider:
    # Imported late: the library of wallets takes a second, and most homes pay to none.
    from serving.payouts.providers.evm import EvmTransfers, Gas, Token  # noqa: PLC0415  # see above
    from serving.payouts.providers.evm_chain import Chain  # noqa: PLC0415  # see above
    from serving.payouts.providers.wallets import Account  # noqa: PLC0415  # see above

    try:
        account = Account.from_key(secrets.read(told, "private_key_from"))
    except (ValueError, TypeError):
        raise bad(told, "private_key_from", "the variable must hold a key of 64 hexadecimal digits") from None
    node = httpx.URL(_node(told, secrets))
    door = _door(told, str(node.copy_with(raw_path=b"/")), doors)
    token, gas = Token(**told.token.model_dump()), Gas(**told.gas.model_dump())
    return EvmTransfers(Chain(door, node.raw_path.decode()), account, token, gas, house.begin)


def _node(told: EvmSettings, secrets: Secrets) -> str:
    address = secrets.read(told, "base_url_from")
    try:
        assert_address(address)
    except ValueError as wrong:
        raise bad(told, "base_url_from", f"the address in {told.base_url_from} {wrong}") from None
    return address


def _door(told: ProviderSettings, base_url: str, doors: ExitStack) -> Door:
    return doors.enter_context(Door(told.name, base_url, told.manners, told.pace, told.pace))


def _key(told: AlipaySettings, field: str, text: str, *, is_private: bool) -> Any:
    """As PEM, or as the bare base64 of DER."""
    said = text.strip().encode()
    key: Any
    try:
        if is_private:
            key = load_pem_private_key(said, None) if _is_pem(said) else load_der_private_key(b64decode(said), None)
        else:
            key = load_pem_public_key(said) if _is_pem(said) else load_der_public_key(b64decode(said))
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, RSAPrivateKey if is_private else RSAPublicKey):
        raise bad(told, field, "it must be an RSA key, in PEM or in base64 as Alipay's tool writes it")
    return key


def _is_pem(text: bytes) -> bool:
    return text.startswith(_PEM)


_OPENERS: Final[dict[type, Callable[..., Provider]]] = {
    PayPalSettings: _paypal,
    StripeSettings: _stripe,
    AlipaySettings: _alipay,
    VoucherSettings: _voucher,
    EvmSettings: _evm,
}
