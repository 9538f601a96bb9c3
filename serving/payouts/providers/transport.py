"""The one door to every provider: a deadline for each call, its pace, a breaker, retries of reads, and silence in logs.

A call that changes something is tried once, always: a lost answer is the saga's to look up. Logs name the provider and
the kind of call, never a key, a reference, a destination, an address or a body.
"""

import asyncio
import logging
import time
from collections.abc import Coroutine, Mapping
from concurrent.futures import CancelledError
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from threading import Thread
from types import TracebackType
from typing import Any, Final, Self

import httpx
import stamina
import structlog

from serving.payouts.providers.limits import Breaker, Pace, Unreachable
from serving.payouts.providers.passage import Passage

REPLY_BYTES_MAX: Final = 64 * 2**20  # a page of 1,000 items is well below 2 MiB
TOO_MANY: Final = 429
FAILED: Final = 500
UNAUTHORIZED: Final = 401
_CREDENTIALS: Final = frozenset({UNAUTHORIZED, 403})
PORT_MAX: Final = 65_535

log = structlog.get_logger()

for _name in ("httpx", "httpcore"):
    # Their lines hold whole addresses and headers, and with them keys and tokens.
    logging.getLogger(_name).setLevel(logging.WARNING)
# Every try that failed has a line of its own here; stamina would add one with a dump of its arguments.
stamina.instrumentation.set_on_retry_hooks([])


class NoAnswer(OSError):  # noqa: N818  # said as what it means for the payment
    """The request may have arrived, and no whole answer came in time. Says nothing about what was done."""


@dataclass(frozen=True, slots=True)
class Call:
    """`name` is what logs may say, e.g. `transfer.create`. The path joins the door's base address."""

    name: str
    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes = b""

    def __repr__(self) -> str:
        return f"Call({self.name!r})"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: httpx.Headers
    content: bytes

    def __repr__(self) -> str:
        return f"Reply({self.status})"

    @property
    def is_done(self) -> bool:
        return 200 <= self.status < 300

    def json(self) -> Any:
        """Raises `NoAnswer` for what is no JSON: a proxy's page is no answer of the provider."""
        try:
            return httpx.Response(self.status, content=self.content).json()
        except ValueError:
            raise NoAnswer(f"an answer of status {self.status} is not JSON") from None


@dataclass(frozen=True, slots=True)
class Manners:
    """How one provider is spoken to. Every limit has a number; seconds throughout. `pause_seconds`: for so long nothing
    is sent to whoever has had too many requests and does not say when to come again.
    """

    deadline_seconds: float = 20.0
    reads_max: int = 3
    wait_seconds_max: float = 5.0
    retry_after_seconds_max: float = 600.0
    pause_seconds: float = 30.0
    backoff_seconds: float = 0.2


class Door:
    """Calls to one provider at one base address, over TLS that is verified; plain HTTP only to this machine.

    Safe to share between threads: the calls run on a loop of the door's own, so that a deadline ends even a server
    that drips one byte at a time.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        manners: Manners | None = None,
        writes: Pace | None = None,
        reads: Pace | None = None,
        breaker: Breaker | None = None,
    ) -> None:
        self.provider, self.manners = provider, manners or Manners()
        self._writes, self._breaker = writes or Pace(6_000, 60, burst=50), breaker or Breaker()
        self._reads = reads or Pace(6_000, 60, burst=50)
        self._is_refused = False
        assert_address(base_url)
        self._base = base_url.rstrip("/")
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name=f"{provider}-door", daemon=True)
        self._thread.start()
        self._client: httpx.AsyncClient = self._run(self._opened())

    def write(self, call: Call) -> Reply:
        """One try, never two. Raises `NotSent` when nothing left, for certain; `NoAnswer` when it may have been carried
        out.
        """
        return self._once(call, self._writes)

    def read(self, call: Call) -> Reply:
        """A call that changes nothing: tried `reads_max` times, with growing, jittered pauses or as Retry-After says.

        Raises `NotSent` or `NoAnswer`; the last answer is given even if it is a 429 or a 5xx.
        """
        reply = None
        manners = self.manners
        attempts = stamina.retry_context(
            on=self._pause_after,
            attempts=manners.reads_max,
            timeout=manners.deadline_seconds * manners.reads_max,
            wait_initial=manners.backoff_seconds,
            wait_jitter=manners.backoff_seconds,
            wait_max=manners.wait_seconds_max,
        )
        with suppress(_TryLater):
            for attempt in attempts:
                with attempt:
                    reply = self._once(call, self._reads)
                    if reply.status == TOO_MANY or reply.status >= FAILED:
                        raise _TryLater(_retry_after(reply))
        assert reply is not None
        return reply

    def close(self) -> None:
        """What is on its way ends without an answer."""
        self._run(self._ended())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    async def _opened(self) -> httpx.AsyncClient:
        # No proxies, certificates or netrc from the environment, no redirects: a token goes to one address only.
        return httpx.AsyncClient(
            base_url=self._base,
            verify=True,
            trust_env=False,
            follow_redirects=False,
            timeout=None,  # noqa: S113  # _exchange has a deadline over the whole call
        )

    async def _ended(self) -> None:
        calls = asyncio.all_tasks() - {asyncio.current_task()}
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._client.aclose()

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def _once(self, call: Call, pace: Pace) -> Reply:
        began, passage = time.monotonic(), Passage()
        self._breaker.enter(began)
        time.sleep(pace.reserve(began, self.manners.wait_seconds_max))
        try:
            reply: Reply = self._run(self._exchange(call, passage))
        except (httpx.HTTPError, httpx.StreamError, OSError, CancelledError) as lost:
            self._leave(time.monotonic(), is_answered=False)
            why, said = type(lost).__name__, "unreachable" if passage.is_unsent else "silent"
            log.warning(f"provider_{said}", provider=self.provider, call=call.name, why=why)
            if passage.is_unsent:
                raise Unreachable(f"{self.provider} cannot be reached: {why}") from None
            raise NoAnswer(f"{self.provider} did not answer {call.name}: {why}") from None
        self._learn(call, reply)
        return reply

    async def _exchange(self, call: Call, passage: Passage) -> Reply:
        try:
            async with (
                asyncio.timeout(self.manners.deadline_seconds),
                self._client.stream(
                    call.method,
                    call.path,
                    headers=dict(call.headers),
                    content=call.content,
                    extensions={"trace": passage},
                ) as response,
            ):
                content = bytearray()
                async for chunk in response.aiter_bytes():
                    content += chunk
                    if len(content) > REPLY_BYTES_MAX:
                        raise httpx.StreamError("the answer is too long")
                return Reply(response.status_code, response.headers, bytes(content))
        finally:
            await passage.close_unused()

    def _leave(self, now: float, *, is_answered: bool) -> None:
        if self._breaker.leave(now, is_answered=is_answered):
            log.warning("provider_paused", provider=self.provider, seconds=self._breaker.rest_seconds)

    def _learn(self, call: Call, reply: Reply) -> None:
        now = time.monotonic()
        is_refused = reply.status in _CREDENTIALS
        # A 403 may be said of one recipient alone, which must not keep the others from being paid.
        self._leave(now, is_answered=reply.status < FAILED and reply.status != UNAUTHORIZED)
        if is_refused and not self._is_refused:  # a line a spell: it lasts until a person mends it
            log.error("provider_refuses_credentials", provider=self.provider, call=call.name, status=reply.status)
        self._is_refused = is_refused
        seconds = _retry_after(reply)
        if seconds is not None:
            until = now + min(seconds, self.manners.retry_after_seconds_max)
            self._reads.pause(until)
            self._writes.pause(until)
        elif reply.status == TOO_MANY:
            self._writes.pause(now + self.manners.pause_seconds)
        if reply.status == TOO_MANY or reply.status >= FAILED:
            log.warning("provider_failing", provider=self.provider, call=call.name, status=reply.status)

    def _pause_after(self, failure: Exception) -> bool | float:
        """What stamina asks after a failed read: whether, or after how many seconds, to try again."""
        if isinstance(failure, _TryLater):
            seconds = failure.seconds
            if seconds is None:
                return True
            return seconds if seconds <= self.manners.wait_seconds_max else False
        return isinstance(failure, NoAnswer | Unreachable)


class _TryLater(Exception):  # noqa: N818  # never leaves this module
    def __init__(self, seconds: float | None) -> None:
        super().__init__("the provider asked to be asked later")
        self.seconds = seconds


def _retry_after(reply: Reply) -> float | None:
    """Seconds of a Retry-After (RFC 9110: a number, or a date against the answer's own Date). None: it named none."""
    said = reply.headers.get("retry-after", "").strip()
    if not said or (reply.status != TOO_MANY and reply.status < FAILED):
        return None
    if said.isascii() and said.isdigit():
        return float(said[:9])
    with suppress(ValueError):
        then, sent = parsedate_to_datetime(said), parsedate_to_datetime(reply.headers.get("date", said))
        return max(0.0, (_aware(then) - _aware(sent)).total_seconds())
    return None


def _aware(instant: datetime) -> datetime:
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def assert_address(base_url: str) -> None:
    """Raises ValueError, with the remedy, for an address over which a secret would travel in the clear. It is not
    repeated: some hold a key.
    """
    try:
        address = httpx.URL(base_url)
        host = address.host
    except (httpx.InvalidURL, UnicodeError):  # the latter for a host that no name server could be asked for
        raise ValueError("is no address: write it as https://api.example.com, or with :443 behind the host") from None
    is_here = host in {"127.0.0.1", "localhost", "::1"}
    if not host or not (address.scheme == "https" or (address.scheme == "http" and is_here)):
        raise ValueError("must begin with https://, or with http:// on this machine")
    if address.port is not None and not 0 < address.port <= PORT_MAX:
        raise ValueError(f"has a port that there is not: write one of 1 to {PORT_MAX}, or none")
    if any(one.isspace() for one in base_url):
        raise ValueError("must hold no blank: remove it")
    if address.userinfo:
        raise ValueError("must hold no password: pass it as the provider's own setting")
