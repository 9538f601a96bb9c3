"""The same transfers on a real node with a real token: anvil and OpenZeppelin's ERC-20 judge, not our own double."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.bench.payouts_evm import tell
from pipelines.doubles.anvil import Anvil, running_anvil
from serving.database import open_database


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    try:
        with running_anvil() as node:
            yield node
    except FileNotFoundError as missing:
        if "CI" in os.environ:
            pytest.fail(f"CI has Node: {missing}")
        pytest.skip(str(missing))


def test_payouts_survive_reorganisations_gaps_spikes_and_lost_calls(anvil: Anvil, tmp_path: Path) -> None:
    """`assay bench payouts-evm` plays a thousand."""
    engine = open_database(tmp_path / "book.db")
    tally = tell(anvil, engine, payouts=40, seed=3)
    engine.dispose()
    assert (tally.paid_twice, tally.unpaid, tally.undone, tally.above_ceiling) == (0, 0, 0, 0)
    for mishap in ("reorganisations", "nonce gaps", "spikes above the ceiling", "fees raised", "paused"):
        assert tally.events[mishap] > 0, f"the story is too tame: no {mishap}"
