"""A home's secret is whole or absent, and the same for everybody who asks."""

import resource
import signal
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from features.secrets import SECRET_BYTES, secret_of


@contextmanager
def full_disk() -> Iterator[None]:
    """No file of this process may grow, for as long as nobody else writes: the test's own report is a file, too."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_it_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "home" / "offer.key"
    secret = secret_of(file)
    assert len(secret) == SECRET_BYTES
    assert secret_of(file) == secret
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [one.name for one in file.parent.iterdir()] == ["offer.key"]


def test_a_disk_that_takes_nothing_leaves_no_empty_secret(tmp_path: Path) -> None:
    file = tmp_path / "offer.key"
    with pytest.raises(OSError, match="File too large"), full_disk():
        secret_of(file)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("held", [b"", b"short", b"x" * 33])
def test_a_secret_of_another_length_is_refused_with_the_remedy(tmp_path: Path, held: bytes) -> None:
    file = tmp_path / "export.key"
    file.write_bytes(held)
    with pytest.raises(ValueError, match=f"holds {len(held)} bytes, a secret has 32: put the file back") as refused:
        secret_of(file)
    assert str(file) in str(refused.value)
    assert file.read_bytes() == held


def test_all_who_ask_at_once_get_the_same(tmp_path: Path) -> None:
    with ThreadPoolExecutor(16) as pool:
        assert len(set(pool.map(secret_of, [tmp_path / "offer.key"] * 64))) == 1
