"""What the service does without being asked: mature rewards, move payouts on, and mirror the features into Feast."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from features.log import recorded_now
from serving.ledger.maturity import mature
from serving.parts import Parts
from serving.payouts.runner import advance_payouts
from serving.problems import Problem

PERIOD_SECONDS: Final = 1.0
KEYS_PER_ROUND: Final = 100
PAYOUTS_PER_ROUND: Final = 100

log = structlog.get_logger()


class Background:
    """One thread per duty. A duty that fails is logged and tried again a period later; none stops another."""

    def __init__(self, parts: Parts, features_folder: Path) -> None:
        self._parts, self._folder = parts, features_folder
        self._ended = threading.Event()
        self._threads = [
            threading.Thread(target=self._repeat, args=(name, duty), name=f"assay-{name}", daemon=True)
            for name, duty in {"mature": self._mature, "payouts": self._pay, "projection": self._project()}.items()
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._ended.set()
        for thread in self._threads:
            thread.join()

    def _repeat(self, name: str, duty: Callable[[], object]) -> None:
        while not self._ended.wait(PERIOD_SECONDS):
            try:
                duty()
            except Problem:
                continue  # the writer is busy: requests go first
            except Exception:  # a duty must outlive whatever broke it once
                log.exception("background_duty_failed", duty=name)

    def _mature(self) -> None:
        self._parts.writer.do_now(lambda unit: mature(unit.connection, self._parts.knowledge.now(unit.now)))

    def _pay(self) -> None:
        advance_payouts(self._parts.engine.begin, self._parts.provider, recorded_now(), PAYOUTS_PER_ROUND)

    def _project(self) -> Callable[[], None]:
        store = None

        def project() -> None:
            nonlocal store
            changes = self._parts.writer.do_now(lambda _: self._parts.knowledge.take_changes(KEYS_PER_ROUND))
            if not changes:
                return
            if store is None:
                from features.store import OnlineStore  # noqa: PLC0415  # Feast takes seconds to import

                store = OnlineStore(self._folder)
            try:
                store.write(changes)
            except Exception:
                self._parts.writer.do_now(lambda _: self._parts.knowledge.keep_changes(changes))
                raise

        return project
