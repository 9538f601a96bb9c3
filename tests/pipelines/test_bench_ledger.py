"""The bench of the book runs beside its own floor and beside a script, and its proofs have nothing to find."""

import json
from pathlib import Path

import pytest

from pipelines.bench import ledger
from pipelines.console import UserError

NOWHERE = "postgresql+psycopg://nobody@127.0.0.1:1/none"


def test_a_small_race_says_its_ratios_and_leaves_a_sound_book(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    ledger.run(2, 0.05, 7, None, tmp_path, NOWHERE)
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["findings"] == []
    assert all(said[f"ratio_low_{batch}"] <= said[f"ratio_{batch}"] for batch in ledger.BATCHES)
    assert said["postgres_ratio_100"] is None


def test_a_script_can_be_the_floor_and_must_print_what_is_read(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    script = tmp_path / "floor.py"
    body = 'import json, sys; batch = int(sys.argv[2].split("=")[1])\n'
    script.write_text(body + 'print(json.dumps({"batch": batch, "transfers_per_s": 1e-3}))')
    ledger.run(2, 0.05, 7, script, tmp_path, NOWHERE)
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["ratio_100"] > 1
    script.write_text("print('fast')")
    with pytest.raises(UserError, match="no JSON line with batch 1"):
        ledger.run(2, 0.05, 7, script, tmp_path, NOWHERE)
