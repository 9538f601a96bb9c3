"""How loops are compiled: once for a state of the source, then kept on disk.

Numba keeps a compiled function until its own file changes, and does not notice that a function it calls has changed.
Here the folder is named after all the source, so that nothing stale is ever run.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from numba import config, njit

_SOURCE: Final = Path(__file__).parent
_KEPT_MAX: Final = 4
Function = TypeVar("Function", bound=Callable[..., Any])


def _cache_folder() -> Path:
    digest = hashlib.sha256()
    for file in sorted(_SOURCE.rglob("*.py")):
        digest.update(file.read_bytes())
    nearby = _SOURCE / "__pycache__"
    writable = os.access(nearby if nearby.exists() else _SOURCE, os.W_OK)
    parent = nearby if writable else Path(tempfile.gettempdir()) / f"assay-{os.getuid()}"
    return parent / f"loops-{digest.hexdigest()[:16]}"


def _keep_in(folder: Path) -> None:
    if folder.exists():
        return
    kept = sorted(folder.parent.glob("loops-*"), key=lambda other: other.stat().st_mtime)
    for other in kept[:-_KEPT_MAX]:  # the younger ones may be in use
        shutil.rmtree(other, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


if "NUMBA_CACHE_DIR" not in os.environ:
    _keep_in(_cache_folder())
    config.CACHE_DIR = str(_cache_folder())  # type: ignore[attr-defined]  # Numba sets its options at run time

# Counting references to the arrays at hand took up to half of a loop's time, wherever Numba could not prove that it is
# idle. The caller holds every array, so a loop that makes none need not count; one that makes some does not compile.
_UNCOUNTED: Final[dict[str, Any]] = {"_nrt": False}

loop = njit(cache=True, error_model="numpy")
"""Compiles a function that Python calls."""


def lean_loop(function: Function) -> Function:
    """The same for one that makes no array."""
    compiled: Function = njit(cache=True, error_model="numpy", **_UNCOUNTED)(function)
    return compiled


def inlined(function: Function) -> Function:
    """Compiles a function that only compiled ones call, and that makes no array: its body goes where it is called."""
    compiled: Function = njit(cache=True, error_model="numpy", forceinline=True, **_UNCOUNTED)(function)
    return compiled
