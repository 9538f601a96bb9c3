"""House rules of what is installed: declared, pinned, hashed, and from no particular place."""

import ast
import re
import sys
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest

EXTRAS = {"features/rings/engines.py": ("scale",)}
"""The files that import what Assay can do without, where somebody asks for it, and the extras that bring it."""
OURS = {"features", "training", "serving", "pipelines", "notebooks", "tests"}
PIN = re.compile(r"[a-z0-9][a-z0-9._-]*==\S+( ; [^\\]+?)?( --hash=sha256:[0-9a-f]{64})+")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def names(requirements: list[str]) -> set[str]:
    return {normal(re.match(r"[\w.-]+", requirement)[0]) for requirement in requirements}  # type: ignore[index]  # a requirement begins with a name


@pytest.fixture(scope="session")
def project(root: Path) -> dict[str, Any]:
    read: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return read


@pytest.fixture(scope="session")
def pins(root: Path) -> list[str]:
    """One string a package: name, version, marker, hashes."""
    joined = re.sub(r"\s*\\\n\s*", " ", (root / "requirements.lock").read_text())
    return joined.splitlines()


@cache
def owners_of_modules() -> Mapping[str, list[str]]:
    return packages_distributions()


def imported(sources: dict[Path, str]) -> dict[str, Path]:
    """Distribution -> one file that imports it."""
    owners = owners_of_modules()
    found = {}
    for file, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            for module in modules(node) - sys.stdlib_module_names - OURS:
                distributions = {normal(owner) for owner in owners.get(module, [module])}
                found[min(distributions, key=len)] = file
    return found


def modules(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    if isinstance(node, ast.ImportFrom) and node.module and not node.level:
        return {node.module.split(".")[0]}
    return set()


def test_what_the_packages_import_is_declared(product: dict[Path, str], project: dict[str, Any]) -> None:
    declared, missing = names(project["dependencies"]), {}
    for file, text in product.items():
        optional = [one for extra in EXTRAS.get(str(file), ()) for one in project["optional-dependencies"][extra]]
        found = imported({file: text}).keys() - declared - names(optional)
        missing |= dict.fromkeys(found, str(file))
    assert not missing, f"declare in pyproject.toml's dependencies, then `make lock`: {missing}"


def test_what_tests_and_notebooks_import_is_declared(python: dict[Path, str], project: dict[str, Any]) -> None:
    declared = names(project["dependencies"]).union(*map(names, project["optional-dependencies"].values()))
    missing = {name: str(file) for name, file in imported(python).items() if name not in declared}
    assert not missing, f"declare in an extra of pyproject.toml, then `make lock`: {missing}"


def test_what_is_declared_is_imported(python: dict[Path, str], project: dict[str, Any]) -> None:
    idle = names(project["dependencies"]) - imported(python).keys()
    assert not idle, f"nothing imports {sorted(idle)}: remove them from pyproject.toml's dependencies, then `make lock`"


def test_every_pin_has_a_hash_and_no_address(pins: list[str]) -> None:
    wrong = [pin[:80] for pin in pins if not PIN.fullmatch(pin)]
    assert not wrong, f"requirements.lock holds pins with hashes and nothing else, `make lock` makes it: {wrong}"


def test_what_is_declared_is_pinned(pins: list[str], project: dict[str, Any]) -> None:
    declared = names(project["dependencies"]).union(*map(names, project["optional-dependencies"].values()))
    missing = declared - {pin.partition("==")[0] for pin in pins}
    assert not missing, f"`make lock`: requirements.lock does not know {sorted(missing)}"


def test_a_lint_rule_that_is_off_says_why(root: Path) -> None:
    """Each code in a list of ignored rules stands on its own line, with its reason behind it."""
    ruff = (root / "pyproject.toml").read_text().partition("[tool.ruff.lint]")[2].partition("[tool.mypy]")[0]
    silent = [line.strip() for line in ruff.splitlines() if re.match(r'\s+"[A-Z]+\d*",', line) and "#" not in line]
    assert not silent, f"say why behind each, in pyproject.toml: {silent}"
