"""A reviewer's answer: the outcome that says it, the command that sends it, and sending it to a service on loopback."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from features.events import CausedBy, Disposition, Outcome, OutcomeKind, instant_of

TIMEOUT_SECONDS: Final = 5.0
ANSWERS: Final = {"genuine": Disposition.GENUINE, "fraud": Disposition.FRAUD}


def outcome_of(decision: Any, disposition: Disposition, reviewer: str, at: int) -> dict[str, Any]:
    """The outcome's body, checked. Its id follows from decision, answer and second: sent twice, it counts once.

    `at` is the instant of the answer, microseconds on the home's clock; `reviewer` is kept under `extensions`.
    """
    occurred = instant_of(at - at % 1_000_000)
    body = {
        "event_id": f"answer-{decision.decision_id}-{disposition}-{occurred:%Y%m%dT%H%M%S}",
        "occurred_at": occurred.isoformat().replace("+00:00", "Z"),
        "kind": str(OutcomeKind.DISPOSITION),
        "subject_event_id": decision.event_id,
        "user_id": decision.user_id,
        "disposition": str(disposition),
        "caused_by": str(CausedBy.PERSON),
        "extensions": {"reviewer": reviewer},
    }
    kept = {name: value for name, value in body.items() if value is not None}
    Outcome.model_validate(kept)
    return kept


def curl(address: str, body: Mapping[str, Any]) -> str:
    """The command that sends `body`; single quotes inside it are escaped for the shell."""
    written = json.dumps(body, indent=2, ensure_ascii=False).replace("'", "'\\''")
    lines = [
        f"curl {address}/v1/outcomes",
        '-H "Authorization: Bearer $ASSAY_API_KEY"',
        "-H 'Content-Type: application/json'",
        f"-d '{written}'",
    ]
    return " \\\n  ".join(lines)


@dataclass(frozen=True)
class Service:
    """A service on this machine. Raises ValueError for an address elsewhere: answers never leave it from here."""

    address: str
    key: str | None = None

    def __post_init__(self) -> None:
        parts = urlsplit(self.address)
        host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
        try:
            loopback = parts.scheme == "http" and ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback:
            raise ValueError(f"{self.address!r} is not on this machine: use an address like http://127.0.0.1:3000")

    def decision(self, decision_id: str) -> dict[str, Any] | None:
        """The decision as the service knows it now; None when nothing answers or it does not know it."""
        try:
            status, body = self._ask("GET", f"/v1/decisions/{decision_id}")
        except (OSError, HTTPException, ValueError):
            return None
        return body if status == 200 else None

    def send(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Send an outcome; the service's answer. Raises ValueError in its own words, OSError when it is gone."""
        status, answer = self._ask("POST", "/v1/outcomes", body)
        if status != 200:
            raise ValueError(str(answer.get("detail", answer)))
        return answer

    def _ask(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        # Plain http.client follows no proxy and no redirect.
        parts = urlsplit(self.address)
        connection = HTTPConnection(parts.hostname or "", parts.port or 80, timeout=TIMEOUT_SECONDS)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {self.key}"} if self.key else {})
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"{}")
        finally:
            connection.close()
