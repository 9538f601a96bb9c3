"""What the house rules look at: the files of the repository, also those that are new and not yet committed."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("features", "training", "serving", "pipelines")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def files() -> list[Path]:
    """Paths relative to the root, of everything that git keeps or would keep."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    return [Path(name) for name in sorted(set(names)) if name and (ROOT / name).is_file()]


@pytest.fixture(scope="session")
def texts(files: list[Path]) -> dict[Path, str]:
    """The text of every file that is text."""
    found = {}
    for file in files:
        content = (ROOT / file).read_bytes()
        if b"\0" not in content:
            found[file] = content.decode("utf-8", errors="replace")
    return found


@pytest.fixture(scope="session")
def python(texts: dict[Path, str]) -> dict[Path, str]:
    """The source of every Python file."""
    return {file: text for file, text in texts.items() if file.suffix == ".py"}


@pytest.fixture(scope="session")
def product(python: dict[Path, str]) -> dict[Path, str]:
    """The source of the four packages, without tests and notebooks."""
    return {file: text for file, text in python.items() if file.parts[0] in PACKAGES}
