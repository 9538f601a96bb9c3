"""What the service does unasked: rewards mature, offers run out and are learned from, payouts and checks of identity
move on, features are mirrored, lists and models followed, heads of the book signed.
"""

import threading
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Final

import structlog

from features.log import recorded_now
from features.store.engines import assert_reachable
from features.store.online import OnlineStore
from features.store.projection import Projection, Taken
from features.store.settings import Settings
from serving.database import reading
from serving.flows import follow_offers
from serving.ledger import holds
from serving.ledger.accruals import post_due
from serving.ledger.maturity import mature
from serving.ledger.proof.signing import HEADS_SECONDS, Signer
from serving.ledger.reserve import set_aside
from serving.listed import follow_lists
from serving.parts import Parts
from serving.payouts.desk import Desk
from serving.payouts.duties import Books, payout_duties
from serving.payouts.identity import checks
from serving.payouts.identity.duties import identity_duties
from serving.payouts.screening.duties import screening_duties
from serving.pricing import campaigns
from serving.problems import Problem
from serving.records import Unit

PERIOD_SECONDS: Final = 1.0
LISTS_SECONDS: Final = 60.0
PRICES_SECONDS: Final = 300.0
RESERVE_SECONDS: Final = 3600.0
LAST_SECONDS: Final = 5.0
_PAYING: Final = "assay-payouts-"

Duty = tuple[Callable[[], object], float]
"""What is done, and the seconds between one time and the next."""

log = structlog.get_logger()


def knowing_duties(parts: Parts) -> dict[str, Duty]:
    """Checks of identity move on, and whoever is known is searched in the lists."""
    books = Books(parts.engine.begin, lambda: reading(parts.engine))
    duties: dict[str, Duty] = {}
    if parts.identity is not None:
        desk = checks.Desk(parts.seal, parts.policy.identity)
        duties |= identity_duties(books, parts.identity, desk, parts.clock)
    if parts.sanctions is not None:
        duties |= screening_duties(books, parts.sanctions, parts.seal, parts.clock)
    return duties


class Background:
    """One thread per duty. A duty that fails is logged and tried again a period later; none stops another."""

    def __init__(
        self,
        parts: Parts,
        features_folder: Path,
        more: Mapping[str, Duty] | None = None,
        signer: Signer | None = None,
    ) -> None:
        self._parts, self._signer = parts, signer
        self._settings = Settings.from_environment(features_folder)
        self._projection = Projection(self._take, lambda: OnlineStore(self._settings))
        self._ended = threading.Event()
        duties: dict[str, Duty] = {
            "mature": (self._mature, PERIOD_SECONDS),
            "reserve": (self._set_aside, RESERVE_SECONDS),
            "offers": (self._follow_offers, PERIOD_SECONDS),
            "prices": (self._move_prices, PRICES_SECONDS),
            **self._paying(),
            "projection": (self._projection, PERIOD_SECONDS),
            "lists": (self._reload_lists, LISTS_SECONDS),
            **({"heads": (self._sign, HEADS_SECONDS)} if signer else {}),
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
        """Nobody waits longer than LAST_SECONDS for a provider that hangs: it is asked again after the start."""
        self._ended.set()
        for thread in self._threads:
            thread.join(LAST_SECONDS if thread.name.startswith(_PAYING) else None)
        self._once("projection", self._projection)  # what changed last
        self._projection.close()

    def sign_last(self) -> None:
        """Sign what the writer committed last: to be called when it has stopped."""
        if self._signer:
            self._once("heads", self._sign)

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

    def _sign(self) -> None:
        assert self._signer is not None
        self._signer.sign(recorded_now())

    def _mature(self) -> None:
        def due(unit: Unit) -> None:
            now = self._parts.knowledge.now(unit.now)
            mature(unit.connection, now)
            holds.expire(unit.connection, now)
            post_due(unit.connection, now)

        self._parts.writer.do_now(due)

    def _set_aside(self) -> None:
        share = self._parts.policy.reserve.share
        self._parts.writer.do_now(lambda unit: set_aside(unit.connection, share, self._parts.knowledge.now(unit.now)))

    def _follow_offers(self) -> None:
        """Some a round: requests go between. Only what is committed is learned."""
        self._parts.writer.do_now(lambda unit: follow_offers(unit, self._parts))
        with reading(self._parts.engine) as connection:
            news = self._parts.pricer.news(connection)
        if news:
            self._parts.writer.do_now(lambda _: self._parts.pricer.learn(news))

    def _move_prices(self) -> None:
        def tick(unit: Unit) -> None:
            self._parts.pricer.tick(self._parts.knowledge.now(unit.now), campaigns.plans(unit.connection))

        self._parts.writer.do_now(tick)

    def _paying(self) -> dict[str, Duty]:
        parts = self._parts
        desk = Desk(parts.policy, parts.vault, self._accounts_of, providers=frozenset(parts.providers))
        books = Books(parts.engine.begin, lambda: reading(parts.engine))
        return payout_duties(books, parts.providers.values(), desk, recorded_now)

    def _accounts_of(self, user_ids: Collection[str]) -> dict[str, frozenset[str]]:
        """Others of the same person, asked of the one thread that changes what is known."""
        graph, sure = self._parts.knowledge.engine.graph, self._parts.policy.daily.settled_person_min
        return self._parts.writer.do_now(
            lambda _: {one: frozenset(graph.accounts_of(one, sure)) - {one} for one in user_ids}
        )

    def _reload_lists(self) -> None:
        follow_lists(self._parts.knowledge, self._parts.writer)

    def _take(self, limit: int) -> Taken:
        knowledge = self._parts.knowledge
        return self._parts.writer.do_now(lambda _: (knowledge.take_changes(limit), knowledge.sequence))
