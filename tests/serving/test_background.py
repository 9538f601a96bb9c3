"""The projection duty: what the service learned reaches the store; a store that is lost stops nothing."""

import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from features.fold import Changed
from features.intelligence.lists import Found, Lists
from features.store.online import OnlineStore
from features.store.settings import Settings, Unreachable
from features.table import features_of
from features.windows import Entity
from serving import background
from serving.background import Background
from serving.problems import Problem

AT = 1_772_000_000_000_000


class Knowledge:
    """Keys that changed, each given out once."""

    def __init__(self, *names: str) -> None:
        self.names, self.sequence = list(names), 5

    def take_changes(self, limit: int) -> list[Changed]:
        taken, self.names = self.names[:limit], self.names[limit:]
        return [Changed(Entity.USER, name, AT, [1.0] * len(features_of(Entity.USER))) for name in taken]


class Writer:
    """Runs what it is given, or is too busy to."""

    busy = False

    def do_now(self, work: Callable[[Any], Any]) -> Any:
        if self.busy:
            raise Problem(503, "busy", "later", retry=True)
        return work(SimpleNamespace(now=AT))


def made(folder: Path, knowledge: Knowledge, writer: Writer, monkeypatch: pytest.MonkeyPatch) -> Background:
    monkeypatch.setattr(background, "PERIOD_SECONDS", 0.01)
    monkeypatch.setattr(Background, "_mature", lambda _: None)
    monkeypatch.setattr(Background, "_paying", lambda _: {})
    parts: Any = SimpleNamespace(knowledge=knowledge, writer=writer)
    return Background(parts, folder)


def held(folder: Path, key: str) -> float | None:
    store = OnlineStore(Settings(folder))
    try:
        return store.read(Entity.USER, key, AT)["user__count__7d"]
    finally:
        store.close()


def test_what_changed_reaches_the_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    duties = made(tmp_path, Knowledge(*(f"u{at}" for at in range(1_000))), Writer(), monkeypatch)
    duties.start()
    assert soon(lambda: held(tmp_path, "u999") is not None)
    duties.stop()
    assert {held(tmp_path, name) for name in ("u0", "u500", "u999")} == {1.0}


def test_what_changed_last_is_written_before_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge, writer = Knowledge("u1"), Writer()
    writer.busy = True
    duties = made(tmp_path, knowledge, writer, monkeypatch)
    duties.start()
    time.sleep(0.1)
    assert held(tmp_path, "u1") is None
    writer.busy = False
    duties.stop()
    assert held(tmp_path, "u1") == 1.0


def test_a_store_that_does_not_answer_is_named_at_the_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASSAY_REDIS", "redis://127.0.0.1:1/0")
    duties = made(tmp_path, Knowledge(), Writer(), monkeypatch)
    with pytest.raises(Unreachable, match="ASSAY_REDIS"):
        duties.start()


def test_a_store_that_is_lost_stops_no_other_duty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def lost(*told: object) -> None:
        asked.append(told)
        raise ConnectionError("lost")

    monkeypatch.setattr(OnlineStore, "write", lost)
    duties = made(tmp_path, Knowledge("u1"), Writer(), monkeypatch)
    duties.start()
    assert soon(lambda: len(asked) > 1)
    assert all(thread.is_alive() for thread in duties._threads)
    duties.stop()


class Listed(Knowledge):
    """Keeps lists, as the service's knowledge does."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.lists = Lists(folder / "kept", folder / "lists")

    def adopt(self, found: Found, now: int) -> None:
        self.lists.adopt(found, self.sequence + 1, now)


def test_a_good_list_applies_without_a_restart_and_a_bad_one_leaves_the_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(background, "LISTS_SECONDS", 0.01)
    (tmp_path / "lists").mkdir()
    file, knowledge = tmp_path / "lists" / "disposable_email.txt", Listed(tmp_path)
    duties = made(tmp_path, knowledge, Writer(), monkeypatch)
    duties.start()
    try:
        file.write_text("mail.example\nother.example\n")
        assert soon(lambda: entries(knowledge) == 2)
        file.write_text("half a line that does not end")
        time.sleep(0.1)
        assert entries(knowledge) == 2
        file.write_text("mail.example\nother.example\nthird.example\n")
        assert soon(lambda: entries(knowledge) == 3)
    finally:
        duties.stop()


def entries(knowledge: Listed) -> int:
    known = knowledge.lists.history.entries
    return known[-1].entries if known else 0


def soon(true: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 120
    while not true() and time.monotonic() < deadline:
        time.sleep(0.01)
    return true()
