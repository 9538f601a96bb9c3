"""What the service does unasked: rewards mature, payouts move on, features are mirrored, lists and models followed."""

import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import structlog

from features.log import recorded_now
from features.store.engines import assert_reachable
from features.store.online import OnlineStore
from features.store.projection import Projection, Taken
from features.store.settings import Settings
from serving.ledger.maturity import mature
from serving.listed import follow_lists
from serving.parts import Parts
from serving.payouts.runner import advance_payouts
from serving.problems import Problem

PERIOD_SECONDS: Final = 1.0
LISTS_SECONDS: Final = 60.0
PAYOUTS_PER_ROUND: Final = 100

Duty = tuple[Callable[[], object], float]
"""What is done, and the seconds between one time and the next."""

log = structlog.get_logger()


class Background:
    """One thread per duty. A duty that fails is logged and tried again a period later; none stops another."""

    def __init__(self, parts: Parts, features_folder: Path, more: Mapping[str, Duty] | None = None) -> None:
        self._parts = parts
        self._settings = Settings.from_environment(features_folder)
        self._projection = Projection(self._take, lambda: OnlineStore(self._settings))
        self._ended = threading.Event()
        duties: dict[str, Duty] = {
            "mature": (self._mature, PERIOD_SECONDS),
            "payouts": (self._pay, PERIOD_SECONDS),
            "projection": (self._projection, PERIOD_SECONDS),
            "lists": (self._reload_lists, LISTS_SECONDS),
            **(more or {}),
        }
        self._threads = [
            threading.Thread(target=self._repeat, args=(name, *duty), name=f"assay-{name}", daemon=True)
            for name, duty in duties.items()
        ]

    def start(self) -> None:
        """Raises Unreachable, with the remedy, when the environment names a store that does not answer."""
        assert_reachable(self._settings)
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()
        self._once("projection", self._projection)  # what changed last
        self._projection.close()

    def _repeat(self, name: str, duty: Callable[[], object], seconds: float) -> None:
        while not self._ended.wait(seconds):
            self._once(name, duty)

    def _once(self, name: str, duty: Callable[[], object]) -> None:
        try:
            duty()
        except Problem:
            return  # the writer is busy: requests go first
        except Exception:  # a duty must outlive whatever broke it once
            log.exception("background_duty_failed", duty=name)

    def _mature(self) -> None:
        self._parts.writer.do_now(lambda unit: mature(unit.connection, self._parts.knowledge.now(unit.now)))

    def _pay(self) -> None:
        advance_payouts(self._parts.engine.begin, self._parts.provider, recorded_now(), PAYOUTS_PER_ROUND)

    def _reload_lists(self) -> None:
        follow_lists(self._parts.knowledge, self._parts.writer)

    def _take(self, limit: int) -> Taken:
        knowledge = self._parts.knowledge
        return self._parts.writer.do_now(lambda _: (knowledge.take_changes(limit), knowledge.sequence))
