"""The reasons of live decisions, by when their events arrived."""

from pathlib import Path

from features.events import Event, instant_of
from features.home import Home
from pipelines.decided import reasons_decided
from pipelines.export import append_recorded
from serving.flows import score_event
from serving.parts import assemble
from serving.records import Unit
from training.monitoring.periods import Span

NOW = 1_767_225_600_000_000
HOUR = 3_600_000_000


def decide(home: Home, count: int) -> None:
    """One event an hour, without a model: each decision says so."""
    parts = assemble(home)
    for number in range(count):
        at = NOW + number * HOUR
        event = Event(event_id=f"e{number}", kind="task_completed", occurred_at=instant_of(at), user_id="ann")
        with parts.engine.begin() as connection:
            score_event(event, parts, Unit(connection, at))
    parts.engine.dispose()


def test_decisions_are_in_the_span_in_which_their_event_arrived(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    decide(home, 4)
    spans = [Span(NOW, NOW + 3 * HOUR), Span(NOW + 3 * HOUR, NOW + 9 * HOUR)]
    assert reasons_decided(home, spans) == [[], []], "the log does not hold them yet"
    append_recorded(home)
    before, recent = reasons_decided(home, spans)
    assert (len(before), len(recent)) == (3, 1)
    assert all("model_unavailable" in codes or "fraud_model_missing" in codes for codes in (*before, *recent))


def test_a_home_that_never_served_decided_nothing_and_stays_so(tmp_path: Path) -> None:
    assert reasons_decided(Home(tmp_path / "home"), [Span(0, NOW)]) == [[]]
    assert list(tmp_path.iterdir()) == []
