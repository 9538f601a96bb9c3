import json

import pytest
from typer.testing import CliRunner

from pipelines.cli_bench import app


def test_a_small_book_is_verified_and_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipelines.bench.verify._HEAD_EVERY", 1000)
    done = CliRunner().invoke(app, ["verify", "--transfers", "2500", "--rounds", "1"])
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output.splitlines()[-1])
    assert figures["findings"] == 0
    assert figures["events"] > 2500
    assert figures["per_second_processor"] > 0
