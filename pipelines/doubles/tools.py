"""Independent doubles that come as Node packages: where they are, and how one is started and ended by its own id."""

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pipelines.bench.running import free_port

FOLDER: Final = Path(__file__).parents[2] / "tests" / "doubles" / "node_modules"
START_SECONDS_MAX: Final = 60.0


def tool(pattern: str) -> Path:
    """The file of a Node package. Raises FileNotFoundError, with the remedy, where it is not installed."""
    folder = Path(os.environ.get("ASSAY_TEST_DOUBLES", FOLDER))
    found = sorted(folder.glob(pattern))
    if not found:
        raise FileNotFoundError(f"{folder} holds no {pattern}: install Node 20 or newer, then `make setup`")
    return found[0]


@contextmanager
def running_tool(command: Callable[[int], list[str]], is_ready: Callable[[str], bool]) -> Iterator[str]:
    """Start `command(port)` on a free loopback port; yields its address once `is_ready(address)`."""
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(  # noqa: S603  # our own command line
        command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not is_ready(address):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command(port)[0]} did not start")
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(30)
