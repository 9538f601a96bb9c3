"""The composition root: what a flow needs, wired once."""

import gc
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from sqlalchemy import Engine

from features.events import Kind
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log, recorded_now
from features.secrets import secret_of
from features.store.engines import assert_reachable
from features.store.settings import Settings
from features.vector import warm_up
from serving.database import database_of, open_database, reading
from serving.decision import Levels
from serving.knowledge import Clock, Knowledge
from serving.ledger.proof.signing import Places, key_of_home
from serving.ledger.waits import NAME, Waits
from serving.listed import take_lists
from serving.outbox.receiver import Receiver
from serving.payouts.destinations import Vault
from serving.payouts.fake import FakeProvider
from serving.payouts.identity.fake import MEMORY, FakeIdentityProvider
from serving.payouts.identity.provider import IdentityProvider
from serving.payouts.identity.sealing import Seal, seal_of_home
from serving.payouts.provider import Provider
from serving.payouts.providers.opened import House, open_each
from serving.payouts.providers.settings import EXAMPLE, VARIABLE, ProviderSettings, Secrets, paying, settings_from
from serving.payouts.screening.sanctions import Sanctions
from serving.policy import Policy, load_policy
from serving.pricing import campaigns, response
from serving.pricing.learned import Learned, caught_up
from serving.pricing.offers import Terms
from serving.pricing.persons import banned_in
from serving.pricing.quotes import Pricer, Static
from serving.pricing.rolled import Served
from serving.records import Writer
from serving.scoring import FraudModel, NoModel, Registry, UnfitModelError, load_champion

log = structlog.get_logger()


@dataclass(repr=False)
class Parts:
    """Everything below the flows. `fraud` is replaced as a whole when the alias moves; `refused` is the version, by
    alias, that an alias names and this service cannot serve. Without `identity` no check of a person can begin, without
    `sanctions` nobody is searched.
    """

    engine: Engine
    writer: Writer
    knowledge: Knowledge
    fraud: FraudModel | NoModel
    policy: Policy
    offer_key: bytes
    seal: Seal
    providers: Mapping[str, Provider]
    """Who pays, by name."""
    vault: Vault | None = None
    """Where people are paid; None while the fake pays nobody, which takes the digest alone."""
    doors: ExitStack = field(default_factory=ExitStack)
    """What providers are spoken to through, to be closed at the end."""
    identity: IdentityProvider | None = None
    sanctions: Sanctions | None = None
    receiver: Receiver | None = None
    clock: Callable[[], int] = recorded_now
    places: Places | None = None
    proof_key: Ed25519PublicKey | None = None
    refused: dict[str, str] = field(default_factory=dict)
    pricer: Pricer = field(init=False)
    waits: Waits = field(default_factory=Waits)
    banned: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        self.pricer = Static(self.policy)

    def tell_who_pays(self) -> None:
        """In the log: a home that pays nobody should be known for it."""
        if self.vault is None:
            log.info("payouts_pay_nobody", remedy=f"{VARIABLE} names a file of providers: see {EXAMPLE}")
        else:
            log.info("payout_providers", names=list(self.providers))

    @property
    def terms(self) -> Terms:
        """What offers are made and kept with."""
        return Terms(self.policy, self.offer_key, self.knowledge.engine.graph, self.pricer, self.banned)

    def explain_from(self, kind: Kind) -> Levels:
        """The lowest scores whose decision needs reasons."""
        likely = self.policy.reversal.hold
        if self.fraud.target == "reversal":
            return Levels(likely, likely)
        is_withdrawal = kind is Kind.WITHDRAWAL_REQUESTED
        return Levels(self.policy.withdrawal.challenge if is_withdrawal else self.policy.event.hold, likely)


def settle_memory() -> None:
    """Keep the collector away from what lives for ever, and let it come seldom: each visit is a pause in an answer."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


def registry_of(home: Home) -> Registry:
    return Registry(home.tracking_uri, home.root / "models")


def assert_can_start(home: Home) -> None:
    """Before anything listens. Raises ValueError, with the remedy, for what would end the start of a service: a
    champion that does not fit, a store or a database that does not answer, a damaged secret, a receiver that is none.
    """
    assert_reachable(Settings.from_environment(home.features))
    secret_of(home.root / "offer.key")
    key_of_home(home)
    _assert_pays(home)
    Sanctions.of_home(home, load_policy().screening)
    Receiver.from_environment()
    _assert_opens(database_of(home), seal_of_home(home))
    try:
        load_champion(registry_of(home))
    except UnfitModelError as unfit:
        raise UnfitModelError(
            f"the champion cannot serve: {unfit}. Let `assay promote` name a version that fits, or run `assay retrain`"
        ) from unfit


def _assert_pays(home: Home) -> None:
    """Opens every door and asks nobody."""
    with ExitStack() as doors:
        open_each(settings_from(), Secrets(os.environ), House(_unread, seal_of_home(home), recorded_now), doors)


def _unread() -> NoReturn:
    raise AssertionError("nothing is paid before the service starts")


def _assert_opens(place: Path | str, seal: Seal) -> None:
    """The database, and what is sealed in it. A file that is missing needs no asking: it is made."""
    if isinstance(place, Path) and not place.exists():
        return
    engine = open_database(place)
    try:
        with reading(engine) as connection:
            Vault(seal).assert_opens(connection)
    finally:
        engine.dispose()


def assemble(home: Home, policy: Policy | None = None, place: Path | str | None = None) -> Parts:
    """Open the home's database, load its champion and rebuild what is known from its log.

    What is simulated names the home's own file as its `place`, so that it never reaches the database of a service.
    """
    engine = open_database(place or database_of(home))
    warm_up()
    response.warm_up()
    lists = Lists.of_home(home)
    knowledge = Knowledge(Log(home.log), Clock(home.manifest.get("clock", Clock.WALL)), lists)
    knowledge.rebuild(engine)
    take_lists(lists, knowledge.sequence + 1, recorded_now())
    rules, seal = policy or load_policy(), seal_of_home(home)
    parts = Parts(
        engine=engine,
        writer=Writer(engine, recorded_now, knowledge),
        knowledge=knowledge,
        fraud=load_champion(registry_of(home)),
        policy=rules,
        offer_key=secret_of(home.root / "offer.key"),
        seal=seal,
        providers=_fake(home),
        identity=FakeIdentityProvider(home.root / MEMORY, seal),
        sanctions=Sanctions.of_home(home, rules.screening),
        receiver=Receiver.from_environment(),
        waits=Waits(home.root / NAME),
        banned=banned_in(Log(home.log)),
    )
    if place is None:
        _hire(parts, settings_from())
    parts.pricer = _learned(parts, home)
    return parts


def _fake(home: Home) -> dict[str, Provider]:
    fake = FakeProvider(home.root / "fake-provider.db")
    return {fake.name: fake}


def _hire(parts: Parts, told: tuple[ProviderSettings, ...]) -> None:
    """Who is named pays from now on, and the fake nobody."""
    if told:
        house = House(parts.engine.begin, parts.seal, parts.clock)
        parts.providers = open_each(told, Secrets(os.environ), house, parts.doors)
        parts.vault = Vault(parts.seal)
        parts.policy = parts.policy.model_copy(update={"payouts": paying(parts.policy.payouts, told)})


def _learned(parts: Parts, home: Home) -> Pricer:
    """What the home's offer log teaches, for every person's side of a rollout.

    Prices wait for the first event of a home that runs on its events' clock: until then it has no time of its own.
    """
    served = Served(home.root / "pricing", parts.policy, parts.offer_key)
    pricer = Learned(parts.policy, served.policy_for)
    with reading(parts.engine) as connection:
        caught_up(pricer, connection)
        if parts.knowledge.clock is Clock.WALL or parts.knowledge.as_of:
            pricer.tick(parts.knowledge.now(recorded_now()), campaigns.plans(connection))
    return pricer
