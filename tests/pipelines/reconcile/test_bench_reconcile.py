"""The benchmark of reconciliation finds what it planted, and nothing else."""

import json

import pytest

from pipelines.bench import reconcile


def test_every_planted_break_is_found_and_no_other(capsys: pytest.CaptureFixture[str]) -> None:
    reconcile.run(2_000, 7)
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["exact"]
    assert set(said["breaks"].values()) == {reconcile.PLANTED_EACH}
    assert said["seconds"] > 0
