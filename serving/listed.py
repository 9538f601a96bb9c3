"""The service takes the lists of its home, at its start and while it runs; its log says what became of each."""

from functools import partial
from typing import Protocol

import structlog

from features.intelligence.lists import Found, Lists
from features.intelligence.reading import Refused
from serving.problems import Problem
from serving.records import Unit, Writer

log = structlog.get_logger()


class Knows(Protocol):
    """What is known, with the lists that it is judged by."""

    lists: Lists

    def adopt(self, found: Found, now: int) -> None: ...


def take_lists(lists: Lists, since: int, recorded_at: int) -> None:
    """Before the first event: what is good applies from the event with sequence `since` on."""
    for found in lists.reload(since, recorded_at):
        if found.reason:
            _refused(found, found.told or found.reason)
        else:
            _adopted(found)


def follow_lists(knowledge: Knows, writer: Writer) -> None:
    """Lists are read and judged here; a good one applies from the next event on, a bad one leaves the old.

    One that could not be adopted now (the writer is busy, the disk is full) is found again by the next look.
    """
    for found in knowledge.lists.look():
        try:
            writer.do_now(partial(_adopt, knowledge, found))
        except Refused as refused:
            _refused(found, refused.told)
        except (Problem, OSError) as failure:
            knowledge.lists.look_again_at(found.kind)
            log.warning("list_waits", kind=str(found.kind), reason=str(failure))
        except Exception:  # one list that fails must not cost the others
            knowledge.lists.look_again_at(found.kind)
            log.exception("list_waits", kind=str(found.kind))
        else:
            _adopted(found)


def _adopt(knowledge: Knows, found: Found, unit: Unit) -> None:
    knowledge.adopt(found, unit.now)


def _adopted(found: Found) -> None:
    log.info("list_adopted", kind=str(found.kind), entries=found.entries)


def _refused(found: Found, told: str) -> None:
    # Only what repeats no line: a list may be a link to a file of secrets.
    log.warning("list_refused", kind=str(found.kind), reason=told)
