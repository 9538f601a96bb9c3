"""The file of providers: what it may say, how it is refused, and that no secret is ever repeated."""

from base64 import b64encode
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pipelines.doubles.faulty import rsa_key
from serving.payouts.fees import fee_of
from serving.payouts.identity.sealing import Seal
from serving.payouts.providers.notices import Notifier
from serving.payouts.providers.opened import House, open_each
from serving.payouts.providers.settings import (
    VARIABLE,
    ProvidersError,
    Secrets,
    paying,
    read_settings,
    settings_from,
)
from serving.payouts.routes import NoRoute, route
from serving.policy import load_policy

EXAMPLE = Path(__file__).parents[4] / "serving" / "payouts" / "providers" / "example.yaml"
SECRET = "Zebulon-Quackenbush-1961"  # noqa: S105  # opens nothing
PAYPAL = {"name": "paypal", "client_id": "AX", "client_secret_from": "PAYPAL_SECRET", "webhook_id": "WH-1"}
STRIPE = {"name": "stripe", "api_key_from": "STRIPE_KEY", "webhook_secret_from": "STRIPE_WEBHOOK"}
VOUCHER = {
    "name": "voucher",
    "base_url": "https://v.example.com",
    "api_key_from": "VOUCHER_KEY",
    "webhook_secret_from": "VOUCHER_WEBHOOK",
}
TOKEN = {"address": "0x" + "ab" * 20, "decimals": 6, "currency": "USD", "chain_id": 1}
EVM = {"name": "evm", "base_url_from": "EVM_NODE", "private_key_from": "EVM_KEY", "token": TOKEN}
EVM |= {"gas": {"fee_wei_max": 60 * 10**9}}
NO_ADDRESSES = ("https://x.com:abc", "https://xn--", "https://[::1", "https://x.com/\0")
ENVIRONMENT = {
    "PAYPAL_CLIENT_SECRET": SECRET,
    "STRIPE_API_KEY": SECRET,
    "STRIPE_WEBHOOK_SECRET": SECRET,
    "VOUCHER_API_KEY": SECRET,
    "VOUCHER_WEBHOOK_SECRET": "whsec_" + b64encode(SECRET.encode() * 2).decode(),
    "EVM_NODE": "https://node.example.com/v3/" + SECRET,
    "EVM_PRIVATE_KEY": "0x" + "4c" * 32,
}

Told = Callable[..., Path]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    """Writes a file of these providers."""

    def write(*providers: Any) -> Path:
        file = tmp_path / "providers.yaml"
        file.write_text(yaml.safe_dump({"providers": list(providers)}, sort_keys=False))
        return file

    return write


def environment() -> dict[str, str]:
    private = rsa_key("caller").private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return ENVIRONMENT | {"ALIPAY_PRIVATE_KEY": b64encode(private).decode()}


def opened(file: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Every door opened and closed, and nobody asked."""
    with ExitStack() as doors:
        house = House(lambda: pytest.fail("no book is needed yet"), Seal(b"s" * 32), lambda: 0)
        return dict(open_each(read_settings(file), Secrets(environment), house, doors))


def refusal(file: Path, environment: dict[str, str] | None = None) -> str:
    with pytest.raises(ProvidersError) as refused:
        opened(file, environment or {})
    assert str(refused.value).startswith(f"{VARIABLE}: ")
    assert SECRET not in str(refused.value)
    return str(refused.value)


def test_the_shipped_example_opens_with_its_secrets() -> None:
    providers = opened(EXAMPLE, environment())
    assert list(providers) == ["paypal", "stripe", "alipay", "voucher", "evm"]
    assert [name for name, one in providers.items() if isinstance(one, Notifier)] == list(providers)[:-1]
    assert SECRET not in repr(providers) + repr(read_settings(EXAMPLE)) + repr(Secrets(environment()))


def test_without_a_file_nobody_is_named_and_the_policy_stays_as_it_is() -> None:
    assert settings_from({}) == settings_from({VARIABLE: ""}) == ()
    policy = load_policy().payouts
    assert paying(policy, ()) is policy


def test_the_order_of_the_file_is_that_of_the_routes_and_each_pays_what_it_can(told: Told) -> None:
    fees = {"USD": {"fixed_micros": 250_000, "paid_by": "person"}}
    policy = paying(load_policy().payouts, read_settings(told(PAYPAL | {"fees": fees}, STRIPE, EVM)))
    found = {
        ("EUR", "email"): "paypal",
        ("EUR", "account"): "paypal",
        ("EUR", "stripe_account"): "stripe",
        ("USD", "wallet_address"): "evm",
    }
    assert {asked: route(*asked, policy).provider for asked in found} == found
    with pytest.raises(NoRoute):
        route("EUR", "wallet_address", policy)
    assert fee_of(5_000_000, "USD", policy.fees["paypal"]["USD"]) == 250_000


def test_paypal_s_certificates_lie_where_paypal_has_them(told: Told) -> None:
    (live,) = read_settings(told(PAYPAL))
    (sandbox,) = read_settings(told(PAYPAL | {"base_url": "https://api-m.sandbox.paypal.com"}))
    (own,) = read_settings(told(PAYPAL | {"base_url": "http://127.0.0.1:1"}))
    assert [one.certificates_url for one in (live, sandbox, own)] == [  # type: ignore[union-attr]  # all are PayPal's
        "https://api.paypal.com",
        "https://api.sandbox.paypal.com",
        "http://127.0.0.1:1",
    ]


@pytest.mark.parametrize("field", ["deadline_seconds", "tries_max", "calls_per_minute"])
def test_deadline_and_pace_have_a_default_and_a_least(told: Told, field: str) -> None:
    (default,) = read_settings(told(STRIPE))
    assert (default.manners.deadline_seconds, default.manners.reads_max, default.pace.count) == (20, 3, 6_000)
    assert f"providers[0].{field}: " in refusal(told(STRIPE | {field: 0}))
    (slow,) = read_settings(told(STRIPE | {"calls_per_minute": 2, "deadline_seconds": 1.5}))
    assert (slow.manners.deadline_seconds, slow.pace.count, slow.pace.burst) == (1.5, 2, 2)


@pytest.mark.parametrize(
    ("provider", "said"),
    [
        (STRIPE | {"secret": SECRET}, "providers[0].secret: is no field of it: remove it"),
        (STRIPE | {"api_key_from": SECRET}, "providers[0].api_key_from: name the environment variable"),
        (
            STRIPE | {"base_url": f"http://{SECRET}.example.com"},
            "providers[0].base_url: must begin with https",
        ),
        (STRIPE | {"base_url": f"https://me:{SECRET}@x.com"}, "providers[0].base_url: must hold no password"),
        (STRIPE | {"currencies": [SECRET]}, "providers[0].currencies[0]: "),
        (STRIPE | {"kinds": [SECRET]}, "providers[0].kinds[0]: "),
        (STRIPE | {"fees": {"USD": {"fixed_micros": 1}}}, "providers[0].fees.USD.paid_by: is required"),
        ({"name": "stripe", "api_key_from": "A"}, "providers[0].webhook_secret_from: is required"),
        ({"name": SECRET}, "providers[0]: name must be paypal, stripe, alipay, voucher or evm"),
        ({"api_key_from": "A"}, "providers[0]: needs a name: paypal"),
        (EVM | {"token": TOKEN | {"address": 5}}, "providers[0].token.address: write the contract's address"),
        (EVM | {"gas": {}}, "providers[0].gas.fee_wei_max: is required"),
        (EVM | {"currencies": ["EUR"]}, "providers[0]: currencies must be the token's own"),
        (VOUCHER | {"base_url": SECRET}, "providers[0].base_url: "),
        *((VOUCHER | {"base_url": url}, "providers[0].base_url: is no address: ") for url in NO_ADDRESSES),
        *((VOUCHER | {"base_url": f"https://x.com:{port}"}, "base_url: has a port that") for port in (0, 65_536, -1)),
        (VOUCHER | {"base_url": "https://x.com/a b"}, "providers[0].base_url: must hold no blank"),
        (VOUCHER | {"base_url": f"https://x.com/?key={SECRET}"}, "providers[0].base_url: must end with its path"),
        (STRIPE | {"deadline_seconds": 10**400}, "providers[0].deadline_seconds: must be a number"),
        (STRIPE | {"kinds": "email"}, "providers[0].kinds: must be a list"),
        (STRIPE | {5: 6}, "providers[0][5]: is no name of a field"),
        (5, "providers[0]: must be an object"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_field_and_remedy(told: Told, provider: Any, said: str) -> None:
    assert said in refusal(told(provider))


def test_a_provider_is_named_once_and_one_is_named(told: Told) -> None:
    assert "stripe is named twice" in refusal(told(STRIPE, STRIPE))
    assert "providers: " in refusal(told())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"providers: [\n  {SECRET}: {{", "is not YAML, line"),
        (f"{SECRET}", "providers: "),
        (f"{SECRET}: 5\nproviders: []", f"{VARIABLE}: "),
        ("providers: 5", "providers: must be a list"),
        ("providers: []\nprovider: []", "provider: is no field of it: remove it, or correct its name"),
        (
            f"providers:\n- name: stripe\n  api_key_from: {SECRET}\n  name: evm",
            "is not YAML, line 4: give each key once",
        ),
        ("providers:\n- name: 2026-13-45", "is not YAML, line 2: correct the date, number or tag there"),
        ("providers:\n- name: " + "9" * 5_000, "is not YAML, line 2: correct the date, number or tag there"),
        ("[" * 5_000, "is not YAML: nest it as the shipped one"),
        ("providers: \0", "is not YAML: save it as text in UTF-8"),
    ],
)
def test_a_file_of_another_form_is_refused_without_being_shown(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "providers.yaml"
    file.write_text(text)
    if SECRET in text.partition(":")[0]:  # the name of a field may be told: a value may not
        with pytest.raises(ProvidersError, match=VARIABLE):
            read_settings(file)
    else:
        assert said in refusal(file)


def test_a_file_that_is_not_there_is_named_with_the_remedy(tmp_path: Path) -> None:
    said = refusal(tmp_path / "none.yaml")
    assert "none.yaml cannot be read" in said
    assert "example.yaml" in said


@pytest.mark.parametrize(
    ("provider", "field", "variables"),
    [
        (PAYPAL, "paypal.client_secret_from", {}),
        (PAYPAL, "paypal.client_secret_from", {"PAYPAL_SECRET": " "}),
        (STRIPE, "stripe.webhook_secret_from", {"STRIPE_KEY": SECRET}),
        (VOUCHER, "voucher.webhook_secret_from", {"VOUCHER_KEY": SECRET, "VOUCHER_WEBHOOK": f"whsec_{SECRET}!"}),
        (EVM, "evm.private_key_from", {"EVM_KEY": SECRET, "EVM_NODE": "https://x.com"}),
        (EVM, "evm.base_url_from", {"EVM_KEY": "0x" + "4c" * 32, "EVM_NODE": f"http://x.com/{SECRET}"}),
        (EVM, "evm.base_url_from", {"EVM_KEY": "0x" + "4c" * 32}),
    ],
)
def test_a_secret_that_is_missing_or_damaged_is_named_by_its_field(
    told: Told, provider: Any, field: str, variables: dict[str, str]
) -> None:
    assert refusal(told(provider), variables).startswith(f"{VARIABLE}: {field}: ")


@pytest.mark.parametrize(
    "secret", ["whsec_" + text for text in ("!!!!!!!!", "AA==AA==", "", "QUJD" * 7 + "\n!", "QUJD" * 7 + "Q")]
)
def test_a_voucher_s_webhook_secret_that_anybody_could_guess_is_refused(told: Told, secret: str) -> None:
    said = refusal(told(VOUCHER), {"VOUCHER_KEY": SECRET, "VOUCHER_WEBHOOK": secret})
    assert said.startswith(f"{VARIABLE}: voucher.webhook_secret_from: VOUCHER_WEBHOOK must hold ")


@pytest.mark.parametrize("bare", ["", "whsec_"])
def test_a_voucher_s_webhook_secret_has_its_prefix_and_24_bytes(told: Told, bare: str) -> None:
    variables = {"VOUCHER_KEY": SECRET, "VOUCHER_WEBHOOK": bare + b64encode(b"s" * 24).decode()}
    if bare:
        assert list(opened(told(VOUCHER), variables)) == ["voucher"]
        variables["VOUCHER_WEBHOOK"] = bare + b64encode(b"s" * 23).decode()
    assert "VOUCHER_WEBHOOK must hold whsec_ and the base64 of at least 24" in refusal(told(VOUCHER), variables)


@pytest.mark.parametrize("secret", ["vk_é-of-the-shop", "two words of it", "7-chars", "with\na-break", "with\0a-null"])
@pytest.mark.parametrize(
    ("provider", "field"),
    [
        (PAYPAL, "client_secret_from"),
        (STRIPE, "api_key_from"),
        (STRIPE, "webhook_secret_from"),
        (VOUCHER, "api_key_from"),
        (VOUCHER, "webhook_secret_from"),
        (EVM, "base_url_from"),
    ],
)
def test_a_secret_that_no_header_can_carry_is_refused_at_the_start(
    told: Told, provider: Any, field: str, secret: str
) -> None:
    variables = {variable: SECRET for name, variable in provider.items() if name.endswith("_from")}
    said = refusal(told(provider), variables | {provider[field]: secret})
    assert said.startswith(f"{VARIABLE}: {provider['name']}.{field}: {provider[field]} must hold at least 8 printable")
    assert secret not in said


def test_all_variables_that_are_not_set_are_named_at_once(told: Told) -> None:
    assert refusal(told(PAYPAL, STRIPE), {"STRIPE_KEY": SECRET}) == (
        f"{VARIABLE}: paypal.client_secret_from: PAYPAL_SECRET is not set; "
        "stripe.webhook_secret_from: STRIPE_WEBHOOK is not set: set each where the service starts"
    )


def test_a_key_that_is_no_rsa_key_is_refused(told: Told) -> None:
    alipay = {"name": "alipay", "app_id": 2021, "private_key_from": "KEY", "alipay_public_key": SECRET}
    assert "alipay.private_key_from: it must be an RSA key" in refusal(told(alipay), {"KEY": SECRET})
    variables = {"KEY": environment()["ALIPAY_PRIVATE_KEY"]}
    assert "alipay.alipay_public_key: it must be an RSA key" in refusal(told(alipay), variables)
