"""A good list is never lost to a bad moment, and the log says what became of each without a word of what it holds."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from features.intelligence.lists import Found, Lists
from features.intelligence.reading import ListKind
from serving.listed import follow_lists, take_lists
from serving.problems import busy

GOOD = "mail.example\nother.example\n"
HELD = "AWS_ACCESS=wJalrXUtnFEMI"
NOW = 1_772_000_000_000_000


class Knowledge:
    """Adopts lists, as the service's does."""

    def __init__(self, folder: Path) -> None:
        self.lists = Lists(folder / "kept", folder)

    def adopt(self, found: Found, now: int) -> None:
        self.lists.adopt(found, 1, now)

    def entries(self) -> dict[str, int]:
        return {str(kind): self.lists.history.current(kind).entries for kind in ListKind if self._has(kind)}

    def _has(self, kind: ListKind) -> bool:
        return bool(self.lists.history.current(kind).digest)


class Writer:
    """Fails as often as it is told to, then runs what it is given."""

    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)

    def do_now(self, work: Callable[[Any], Any]) -> Any:
        if self.failures:
            raise self.failures.pop(0)
        return work(SimpleNamespace(now=NOW))


def follow(knowledge: Knowledge, writer: Any) -> list[tuple[str, str]]:
    with capture_logs() as logs:
        follow_lists(knowledge, writer)
    return [(line["event"], line["kind"]) for line in logs]


@pytest.mark.parametrize(
    "failure", [busy(), TimeoutError("the writer did not answer"), OSError(28, "No space left"), KeyError("x")]
)
def test_a_list_whose_adoption_failed_is_found_again_and_the_others_go_on(tmp_path: Path, failure: Exception) -> None:
    (tmp_path / "tor.txt").write_text("203.0.113.7\n")
    (tmp_path / "disposable_email.txt").write_text(GOOD)
    knowledge, writer = Knowledge(tmp_path), Writer(failure)
    assert follow(knowledge, writer) == [("list_waits", "tor"), ("list_adopted", "disposable_email")]
    assert follow(knowledge, writer) == [("list_adopted", "tor")]
    assert knowledge.entries() == {"tor": 1, "disposable_email": 2}
    assert follow(knowledge, writer) == []


def test_a_list_that_the_disk_did_not_take_is_found_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "disposable_email.txt").write_text(GOOD)
    knowledge = Knowledge(tmp_path)
    (tmp_path / "kept").write_text("a file where the folder should be")
    assert follow(knowledge, Writer()) == [("list_waits", "disposable_email")]
    (tmp_path / "kept").unlink()
    assert follow(knowledge, Writer()) == [("list_adopted", "disposable_email")]


def test_a_start_tells_what_it_took_and_what_it_refused(tmp_path: Path) -> None:
    (tmp_path / "tor.txt").write_text("203.0.113.7")
    (tmp_path / "disposable_email.txt").write_text(GOOD)
    with capture_logs() as logs:
        take_lists(Lists(tmp_path / "kept", tmp_path), 1, NOW)
    assert [(line["event"], line["kind"]) for line in logs] == [
        ("list_refused", "tor"),
        ("list_adopted", "disposable_email"),
    ]
    assert "half-written" in logs[0]["reason"]


@pytest.mark.parametrize("kind", list(ListKind))
@pytest.mark.parametrize("lines", [HELD, f"10.0.0.0/{HELD}", f"1.2.3.4 {HELD}", f"{HELD}*x", f"{HELD} 7"])
def test_the_log_repeats_no_line_of_a_list(tmp_path: Path, kind: ListKind, lines: str) -> None:
    (tmp_path / f"{kind}.txt").write_text(f"{lines}\n" * 3)
    with capture_logs() as logs:
        take_lists(Lists(tmp_path / "kept", tmp_path), 1, NOW)
    assert not [line for line in logs if HELD in str(line)]


@pytest.mark.parametrize("line", [HELD, "0.0.0.0/0"])
def test_a_refusal_names_the_line_by_its_number(tmp_path: Path, line: str) -> None:
    (tmp_path / "tor.txt").write_text(f"203.0.113.7\n{line}\n")
    knowledge = Knowledge(tmp_path)
    with capture_logs() as logs:
        follow_lists(knowledge, Writer())  # type: ignore[arg-type]  # all of a writer that is asked for
    (said,) = [told["reason"] for told in logs]
    assert "line 2 is " in said
    assert line not in said
