"""Reasons that are suddenly common, or gone; rare ones and few decisions say nothing."""

from training.monitoring.limits import Limits
from training.monitoring.reasons import NO_REASON, mix_of, of_reasons

LIMITS = Limits.read()


def decisions(total: int, **shares: float) -> list[list[str]]:
    return [[code for code, share in shares.items() if at < share * total] for at in range(total)]


def alerts(before: list[list[str]], recent: list[list[str]]) -> list[str]:
    return [one.name for one in of_reasons(mix_of(before, recent), LIMITS) if one.stands]


def test_a_reason_that_jumps_or_vanishes_stands() -> None:
    assert alerts(decisions(2000, device=0.1), decisions(500, device=0.11)) == []
    assert alerts(decisions(2000, device=0.1), decisions(500, device=0.3)) == ["device"]
    assert alerts(decisions(2000, device=0.1), decisions(500)) == ["device"]


def test_a_rare_reason_may_multiply_and_a_common_one_may_grow() -> None:
    assert alerts(decisions(2000, rare=0.001), decisions(500, rare=0.03)) == []
    assert alerts(decisions(2000, usual=0.6), decisions(500, usual=0.75)) == []


def test_a_decision_counts_once_a_reason_and_one_without_counts_too() -> None:
    (device, none) = mix_of([["device", "device"], []], [["device"], ["device"]])
    assert {device.code, none.code} == {"device", NO_REASON}
    found = {one.code: one for one in (device, none)}
    assert (found["device"].before, found["device"].recent, found[NO_REASON].before) == (1, 2, 1)
    assert found["device"].share_recent == 1.0


def test_few_decisions_or_none_are_stated() -> None:
    assert mix_of([], decisions(5)) == []
    assert of_reasons([], LIMITS)[0].value is None
    assert of_reasons(mix_of(decisions(100), decisions(500, device=0.9)), LIMITS)[0].value is None
    assert mix_of(decisions(10), decisions(10))[0].p == 1.0
