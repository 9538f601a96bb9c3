"""One event over HTTP, one connection, against an empty route of the same server, turn by turn."""

import http.client
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlparse

import numpy as np

from pipelines.bench.running import running
from pipelines.bench.workload import fresh_events, small_home
from pipelines.console import BenchRow, report

WARM_UP: Final = 200
EVENTS: Final = 2000
P50_MS_MAX: Final = 5.0
RATIO_MAX: Final = 6.0


def run(_: Path | None, seed: int) -> None:
    """Measure on a small simulated home; `--data` is not used."""
    with small_home(seed) as home, running(home) as address:
        bodies = fresh_events(seed, WARM_UP + EVENTS)
        events, empty, decisions = _measure(address, bodies)
    p50, p99 = np.percentile(events, [50, 99])
    floor = float(np.median(empty))
    rows = [
        BenchRow("event, p50", f"<= {P50_MS_MAX} ms", f"{p50:.2f} ms", bool(p50 <= P50_MS_MAX)),
        BenchRow("against an empty route", f"<= {RATIO_MAX} x", f"{p50 / floor:.1f} x", bool(p50 <= RATIO_MAX * floor)),
        BenchRow("event, p99", None, f"{p99:.2f} ms"),
        BenchRow("empty route (GET /livez), p50", None, f"{floor:.2f} ms"),
        BenchRow("decisions", None, ", ".join(f"{name} {count}" for name, count in decisions.items())),
    ]
    figures = {"p50_ms": p50, "p99_ms": p99, "empty_p50_ms": floor, "ratio": p50 / floor, "events": len(events)}
    report("one event over HTTP, one connection", rows, {name: round(float(v), 3) for name, v in figures.items()})


def _measure(address: str, bodies: list[dict[str, Any]]) -> tuple[list[float], list[float], Counter[str]]:
    connection = http.client.HTTPConnection(urlparse(address).netloc)
    events, empty, decisions = [], [], Counter[str]()
    for at, body in enumerate(bodies):
        took, answer = _timed(connection, "POST", "/v1/score/event", json.dumps(body))
        floor, _ = _timed(connection, "GET", "/livez", None)
        if at >= WARM_UP:
            events.append(took)
            empty.append(floor)
            decisions[json.loads(answer)["decision"]] += 1
    connection.close()
    return events, empty, decisions


def _timed(connection: http.client.HTTPConnection, method: str, path: str, body: str | None) -> tuple[float, bytes]:
    began = time.perf_counter()
    connection.request(method, path, body, {"content-type": "application/json"} if body else {})
    answer = connection.getresponse()
    content = answer.read()
    took = (time.perf_counter() - began) * 1000
    assert answer.status == 200, content
    return took, content
