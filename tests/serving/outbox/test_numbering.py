"""Changes: with their effect or not at all; numbered in the order of commits, so that no cursor skips one."""

import threading
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, insert

from serving.database import reading
from serving.outbox.changes import CHANGE_HEAD, CHANGE_SUBJECT, LISTED_MAX, Change, Told, after, kept, tell
from serving.outbox.delivering import number_all
from serving.outbox.numbering import DAY, KEPT_DAYS, NUMBERED_MAX, has_unnumbered, number, prune

NOW = 20_000 * DAY


def page(engine: Engine, cursor: int = 0, limit: int = LISTED_MAX) -> list[Change]:
    with reading(engine) as connection:
        return after(connection, cursor, limit)


def numbered(write: Any, now: int = NOW, *, is_awaited: bool = False) -> int:
    count: int = write(lambda connection: number(connection, now, is_awaited=is_awaited))
    return count


def test_a_change_exists_only_with_its_effect(engine: Engine, told: Callable[..., Told]) -> None:
    class Refused(Exception):  # noqa: N818  # what a rule says no to
        pass

    def failing() -> None:
        with engine.begin() as connection:
            tell(connection, told())
            raise Refused

    with pytest.raises(Refused):
        failing()
    with reading(engine) as connection:
        assert not has_unnumbered(connection)


def test_all_are_counted_and_so_are_those_of_each_subject(
    engine: Engine, told: Callable[..., Told], telling: Callable[..., None], write: Any
) -> None:
    telling(told("person:ann"), told("person:bob"), told("person:ann"))
    assert page(engine) == []
    assert numbered(write) == 3
    telling(told("person:bob"))
    assert (numbered(write), numbered(write)) == (1, 0)
    found = [(one.sequence, one.subject, one.subject_sequence) for one in page(engine)]
    assert found == [(1, "person:ann", 1), (2, "person:bob", 1), (3, "person:ann", 2), (4, "person:bob", 2)]
    with reading(engine) as connection:
        assert kept(connection) == (4, 0)


def test_a_cursor_pages_through_all_of_them(
    engine: Engine, told: Callable[..., Told], telling: Callable[..., None], write: Any
) -> None:
    count = NUMBERED_MAX + 7
    telling(*(told(f"person:{at % 5}") for at in range(count)))
    number_all(write, NOW, is_awaited=False)
    seen: list[int] = []
    while found := page(engine, seen[-1] if seen else 0, 100):
        seen += [one.sequence for one in found]
    assert seen == list(range(1, count + 1))


def test_the_same_effect_has_the_same_id(engine: Engine, telling: Callable[..., None], write: Any) -> None:
    first = Told("payout.updated", "w/2", "person:ann", {}, 1)  # type: ignore[arg-type]  # a word is enough
    telling(first)
    telling(first, Told("payout.updated", "w/3", "person:ann", {}, 1))  # type: ignore[arg-type]  # as above
    numbered(write)
    ids = [one.id for one in page(engine)]
    assert ids[0] == ids[1] != ids[2]


def test_what_is_committed_late_is_numbered_late_so_no_cursor_skips_it(
    shared_engine: Engine, told: Callable[..., Told]
) -> None:
    """On PostgreSQL, where an id that is drawn first can be committed last."""
    try:
        with shared_engine.connect() as slow, slow.begin() as transaction:
            tell(slow, told("person:slow"))
            with shared_engine.begin() as fast:
                tell(fast, told("person:fast"))
            with shared_engine.begin() as connection:
                assert number(connection, NOW, is_awaited=False) == 1
            assert [one.subject for one in page(shared_engine)] == ["person:fast"]
            transaction.commit()
        with shared_engine.begin() as connection:
            assert number(connection, NOW, is_awaited=False) == 1
        assert [one.subject for one in page(shared_engine, 1)] == ["person:slow"]
    finally:
        with shared_engine.begin() as connection:
            for table in ("outbox", "change", "change_subject", "change_head"):
                connection.exec_driver_sql(f"DELETE FROM {table}")  # noqa: S608  # four names of ours


def test_a_reader_sees_each_change_once_while_many_write(engine: Engine, told: Callable[..., Told], write: Any) -> None:
    writers, each = 4, 20
    mine = [[told(f"person:{at}") for _ in range(each)] for at in range(writers)]

    def work(changes: list[Told]) -> None:
        for one in changes:
            write(lambda connection, one=one: tell(connection, one))

    threads = [threading.Thread(target=work, args=(changes,)) for changes in mine]
    for thread in threads:
        thread.start()
    seen: list[Change] = []
    while any(thread.is_alive() for thread in threads) or numbered(write):
        numbered(write)
        seen += page(engine, seen[-1].sequence if seen else 0, 7)
    while found := page(engine, seen[-1].sequence if seen else 0):
        seen += found
    assert [one.sequence for one in seen] == list(range(1, writers * each + 1))
    for at in range(writers):
        of = [one for one in seen if one.subject == f"person:{at}"]
        assert [one.subject_sequence for one in of] == list(range(1, each + 1))
        assert [one.data for one in of] == [one.data for one in mine[at]]


def test_two_that_number_at_once_give_each_number_once(
    engine: Engine, told: Callable[..., Told], telling: Callable[..., None], write: Any
) -> None:
    telling(*(told(f"person:{at % 3}") for at in range(40)))
    threads = [threading.Thread(target=numbered, args=(write,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [one.sequence for one in page(engine)] == list(range(1, 41))


def test_what_is_old_is_forgotten_and_the_counts_go_on(
    engine: Engine, told: Callable[..., Told], telling: Callable[..., None], write: Any
) -> None:
    telling(told(), told())
    numbered(write, NOW)
    telling(told())
    numbered(write, NOW + DAY)
    later = NOW + KEPT_DAYS * DAY + 1
    assert write(lambda connection: prune(connection, later)) == 2
    assert write(lambda connection: prune(connection, later)) == 0
    telling(told())
    numbered(write, later)
    assert [(one.sequence, one.subject_sequence) for one in page(engine)] == [(3, 3), (4, 4)]
    with reading(engine) as connection:
        assert kept(connection) == (4, 2)


def test_what_a_receiver_waits_for_is_kept_however_old(
    engine: Engine, told: Callable[..., Told], telling: Callable[..., None], write: Any
) -> None:
    telling(told("person:waits"), told("person:had"))
    numbered(write, is_awaited=True)
    had = CHANGE_SUBJECT.update().where(CHANGE_SUBJECT.c.subject == "person:had").values(delivered=1, next_at=None)
    write(lambda connection: connection.execute(had))
    later = NOW + 2 * KEPT_DAYS * DAY
    assert write(lambda connection: prune(connection, later)) == 1
    assert [one.subject for one in page(engine)] == ["person:waits"]


def test_numbers_never_run_backwards_even_if_all_was_forgotten(
    engine: Engine, told: Callable[..., Told], telling: Callable[..., None], write: Any
) -> None:
    write(lambda connection: connection.execute(insert(CHANGE_HEAD), [{"id": 1, "sequence": 900, "pruned": 900}]))
    telling(told())
    numbered(write)
    assert [one.sequence for one in page(engine)] == [901]
