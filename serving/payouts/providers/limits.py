"""How often a provider may be called: a breaker that stops asking one that is down, and a pace below its own limits.

Durations are seconds of a monotonic clock, which the caller passes in; both are safe to share between threads.
"""

from dataclasses import dataclass, field
from threading import Lock


class NotDone(OSError):  # noqa: N818  # said as what it means for the payment
    """Nothing was done, and nothing was learned of what was done before: ask again later."""


class NotSent(NotDone):
    """Nothing left this machine: the breaker is open, the provider asked us to wait, or the pace is used up."""


class Unreachable(NotSent):
    """No connection could be opened: nobody is there, or it is not the provider."""


class NotTaken(NotDone):
    """The provider takes nothing from us now: it refuses our credentials, or has too many requests."""


@dataclass
class Breaker:
    """Opens after `failures_max` failures in a row; after `rest_seconds` lets one call through to see."""

    failures_max: int = 5
    rest_seconds: float = 30.0
    _failures: int = field(default=0, init=False)
    _closed_at: float = field(default=0.0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def enter(self, now: float) -> None:
        """Raises `NotSent` while it is open. The one call that is let through keeps it open for the others."""
        with self._lock:
            if now < self._closed_at:
                raise NotSent(f"not asked for {self._closed_at - now:.1f} s more: it failed {self._failures} times")
            if self._failures >= self.failures_max:
                self._closed_at = now + self.rest_seconds

    def leave(self, now: float, *, is_answered: bool) -> bool:
        """Whether this failure opened it; one that keeps it open does not."""
        with self._lock:
            self._failures = 0 if is_answered else self._failures + 1
            if is_answered:
                self._closed_at = 0.0
            elif self._failures >= self.failures_max:
                self._closed_at = now + self.rest_seconds
            return self._failures == self.failures_max


@dataclass
class Pace:
    """At most `count` calls in `seconds`, spread evenly after a first burst of `burst` (a token bucket, GCRA)."""

    count: int
    seconds: float
    burst: int = 1
    _free_at: float = field(default=0.0, init=False)
    _lock: Lock = field(default_factory=Lock, init=False)

    def __post_init__(self) -> None:
        if not 1 <= self.burst <= self.count or self.seconds <= 0:
            raise ValueError(f"burst must be 1 to count ({self.count}), seconds positive: {self.burst}, {self.seconds}")

    def reserve(self, now: float, wait_seconds_max: float) -> float:
        """Take the next place; the seconds to wait for it. Raises `NotSent`, taking none, if it is too far away."""
        gap = self._gap
        with self._lock:
            free_at = max(self._free_at, now)
            wait = max(0.0, free_at - now - (self.burst - 1) * gap)
            if wait > wait_seconds_max:
                raise NotSent(f"the pace of {self.count} calls in {self.seconds:g} s is used up for {wait:.1f} s more")
            self._free_at = free_at + gap
        return wait

    def pause(self, until: float) -> None:
        """The provider asked for silence: no place before `until`."""
        with self._lock:
            self._free_at = max(self._free_at, until + (self.burst - 1) * self._gap)

    @property
    def _gap(self) -> float:
        """With it no span of `seconds` holds more than `count` calls, the burst included."""
        return self.seconds / max(1, self.count - self.burst)
