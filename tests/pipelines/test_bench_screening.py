"""The list that the bench makes: the same seed gives the same people, and each change keeps the person."""

import json

import numpy as np
import pytest

from pipelines.bench.screening import run
from pipelines.bench.screening_changes import CHANGES
from pipelines.bench.screening_names import CULTURES, invented


def people(seed: int) -> list[object]:
    rng = np.random.default_rng(seed)
    return [invented(rng, culture) for culture in CULTURES.values() for _ in range(5)]


def test_the_same_seed_invents_the_same_people() -> None:
    assert people(1) == people(1) != people(2)


@pytest.mark.parametrize("change", [change for change in CHANGES if change != "as listed"])
def test_every_change_changes_some_names(change: str) -> None:
    rng = np.random.default_rng(1)
    everybody = [invented(rng, culture) for culture in CULTURES.values() for _ in range(20)]
    changed = [CHANGES[change](rng, one) for one in everybody]
    assert any(name is not None and name != one.latin for name, one in zip(changed, everybody, strict=True))


def test_a_name_as_listed_is_always_found(capsys: pytest.CaptureFixture[str]) -> None:
    run(seed=3, listed=200, people=100, asked=50)
    figures = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert figures["recall_of_change"]["as listed"] == 1
    assert figures["people"] == 100
