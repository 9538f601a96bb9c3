"""Runs the service in this process: one worker, loopback by default, draining gracefully at the end."""

import os
import signal
import socket
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import uvicorn

from features.home import Home
from pipelines.console import UserError

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

    `ready` is called once the first request can be answered.
    """
    _assert_may_listen(host, port)
    os.environ["ASSAY_HOME"] = str(home.root)
    metrics = home.root / "metrics"
    _emptied(metrics)
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(metrics)
    config = uvicorn.Config(
        _service(),
        host=host,
        port=port,
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
    )
    _Server(config, ready).run()


def _service() -> Any:
    # Imported late: the library of metrics reads its folder from the environment when it is loaded. What libraries
    # warn each other about meanwhile is kept from the user.
    with warnings.catch_warnings(record=True):
        from serving.doorman import Problems  # noqa: PLC0415  # see above
        from serving.service import Assay  # noqa: PLC0415  # see above

        return Problems(Assay.to_asgi(is_main=True))  # type: ignore[attr-defined]  # a Service now


def _assert_may_listen(host: str, port: int) -> None:
    try:
        is_loopback = ip_address(host).is_loopback
    except ValueError:
        raise UserError(f"--host takes an IP address such as 127.0.0.1, not {host!r}") from None
    if not is_loopback and not os.environ.get("ASSAY_API_KEY"):
        raise UserError(f"{host} can be reached from other machines: set ASSAY_API_KEY to a secret first")
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            raise UserError(f"{host}:{port} is taken: stop what listens there, or choose another with --port") from None


def _emptied(folder: Path) -> None:
    """Last run's counters are last run's."""
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.iterdir():
        file.unlink()
