"""What the flows need is wired once, and knows from which scores on a decision needs reasons."""

from collections.abc import Callable
from pathlib import Path

import pytest

from features.events import Kind
from features.home import Home
from serving.decision import Levels
from serving.parts import assemble, assert_can_start
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


def test_a_store_that_does_not_answer_or_a_damaged_secret_stops_a_start_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    assert_can_start(home)
    (home.root / "offer.key").write_bytes(b"")
    with pytest.raises(ValueError, match="holds 0 bytes, a secret has 32"):
        assert_can_start(home)
    monkeypatch.setenv("ASSAY_REDIS", "redis://127.0.0.1:1/0")
    with pytest.raises(ValueError, match="ASSAY_REDIS"):
        assert_can_start(home)
