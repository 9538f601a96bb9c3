"""Which providers pay: one YAML file that ASSAY_PAYOUT_PROVIDERS names, checked whole before anything listens.

No secret stands in the file: a field that ends in `_from` names the environment variable that holds it.
"""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from features.money import exponent_of
from features.written import NotYaml, read_yaml
from serving.payouts.providers.limits import Pace
from serving.payouts.providers.transport import Manners, assert_address
from serving.policy_payouts import FeeRule, PayoutPolicy, Route
from serving.problems import said

VARIABLE: Final = "ASSAY_PAYOUT_PROVIDERS"
BURST_MAX: Final = 50
SECRET_CHARACTERS_MIN: Final = 8
_MINUTE_SECONDS: Final = 60
EXAMPLE: Final = "serving/payouts/providers/example.yaml"


class ProvidersError(ValueError):
    """The file names no providers that can pay; the message names it, each field to be mended and how. It repeats no
    value of the environment, and of the file none but names of variables.
    """


def _variable(name: str) -> str:
    if not (name.isascii() and name.isidentifier() and name == name.upper()):
        raise ValueError(
            "name the environment variable that holds the secret, in capitals, e.g. PAYPAL_CLIENT_SECRET; the secret "
            "itself never stands in the file"
        )
    return name


def _currency(code: str) -> str:
    try:
        exponent_of(code)
    except ValueError:
        raise ValueError("is no ISO 4217 currency, e.g. CNY or USD") from None
    return code


def _address(url: str) -> str:
    assert_address(url)
    if "?" in url or "#" in url:
        raise ValueError("must end with its path: remove what follows ? or #")
    return url


def _evm_address(text: str) -> str:
    if not (text.startswith("0x") and len(text) == 42 and all(one in "0123456789abcdefABCDEF" for one in text[2:])):
        raise ValueError("write the contract's address: 0x and 40 hexadecimal digits, in quotes")
    return text


Variable = Annotated[str, Field(max_length=128), AfterValidator(_variable)]
Currency = Annotated[str, AfterValidator(_currency)]
Address = Annotated[str, AfterValidator(_address)]
Text = Annotated[str, Field(min_length=1, max_length=4_096)]
Kind = Literal["email", "telephone", "wallet_address", "stripe_account", "alipay_user", "account"]


class _Section(BaseModel):
    """What it does not know is refused by its name; a secret that was written by mistake is not repeated."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True, coerce_numbers_to_str=True)


class Common(_Section):
    """What every provider has. An empty list is any; `deadline_seconds` is for one call."""

    currencies: tuple[Currency, ...] = ()
    kinds: tuple[Kind, ...] = ()
    fees: dict[Currency, FeeRule] = {}
    deadline_seconds: Annotated[float, Field(ge=0.1, le=120, allow_inf_nan=False)] = 20.0
    tries_max: Annotated[int, Field(ge=1, le=10)] = 3
    calls_per_minute: Annotated[int, Field(ge=1, le=60_000)] = 6_000

    @property
    def manners(self) -> Manners:
        return Manners(deadline_seconds=self.deadline_seconds, reads_max=self.tries_max)

    @property
    def pace(self) -> Pace:
        return Pace(self.calls_per_minute, _MINUTE_SECONDS, burst=min(BURST_MAX, self.calls_per_minute))


class PayPalSettings(Common):
    """`certificates_url`: where PayPal's signing certificates lie; left out, beside `base_url`, as PayPal has them."""

    name: Literal["paypal"]
    kinds: tuple[Kind, ...] = ("email", "telephone", "account")
    base_url: Address = "https://api-m.paypal.com"
    certificates_url: Address = ""
    client_id: Text
    client_secret_from: Variable
    webhook_id: Text

    @model_validator(mode="before")
    @classmethod
    def _beside(cls, told: Any) -> Any:
        if isinstance(told, dict) and "certificates_url" not in told:
            base = str(told.get("base_url", cls.model_fields["base_url"].default))
            return told | {"certificates_url": base.replace("//api-m.", "//api.", 1)}
        return told


class StripeSettings(Common):
    name: Literal["stripe"]
    kinds: tuple[Kind, ...] = ("stripe_account",)
    base_url: Address = "https://api.stripe.com"
    api_key_from: Variable
    webhook_secret_from: Variable


class AlipaySettings(Common):
    """Keys as PEM or as the bare base64 that Alipay's own tool writes."""

    name: Literal["alipay"]
    currencies: tuple[Literal["CNY"], ...] = ("CNY",)
    kinds: tuple[Kind, ...] = ("alipay_user", "telephone", "email")
    base_url: Address = "https://openapi.alipay.com"
    app_id: Text
    private_key_from: Variable
    alipay_public_key: Text


class VoucherSettings(Common):
    name: Literal["voucher"]
    kinds: tuple[Kind, ...] = ("email",)
    base_url: Address
    api_key_from: Variable
    webhook_secret_from: Variable


class TokenSettings(_Section):
    """See `evm.Token`. `address` in quotes, or YAML reads a number."""

    address: Annotated[str, AfterValidator(_evm_address)]
    decimals: Annotated[int, Field(ge=0, le=36)]
    currency: Currency
    chain_id: Annotated[int, Field(gt=0, lt=2**53)]


class GasSettings(_Section):
    """See `evm.Gas`."""

    fee_wei_max: Annotated[int, Field(gt=0, lt=2**53)]
    units_max: Annotated[int, Field(ge=21_000, le=30_000_000)] = 120_000
    tip_wei: Annotated[int, Field(ge=0, lt=2**53)] = 1_000_000_000
    bump_after_blocks: Annotated[int, Field(ge=1, le=10_000)] = 3
    waiting_max: Annotated[int, Field(ge=1, le=10_000)] = 64
    confirmations: Annotated[int, Field(ge=1, le=10_000)] = 13
    final_blocks: Annotated[int, Field(ge=1, le=100_000)] = 96

    @model_validator(mode="after")
    def _deepening(self) -> Self:
        if self.final_blocks < self.confirmations:
            raise ValueError("final_blocks must not be below confirmations")
        return self


class EvmSettings(Common):
    """The node's address often holds a key of its own, so it is a secret, too."""

    name: Literal["evm"]
    kinds: tuple[Literal["wallet_address"], ...] = ("wallet_address",)
    base_url_from: Variable
    private_key_from: Variable
    token: TokenSettings
    gas: GasSettings

    @model_validator(mode="before")
    @classmethod
    def _of_its_token(cls, told: Any) -> Any:
        token = told.get("token") if isinstance(told, dict) else None
        if isinstance(token, dict) and "currencies" not in told and isinstance(token.get("currency"), str):
            return told | {"currencies": [token["currency"]]}
        return told

    @model_validator(mode="after")
    def _pays_its_token(self) -> Self:
        if self.currencies != (self.token.currency,):
            raise ValueError("currencies must be the token's own, or be left out")
        return self


ProviderSettings = PayPalSettings | StripeSettings | AlipaySettings | VoucherSettings | EvmSettings


class _File(_Section):
    providers: tuple[Annotated[ProviderSettings, Field(discriminator="name")], ...]

    @field_validator("providers")
    @classmethod
    def _each_once(cls, providers: tuple[ProviderSettings, ...]) -> tuple[ProviderSettings, ...]:
        if not providers:
            raise ValueError(f"name those who pay, as {EXAMPLE} does, or unset {VARIABLE}: then a fake pays nobody")
        names = [one.name for one in providers]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise ValueError(f"{twice} is named twice: two accounts at one provider are two services")
        return providers


class Secrets:
    """What the file's variables hold; no part of it is ever shown."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment

    def assert_set(self, told: Iterable[ProviderSettings]) -> None:
        """Raises one `ProvidersError` that names every variable that is not set, by the field that names it; where all
        are, for the first that can be no secret.
        """
        unset = [
            f"{one.name}.{field}: {getattr(one, field)} is not set"
            for one in told
            for field in type(one).model_fields
            if field.endswith("_from") and not self.read(one, field)
        ]
        if unset:
            raise ProvidersError(f"{VARIABLE}: {'; '.join(unset)}: set each where the service starts")
        for one in told:
            for field in (name for name in type(one).model_fields if name in _SENT_AS_THEY_ARE):
                _assert_secret(one, field, self.read(one, field))

    def read(self, settings: ProviderSettings, field: str) -> str:
        """What the variable that the field names holds; empty where it is not set."""
        return self._environment.get(getattr(settings, field), "").strip()


_SENT_AS_THEY_ARE: Final = frozenset({"client_secret_from", "api_key_from", "webhook_secret_from", "base_url_from"})
"""Of other secrets, keys that sign, whoever reads one as a key says whether it is one."""


def _assert_secret(settings: ProviderSettings, field: str, secret: str) -> None:
    is_plain = secret.isascii() and secret.isprintable() and " " not in secret
    if not is_plain or len(secret) < SECRET_CHARACTERS_MIN:
        raise bad(
            settings,
            field,
            f"{getattr(settings, field)} must hold at least {SECRET_CHARACTERS_MIN} printable ASCII characters and no "
            "space: copy it again from the provider",
        )


def bad(settings: ProviderSettings, field: str, remedy: str) -> ProvidersError:
    return ProvidersError(f"{VARIABLE}: {settings.name}.{field}: {remedy}")


def settings_from(environment: Mapping[str, str] = os.environ) -> tuple[ProviderSettings, ...]:
    """In the order of the file, which is that of the routes; empty where no file is named. Raises `ProvidersError`."""
    named = environment.get(VARIABLE, "")
    return read_settings(Path(named)) if named else ()


def read_settings(file: Path) -> tuple[ProviderSettings, ...]:
    """Raises `ProvidersError`."""
    try:
        told = read_yaml(file.read_bytes())
    except OSError as failure:
        raise ProvidersError(
            f"{VARIABLE}: {file} cannot be read ({failure.strerror}): name a file as {EXAMPLE}"
        ) from None
    except NotYaml as error:  # its own words may show what is a secret
        raise ProvidersError(f"{VARIABLE}: {file} is not YAML{error.place}: {error.remedy}") from None
    try:
        return _File.model_validate(told if isinstance(told, dict) else {"providers": told}).providers
    except ValidationError as error:
        raise ProvidersError(f"{VARIABLE}: {file}: {'; '.join(map(_said, error.errors()))}") from None


def paying(policy: PayoutPolicy, told: tuple[ProviderSettings, ...]) -> PayoutPolicy:
    """The policy whose routes and fees are those of the providers' file; as it is where there is none."""
    if not told:
        return policy
    routes = tuple(Route(provider=one.name, currencies=one.currencies, kinds=one.kinds) for one in told)
    return policy.model_copy(update={"routes": routes, "fees": {one.name: one.fees for one in told if one.fees}})


_SAID: Final = {
    "extra_forbidden": "is no field of it: remove it, or correct its name",
    "invalid_key": "is no name of a field: remove it, or correct it",
    "union_tag_not_found": "needs a name: paypal, stripe, alipay, voucher or evm",
    "union_tag_invalid": "name must be paypal, stripe, alipay, voucher or evm",
}


def _said(error: Any) -> str:
    names = ("paypal", "stripe", "alipay", "voucher", "evm")
    place, *rest = [one for one in error["loc"] if one not in names] or ["providers"]
    path = "".join(f"[{one}]" if isinstance(one, int) else f".{one}" for one in rest)
    return f"{place}{path}: {_SAID.get(error['type']) or said(error)}"
