"""Compiled functions are cached on disk by the age of their own file. These few lines make that safe."""

from pathlib import Path


def drop_stale(package: Path) -> int:
    """Remove a package's compiled functions that are older than any of its sources; how many were removed.

    A cached function holds copies of the functions and constants that it uses from other files, and would outlive a
    change to those. To be called by the package before it loads its compiled modules.
    """
    newest = max(source.stat().st_mtime for source in package.glob("*.py"))
    stale = [index for index in package.glob("__pycache__/*.nbi") if index.stat().st_mtime < newest]
    for index in stale:
        index.unlink(missing_ok=True)
    return len(stale)
