"""How loops are compiled: once for a state of the source, then kept on disk.

Numba keeps a compiled function until its own file changes, and does not notice that a function it calls has changed.
Here the folder is named after all the source, so that nothing stale is ever run.
"""

import hashlib
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

from numba import config, njit

_SOURCE: Final = Path(__file__).parent
_KEPT_MAX: Final = 4


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

loop = njit(cache=True, error_model="numpy")
"""Compiles a function that Python calls."""
inlined = njit(cache=True, error_model="numpy", forceinline=True)
"""Compiles a function that only compiled ones call: its body goes where it is called."""
