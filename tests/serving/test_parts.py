"""What the flows need is wired once, and knows from which scores on a decision needs reasons."""

from collections.abc import Callable
from pathlib import Path

from features.events import Kind
from features.home import Home
from serving.decision import Levels
from serving.parts import assemble
from serving.scoring import FraudModel, NoModel


def test_reasons_are_asked_for_from_the_lowest_level_that_needs_them(
    tmp_path: Path, write_model: Callable[..., Path]
) -> None:
    parts = assemble(Home(tmp_path / "home"))
    assert isinstance(parts.fraud, NoModel)
    likely = parts.policy.reversal.hold
    assert parts.explain_from(Kind.AD_VIEWED) == Levels(parts.policy.event.hold, likely)
    assert parts.explain_from(Kind.WITHDRAWAL_REQUESTED) == Levels(parts.policy.withdrawal.challenge, likely)
    parts.fraud = FraudModel(write_model(tmp_path / "model", reversal=0.1), "1")
    assert {parts.explain_from(kind) for kind in Kind} == {Levels(likely, likely)}
    parts.engine.dispose()
