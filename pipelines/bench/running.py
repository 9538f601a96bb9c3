"""A service of its own for whoever measures or tests one: started on a free loopback port, ended by its own id."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

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
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
