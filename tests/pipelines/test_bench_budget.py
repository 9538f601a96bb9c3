"""The benches of budgets and prices run, and say what they found in their last line."""

import json

import pytest

from pipelines.bench import budget, prices


def last_line(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(capsys.readouterr().out.splitlines()[-1])
    return found


def test_a_small_round_with_its_kills_overspends_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    budget.run(1_000, 7)
    said = last_line(capsys)
    assert (said["overspend_micros"], said["paid_twice"], said["not_as_reserved"], said["findings"]) == (0, 0, 0, [])
    assert said["kills"] == budget.KILLS_A_ROUND
    for name in ("events", "refused", "paid", "used_share"):
        assert isinstance(said[name], (int, float))
        assert said[name] > 0


def test_a_hundred_candidates_are_priced_and_timed(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prices, "CALLS", 3)
    monkeypatch.setattr(prices, "WARM_UP", 1)
    prices.run(None, 7)
    said = last_line(capsys)
    assert said["offers"] == 100
    assert 0 < float(str(said["p50_ms"])) <= float(str(said["p99_ms"]))
