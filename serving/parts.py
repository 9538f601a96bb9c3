"""The composition root: what a flow needs, wired once."""

from dataclasses import dataclass, field

from sqlalchemy import Engine

from features.events import Kind
from features.home import Home
from features.intelligence.lists import Lists
from features.log import Log, recorded_now
from features.secrets import secret_of
from features.store.engines import assert_reachable
from features.store.settings import Settings
from features.vector import warm_up
from serving.database import open_database
from serving.decision import Levels
from serving.knowledge import Clock, Knowledge
from serving.listed import take_lists
from serving.payouts.fake import FakeProvider
from serving.payouts.provider import Provider
from serving.policy import Policy, load_policy
from serving.records import Writer
from serving.scoring import FraudModel, NoModel, Registry, UnfitModelError, load_champion


@dataclass
class Parts:
    """Everything below the flows. `fraud` is replaced as a whole when the alias moves; `refused` is the version, by
    alias, that an alias names and this service cannot serve.
    """

    engine: Engine
    writer: Writer
    knowledge: Knowledge
    fraud: FraudModel | NoModel
    policy: Policy
    offer_key: bytes
    provider: Provider
    refused: dict[str, str] = field(default_factory=dict)

    def explain_from(self, kind: Kind) -> Levels:
        """The lowest scores whose decision needs reasons."""
        likely = self.policy.reversal.hold
        if self.fraud.target == "reversal":
            return Levels(likely, likely)
        is_withdrawal = kind is Kind.WITHDRAWAL_REQUESTED
        return Levels(self.policy.withdrawal.challenge if is_withdrawal else self.policy.event.hold, likely)


def registry_of(home: Home) -> Registry:
    return Registry(home.tracking_uri, home.root / "models")


def assert_can_start(home: Home) -> None:
    """Before anything listens. Raises ValueError, with the remedy, for what would end the start of a service: a
    champion that does not fit, a store that does not answer, a damaged secret.
    """
    assert_reachable(Settings.from_environment(home.features))
    secret_of(home.root / "offer.key")
    try:
        load_champion(registry_of(home))
    except UnfitModelError as unfit:
        raise UnfitModelError(
            f"the champion cannot serve: {unfit}. Let `assay promote` name a version that fits, or run `assay retrain`"
        ) from unfit


def assemble(home: Home, policy: Policy | None = None) -> Parts:
    """Open the home's database, load its champion and rebuild what is known from its log."""
    engine = open_database(home.records)
    warm_up()
    lists = Lists.of_home(home)
    knowledge = Knowledge(Log(home.log), Clock(home.manifest.get("clock", Clock.WALL)), lists)
    knowledge.rebuild(engine)
    take_lists(lists, knowledge.sequence + 1, recorded_now())
    return Parts(
        engine=engine,
        writer=Writer(engine, recorded_now, knowledge),
        knowledge=knowledge,
        fraud=load_champion(registry_of(home)),
        policy=policy or load_policy(),
        offer_key=secret_of(home.root / "offer.key"),
        provider=FakeProvider(home.root / "fake-provider.db"),
    )
