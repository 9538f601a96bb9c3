"""An outage of the receiver, on the clock of a simulation: an hour of every way to fail, and nothing is lost."""

from collections.abc import Callable
from typing import Any

from serving.outbox.changes import Told
from serving.outbox.delivering import PAUSE_SECONDS_MAX

SECOND = 1_000_000
MINUTE = 60 * SECOND
HANGS = 0.1
"""Seconds until a receiver that hangs is given up in these tests; one that answers does so long before."""

Tell = Callable[..., None]
Make = Callable[..., Told]


def test_a_receiver_that_is_down_for_an_hour_misses_nothing_and_every_subject_keeps_its_order(
    started: Callable[..., Any], double: Any, told: Make, telling: Tell
) -> None:
    impatient = started(HANGS)
    subjects = [f"person:{at}" for at in range(12)]
    modes = ["cut", "500", "hang", "429", "302", "dead", "503", "404"]
    for minute in range(60):
        mode = modes[minute // 2 % len(modes)]
        if mode == "dead":
            double.stop()
        elif double._server is None:
            double.start()
        double.mode = mode
        telling(*(told(subjects[(minute * step) % 12]) for step in (1, 2, 3, 5)))
        impatient.now += MINUTE
        impatient.turn()
        if minute == 30:  # the service itself is restarted meanwhile
            impatient.stop()
            impatient.start()
    assert double.taken == []
    if double._server is None:
        double.start()
    double.go_on.set()
    double.mode = "200"
    impatient.stop()
    impatient.deadline = 120.0  # the receiver is well, the machine may be slow
    impatient.start()
    rounds = 0
    while impatient.waiting:
        impatient.now += int(PAUSE_SECONDS_MAX) * SECOND
        impatient.turn()
        rounds += 1
        assert rounds <= 20, "at the latest after its longest pause a subject is tried again"
    assert len({body["id"] for body in double.taken}) == 60 * 4
    for one in subjects:
        of = double.of(one)
        assert list(dict.fromkeys(of)) == list(range(1, max(of) + 1)), "in order, whatever came twice"
