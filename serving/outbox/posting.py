"""One request to the receiver, with a deadline over the whole of it, and what its answer means."""

import asyncio
import json
from collections.abc import Coroutine
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from threading import Thread
from typing import Any, Final

import httpx

from serving.outbox.changes import Change
from serving.outbox.receiver import Receiver

DEADLINE_SECONDS: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
"""What a receiver answers is not used; so much is read, that the connection can be used again."""

_REST_OF_ANSWER_SECONDS: Final = 1.0

REST_SECONDS_MAX: Final = 600
_ASKS_FOR_REST: Final = frozenset({HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE})


@dataclass(frozen=True, slots=True)
class Posted:
    """`why`: the status, or the name of what went wrong. `rest_seconds`: the receiver asked to be left alone."""

    is_taken: bool
    why: str
    rest_seconds: int = 0


class Post:
    """Posts on a loop of its own, so that a deadline ends even a receiver that drips one byte at a time.

    No redirects, proxies, certificates or passwords from elsewhere: what is posted goes to the one address only.
    """

    def __init__(self, receiver: Receiver, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._receiver, self._deadline = receiver, deadline_seconds
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="assay-post", daemon=True)
        self._thread.start()
        self._client: httpx.AsyncClient = self.begin(self._opened()).result()

    def begin(self, work: Coroutine[Any, Any, Any]) -> Future[Any]:
        """Run `work` beside the caller."""
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def post(self, change: Change, now: int) -> Posted:
        """One try. Never raises for what a receiver or the network does."""
        body = json.dumps(change.body, ensure_ascii=False)
        headers = self._receiver.headers(change.id, now, body)
        try:
            async with asyncio.timeout(self._deadline):
                return await self._exchanged(headers, body)
        except TimeoutError:
            return Posted(is_taken=False, why="timeout")
        except (httpx.HTTPError, httpx.StreamError, OSError) as lost:
            return Posted(is_taken=False, why=type(lost).__name__)

    def close(self) -> None:
        """End what is under way."""
        self.begin(self._ended()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _opened(self) -> httpx.AsyncClient:
        # _exchanged has a deadline over the whole request, so the client needs none of its own.
        return httpx.AsyncClient(verify=True, trust_env=False, follow_redirects=False, timeout=None)  # noqa: S113  # see above

    async def _ended(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._client.aclose()

    async def _exchanged(self, headers: dict[str, str], body: str) -> Posted:
        async with self._client.stream("POST", self._receiver.url, headers=headers, content=body.encode()) as response:
            # Taken is taken, whatever the rest of the answer is or does: it is read for the connection's sake alone.
            with suppress(TimeoutError, httpx.HTTPError):
                async with asyncio.timeout(_REST_OF_ANSWER_SECONDS):
                    await _read(response)
            status = response.status_code
            return Posted(is_taken=response.is_success, why=str(status), rest_seconds=_rest(response))


async def _read(response: httpx.Response) -> None:
    read = 0
    async for chunk in response.aiter_raw():
        read += len(chunk)
        if read > ANSWER_BYTES_MAX:
            return


def _rest(response: httpx.Response) -> int:
    """Seconds of a Retry-After in numbers; a date is answered by the usual pause."""
    said = response.headers.get("retry-after", "").strip()
    if response.status_code not in _ASKS_FOR_REST or not (said.isascii() and said.isdigit()):
        return 0
    return min(int(said[:9]), REST_SECONDS_MAX)
