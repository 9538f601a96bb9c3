"""Runs the service in this process: one worker, loopback by default, draining gracefully at the end."""

import fcntl
import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import IO, Any, Final

import uvicorn

from features.home import Home
from pipelines.console import UserError
from pipelines.damaged import assert_startable

DRAIN_SECONDS: Final = 10
KEEP_ALIVE_SECONDS: Final = 30


class _Server(uvicorn.Server):
    """Says when it is ready, and ends as a process that did what it was asked to."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        # The library would raise the signal once more when all is drained, and so end as if it had been killed.
        for stop in (signal.SIGINT, signal.SIGTERM):
            signal.signal(stop, self.handle_exit)
        yield


def serve(home: Home, host: str, port: int, ready: Callable[[], None]) -> None:
    """Serve until Ctrl-C or SIGTERM: requests in progress are finished, what waits is committed.

    `ready` is called once the first request can be answered. Raises UserError or ValueError, with the remedy, where
    the home cannot be served.
    """
    assert_may_listen(host, port)
    with _alone(home):
        assert_startable(home)
        os.environ["ASSAY_HOME"] = str(home.root)
        _run(_service(home), host, port, ready)


def _run(service: Any, host: str, port: int, ready: Callable[[], None]) -> None:
    config = uvicorn.Config(
        service,
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    _Server(config, ready).run()


def _alone(home: Home) -> IO[str]:
    """Hold the home for this process: two that stamp events for one home would both be wrong."""
    from serving.database import SERVED  # noqa: PLC0415  # seldom needed, and slow to load

    home.root.mkdir(parents=True, exist_ok=True)
    home.root.chmod(0o700)
    lock = (home.root / SERVED).open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.close()
        raise UserError(f"{home.root} is served already: stop that process, or set ASSAY_HOME to another") from None
    return lock


def _service(home: Home) -> Any:
    # Imported late: the service reads ASSAY_HOME when it is loaded. What libraries warn each other about meanwhile is
    # kept from the user.
    with warnings.catch_warnings(record=True):
        from serving.doorman import Problems  # noqa: PLC0415  # see above
        from serving.parts import assert_can_start  # noqa: PLC0415  # see above
        from serving.service import Assay  # noqa: PLC0415  # see above

        assert_can_start(home)
        return Problems(Assay.to_asgi(is_main=True))  # type: ignore[attr-defined]  # a Service now


def assert_may_listen(host: str, port: int) -> None:
    """Raises UserError for an address that others can reach without a key, or that is taken, and for keys alike."""
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        raise UserError(f"--host takes an IP address such as 127.0.0.1, not {host!r}") from None
    if not is_loopback and not os.environ.get("ASSAY_API_KEY"):
        raise UserError(f"{host} can be reached from other machines: set ASSAY_API_KEY to a secret first")
    if os.environ.get("ASSAY_API_KEY") and os.environ.get("ASSAY_API_KEY") == os.environ.get("ASSAY_OPERATOR_KEY"):
        raise UserError("ASSAY_API_KEY and ASSAY_OPERATOR_KEY are the same: give operators a secret of their own")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise UserError(f"{host}:{port} is taken: stop what listens there, or choose another with --port") from None
