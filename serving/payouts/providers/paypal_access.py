"""PayPal's OAuth token (client credentials), kept until shortly before it ends."""

import base64
import time
from typing import Final

from serving.payouts.providers.outcomes import understood, unsent
from serving.payouts.providers.transport import Call, Door, NoAnswer, Reply

MARGIN_SECONDS: Final = 60.0
UNAUTHORISED: Final = 401


class PayPalAccess:
    """Two threads may fetch a token at once; both are good. The door may be another than the payments'."""

    def __init__(self, door: Door, client_id: str, client_secret: str) -> None:
        self._door = door
        self._basic = base64.b64encode(f"{client_id}:{client_secret}".encode()).decode()
        self._token, self._ends_at = "", 0.0

    def headers(self) -> dict[str, str]:
        """Raises `NotDone` when no token can be had: without one nothing is sent."""
        if time.monotonic() >= self._ends_at:
            with unsent():
                self._renew()
        return {"authorization": f"Bearer {self._token}"}

    def learn(self, reply: Reply) -> None:
        """A token that PayPal no longer takes is forgotten; the next call fetches another."""
        if reply.status == UNAUTHORISED:
            self._ends_at = 0.0

    @understood()
    def _renew(self) -> None:
        headers = {"authorization": f"Basic {self._basic}", "content-type": "application/x-www-form-urlencoded"}
        # A token moves no money, so asking for one is a read though it is a POST.
        reply = self._door.read(Call("token", "POST", "/v1/oauth2/token", headers, b"grant_type=client_credentials"))
        if not reply.is_done:
            raise NoAnswer(f"no token: status {reply.status}; check the client id and secret")
        granted = reply.json()
        self._token = str(granted["access_token"])
        self._ends_at = time.monotonic() + float(granted["expires_in"]) - MARGIN_SECONDS
