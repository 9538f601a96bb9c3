"""House rules of the folders and of what is written in any file."""

import re
import tomllib
from pathlib import Path

import pytest

from features.table import WINDOWS

HERE = Path("tests/house/test_layout.py")  # it must spell out what the others must not contain
FORBIDDEN = {
    r"(?<![\w.}])/(tmp|root)/": "a path of one machine: take a folder as an argument, or tmp_path in a test",
    r"pypi\.org/simple|pythonhosted\.org": "the address of a package index: that is pip's configuration, not ours",
    r"(extra-)?index-url\s*[=:]": "an index setting: that is pip's configuration, not ours",
    r"(?i)\bissue #\d*": "a number in a tracker: say what was wrong and why this cures it",
}


def test_the_tests_are_no_package(files: list[Path]) -> None:
    found = [str(file) for file in files if file.parts[0] == "tests" and file.name == "__init__.py"]
    assert not found, f"delete {found}: with it, `import features` would find the tests"


def test_the_folder_mlflow_hides_no_package(files: list[Path]) -> None:
    found = [str(file) for file in files if file.parts[0] == "mlflow" and file.suffix == ".py"]
    assert not found, f"move {found} to training/ or pipelines/: mlflow/ holds configuration only"


@pytest.mark.parametrize("pattern", FORBIDDEN)
def test_nothing_is_written_that_is_true_elsewhere_only(pattern: str, texts: dict[Path, str]) -> None:
    found = [
        f"{file}:{number}: {line.strip()[:80]}"
        for file, text in texts.items()
        if file != HERE
        for number, line in enumerate(text.splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert not found, f"{FORBIDDEN[pattern]}\n  " + "\n  ".join(found)


def test_the_readme_maps_every_folder(root: Path, files: list[Path]) -> None:
    readme = (root / "README.md").read_text(encoding="utf-8")
    folders = {file.parts[0] for file in files if len(file.parts) > 1}
    missing = sorted(folder for folder in folders if not folder.startswith(".") and f"{folder}/" not in readme)
    assert not missing, f"add to the map in README.md, one line each: {missing}"


def test_the_changelog_has_an_entry_for_the_version(root: Path) -> None:
    version = tomllib.loads((root / "pyproject.toml").read_text())["project"]["version"]
    file = root / "CHANGELOG.md"
    heading = rf"(?m)^## \[?v?{re.escape(version)}\b"
    text = file.read_text(encoding="utf-8") if file.exists() else ""
    assert re.search(heading, text), f"write `## {version}` in CHANGELOG.md, with what changed for whom"


def test_every_window_feature_describes_itself() -> None:
    """A second feature with the same words means that one of them is described wrongly."""
    descriptions = [feature.description for feature in WINDOWS]
    silent = [feature.name for feature in WINDOWS if len(feature.description.split()) < 3]
    twice = sorted({text for text in descriptions if descriptions.count(text) > 1})
    assert not silent, f"give {silent} a description in features/windows.py"
    assert not twice, f"tell these apart in features/windows.py: {twice}"
