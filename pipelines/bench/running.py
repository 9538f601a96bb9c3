"""A service of its own for whoever measures or tests one: started on a free loopback port, ended by its own id."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import httpx

from features.home import Home

START_SECONDS_MAX = 120.0


@contextmanager
def running(home: Home) -> Iterator[str]:
    """Serve `home`; yields its address once it is ready. Raises RuntimeError with its last words if it is not."""
    port = free_port()
    process = start(home, port)
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(process, address)
        yield address
    finally:
        process.terminate()
        process.wait(30)


def start(home: Home, port: int) -> subprocess.Popen[str]:
    """`assay serve` in a process of its own."""
    command = [sys.executable, "-m", "pipelines.cli", "serve", "--port", str(port)]
    environment = os.environ | {"ASSAY_HOME": str(home.root), "ASSAY_DATABASE": ""}  # never that of a service
    return subprocess.Popen(  # noqa: S603  # our own command line, with a port of our own
        command, env=environment, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def wait_until_ready(process: subprocess.Popen[str], address: str) -> None:
    """Returns when /readyz answers."""
    deadline = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise RuntimeError(f"the service ended: {process.stderr.read() if process.stderr else ''}")
        try:
            httpx.get(f"{address}/readyz", timeout=1).raise_for_status()
        except httpx.HTTPError:
            time.sleep(0.1)
        else:
            return
    raise RuntimeError(f"the service was not ready after {START_SECONDS_MAX:.0f} s")


def free_port() -> int:
    """A loopback port for a service to listen on, given to nobody else while this process runs.

    It stays bound here: the system then neither gives it away nor connects from it, and lets whoever asks for it by
    number, with SO_REUSEADDR as every server does, listen. Elsewhere than on Linux only the number is given.
    """
    held = socket.socket()
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    port: int = held.getsockname()[1]
    if sys.platform == "linux":
        _HELD.append(held)
    else:
        held.close()
    return port


_HELD: Final[list[socket.socket]] = []
"""Sockets that nobody listens on; the system closes them when this process ends."""
