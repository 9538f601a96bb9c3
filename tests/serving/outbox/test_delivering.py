"""Delivery to a real receiver that fails, hangs, is cut off and dies: nothing is lost, each subject keeps its order."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from serving.database import open_database
from serving.outbox import delivering
from serving.outbox.changes import Told
from serving.outbox.delivering import PAUSE_SECONDS_MAX, SLOTS, SLOTS_FOR_FAILED
from serving.outbox.posting import Post

PATIENT = 120.0
"""Seconds until a request is given up: here none should be, however slow the machine is."""

SECOND = 1_000_000
MINUTE = 60 * SECOND

Tell = Callable[..., None]
Make = Callable[..., Told]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    """One engine is enough here: what differs between the two is in the numbering and in a whole outage."""
    engine = open_database(tmp_path / "book.db")
    yield engine
    engine.dispose()


@pytest.fixture
def service(started: Callable[..., Any]) -> Any:
    return started(PATIENT)


def test_a_change_is_posted_signed_with_its_numbers(service: Any, double: Any, told: Make, telling: Tell) -> None:
    telling(told(at=1_772_000_000_500_000))
    assert service.turn() == 1
    (body,) = double.taken
    assert set(body) == {"id", "type", "timestamp", "sequence", "subject", "subject_sequence", "data"}
    assert (body["type"], body["sequence"], body["subject_sequence"]) == ("payout.updated", 1, 1)
    assert body["timestamp"] == "2026-02-25T06:13:20.500000Z"
    assert double.headers[0]["content-type"] == "application/json"
    assert (service.turn(), service.waiting) == (0, 0)


@pytest.mark.parametrize("mode", ["500", "404", "302", "cut"])
def test_a_subject_that_fails_waits_alone(service: Any, double: Any, told: Make, telling: Tell, mode: str) -> None:
    double.modes["person:bad"] = mode
    telling(told("person:bad"), told("person:bad"), *(told(f"person:{at}") for at in range(40)))
    service.until(lambda: len(double.taken) == 40)
    service.turn()
    assert double.of("person:bad") == []
    double.modes.clear()
    service.now += int(PAUSE_SECONDS_MAX) * SECOND  # however often it was tried meanwhile
    service.turn()
    assert double.of("person:bad") == [1, 2]


def test_a_subject_that_hangs_stops_nobody_while_it_hangs(service: Any, double: Any, told: Make, telling: Tell) -> None:
    double.modes["person:slow"] = "hang"
    telling(told("person:slow"), told("person:slow"))
    service.until(lambda: double.asked == ["person:slow"])
    for _ in range(3):
        telling(*(told(f"person:{at}") for at in range(5)))
    service.until(lambda: len(double.taken) == 15)
    assert double.of("person:slow") == []
    double.go_on.set()
    service.turn()
    assert double.of("person:slow") == [1, 2]
    assert double.asked.count("person:slow") == 2, "nothing was sent twice"


def test_however_many_subjects_hang_what_is_new_goes_out(
    service: Any, double: Any, told: Make, telling: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(delivering, "DOWN_AFTER", 10**6)
    hanging = [f"person:bad{at}" for at in range(2 * SLOTS)]
    double.modes |= dict.fromkeys(hanging, "500")
    telling(*(told(one) for one in hanging))
    service.turn()
    double.modes |= dict.fromkeys(hanging, "hang")
    service.now += MINUTE
    service.until(lambda: len(double.asked) >= 2 * SLOTS + SLOTS_FOR_FAILED)
    telling(told("person:good"))
    service.until(lambda: double.of("person:good") == [1] and len(service.delivery._flying) <= SLOTS_FOR_FAILED)
    assert len(service.delivery._flying) == SLOTS_FOR_FAILED


def test_a_receiver_that_is_down_is_asked_by_few(service: Any, double: Any, told: Make, telling: Tell) -> None:
    double.mode = "500"
    telling(*(told(f"person:{at}") for at in range(200)))
    service.until(lambda: service.delivery.is_down)
    service.delivery.round(service.now)
    assert len(service.delivery._flying) <= SLOTS
    service.until(lambda: len(service.delivery._flying) <= delivering.SLOTS_WHILE_DOWN)
    asked = len(double.asked)
    for _ in range(3):
        service.delivery.round(service.now)
    assert len(double.asked) - asked <= 4 * delivering.SLOTS_WHILE_DOWN


def test_one_that_asks_for_rest_is_left_alone_for_so_long(service: Any, double: Any, told: Make, telling: Tell) -> None:
    double.modes["person:0"] = "429"
    telling(told("person:0"))
    service.turn()
    telling(told("person:1"))
    service.now += 29 * SECOND
    assert service.turn() == 0
    assert double.asked == ["person:0"]
    double.modes.clear()
    service.now += 2 * SECOND
    assert service.turn() == 2


def test_pauses_grow_to_their_limit_and_differ(service: Any, double: Any) -> None:
    pauses = [service.delivery._pause(failures) / SECOND for failures in range(1, 2_000)]
    for at, pause in enumerate(pauses):
        longest = min(2.0 ** min(at, 20), PAUSE_SECONDS_MAX)
        assert longest / 2 <= pause <= longest
    assert len(set(pauses[20:])) > 1_000


def test_an_answer_that_never_ends_was_taken(service: Any, double: Any, told: Make, telling: Tell) -> None:
    double.mode = "drip"
    telling(told())
    assert service.turn() == 1


def test_what_was_taken_before_the_end_is_not_sent_again(service: Any, double: Any, told: Make, telling: Tell) -> None:
    telling(told(), told(), told())
    seen = Post.post

    async def stops(self: Post, change: Any, now: int) -> Any:
        if change.subject_sequence == 3:
            double.mode = "hang"
        return await seen(self, change, now)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Post, "post", stops)
        service.until(lambda: len(double.asked) == 3)
        service.stop()
    double.mode = "200"
    double.go_on.set()
    service.start()
    service.turn()
    assert double.asked == ["person:ann"] * 4, "the third alone was sent twice"


def test_what_cannot_be_written_down_is_sent_again(
    service: Any, double: Any, told: Make, telling: Tell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At least once: what the receiver took and we could not note."""
    double.mode = "hang"
    telling(told())
    service.until(lambda: double.asked)

    def full(_: object) -> None:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(service.delivery, "_write", full)
        double.go_on.set()
        with pytest.raises(OSError, match="no space"):
            service.until(lambda: False)
    double.mode = "200"
    service.turn()
    assert double.of("person:ann") == [1, 1]
