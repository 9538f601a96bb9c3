"""The receiver's settings: one address that is https or this machine, and secrets that sign."""

from pathlib import Path

import pytest
from standardwebhooks import Webhook

from serving.outbox.receiver import Receiver

SECRET = "whsec_" + "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVowMTIzNDU="
OTHER = "whsec_" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


def made(url: str = "https://platform.example/hooks", **more: str) -> Receiver | None:
    return Receiver.from_environment({"ASSAY_WEBHOOK_URL": url, "ASSAY_WEBHOOK_SECRET": SECRET} | more)


def test_no_address_means_that_nobody_is_posted_anything() -> None:
    assert Receiver.from_environment({}) is None
    assert Receiver.from_environment({"ASSAY_WEBHOOK_URL": "", "ASSAY_WEBHOOK_SECRET": SECRET}) is None


@pytest.mark.parametrize(
    "url",
    ["https://platform.example", "https://platform.example:8443/a?b=c", "http://127.0.0.1:9", "http://[::1]:9/x"],
)
def test_an_address_is_https_or_on_this_machine(url: str) -> None:
    assert made(url) is not None


@pytest.mark.parametrize(
    "url",
    [
        "http://platform.example/hooks",
        "http://127.0.0.1.platform.example/",
        "http://localhost@platform.example/",
        "ftp://127.0.0.1/hooks",
        "file:///etc/passwd",
        "gopher://127.0.0.1:6379/_FLUSHALL",
        "platform.example/hooks",
        "https:///hooks",
        "https://user:password@platform.example/",
        "https://platform.example/#hooks",
        "http://[::1",
    ],
)
def test_every_other_address_is_refused_with_the_remedy(url: str) -> None:
    with pytest.raises(ValueError, match="ASSAY_WEBHOOK_URL"):
        made(url)


@pytest.mark.parametrize("secret", ["", " ", "whsec_", "whsec_c2hvcnQ=", "secret", SECRET[6:], "whsec_not base64"])
def test_a_secret_that_is_none_is_refused_with_the_remedy_and_not_repeated(secret: str) -> None:
    with pytest.raises(ValueError, match=r"ASSAY_WEBHOOK_SECRET.*secrets\.token_bytes") as refused:
        made(ASSAY_WEBHOOK_SECRET=secret)
    assert len(secret) <= len("whsec_") or secret not in str(refused.value)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    found, plain = made(ASSAY_WEBHOOK_SECRET="", ASSAY_WEBHOOK_SECRET_FILE=str(tmp_path / "secret")), made()
    assert found is not None
    assert plain is not None
    assert found.headers("m", 1, "{}") == plain.headers("m", 1, "{}")
    with pytest.raises(ValueError, match="ASSAY_WEBHOOK_SECRET_FILE"):
        made(ASSAY_WEBHOOK_SECRET="", ASSAY_WEBHOOK_SECRET_FILE=str(tmp_path / "absent"))


@pytest.mark.parametrize("secret", [SECRET, OTHER])
def test_while_a_secret_is_replaced_both_verify(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    import time  # noqa: PLC0415  # the library judges by the clock

    receiver = made(ASSAY_WEBHOOK_SECRET=f"{SECRET} {OTHER}")
    assert receiver is not None
    headers = receiver.headers("msg_1", int(time.time()) * 1_000_000, '{"a": 1}')
    assert Webhook(secret).verify('{"a": 1}', headers) == {"a": 1}


def test_the_secret_stands_in_no_log() -> None:
    assert SECRET[6:20] not in repr(made())
