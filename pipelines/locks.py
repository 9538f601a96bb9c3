"""One run at a time: a lock on a file of the home, which the system lets go however the run ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipelines.console import UserError


@contextmanager
def alone(file: Path, what: str) -> Iterator[None]:
    """Hold the lock of `file`, which is made if there is none. Raises UserError at once if another run holds it.

    The file stays: were it removed, two runs could hold two files of one name.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(f"another {what} runs in this home: wait for it, or end it ({file} is its lock)") from None
        try:
            yield
        finally:
            # Said, not left to the closing: a forked child may still have the file open.
            fcntl.flock(held, fcntl.LOCK_UN)
