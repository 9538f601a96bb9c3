"""An alias moves, a shadow never shadows itself, and whoever moves it is told what a running service makes of it."""

from pathlib import Path

import pytest

from features.home import Home
from features.vector import VERSION
from pipelines.console import out
from pipelines.promotion import Promoted, name_shadow, promote
from pipelines.shown_promotion import show_promoted, show_shadowed
from training import registry
from training.gate import Verdict

SAID = {"reason": "a test", "by": "Li"}


@pytest.fixture
def second(home: Home, tmp_path: Path) -> int:
    """The champion's files as a version of their own."""
    folder = registry.fetch(1, home.tracking_uri, tmp_path / "fetched")
    return registry.register(folder, {}, {}, Verdict(passed=True, reasons=()), home.tracking_uri)


def test_a_shadow_that_becomes_champion_is_dismissed_and_another_is_left(home: Home, second: int) -> None:
    name_shadow(home, second, **SAID)
    assert promote(home, second, **SAID) == Promoted(1, was_shadow=True)
    assert registry.aliased(registry.SHADOW, home.tracking_uri) is None
    name_shadow(home, 1, **SAID)
    assert promote(home, second, **SAID) == Promoted(second)
    assert registry.aliased(registry.SHADOW, home.tracking_uri) == 1


def test_the_answer_says_who_serves_and_where_a_refusal_shows() -> None:
    with out.capture() as shown:
        show_promoted(2, Promoted(1, was_shadow=True))
        show_shadowed(3, None)
    told = shown.get()
    assert "champion: version 2, before: 1" in told
    assert "shadow: none, before: 2" in told
    assert "shadow: version 3, before: none" in told
    assert told.count(f"if it computes features {VERSION}, otherwise") == 2
    assert told.count("/readyz") == 2
    assert 'assay_model_refused_version{alias="champion"}' in told
