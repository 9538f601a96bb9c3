from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from threading import Barrier

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine

from serving.database import open_database
from serving.payouts.identity import states
from serving.payouts.identity.states import MOVES, State
from serving.payouts.moves import IllegalMove, Overtaken

NOW = 1_000_000_000
USERS = count()


def test_nobody_returns_to_none_and_every_other_state_can_be_reached() -> None:
    reached, frontier = set(), {State.NONE}
    while frontier:
        reached |= frontier
        frontier = {after for state in frontier for after in MOVES[state]} - reached
    assert reached == set(State)
    assert not any(State.NONE in targets for targets in MOVES.values())


def test_only_a_check_leads_to_a_proof() -> None:
    assert {state for state, targets in MOVES.items() if State.VERIFIED in targets} == {State.PENDING}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    return open_database(tmp_path_factory.mktemp("states") / "book.db")


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from(State), max_size=8))
def test_any_walk_keeps_to_the_table_and_every_move_is_on_record(shared: Engine, targets: list[State]) -> None:
    user = f"user {next(USERS)}"
    path = [State.NONE]
    with shared.begin() as connection:
        for target in targets:
            identity = states.get(connection, user)
            if target in MOVES[path[-1]]:
                assert states.move(connection, identity, target, "test", NOW).state is target
                path.append(target)
            else:
                with pytest.raises(IllegalMove):
                    states.move(connection, identity, target, "test", NOW)
        kept = [(row.state_before, row.state_after, row.version) for row in states.moves_of(connection, user)]
        assert kept == [(*step, version) for version, step in enumerate(pairwise(path), 1)]
        assert states.get(connection, user).version == len(path) - 1


def test_who_read_an_older_version_changes_nothing(engine: Engine) -> None:
    with engine.begin() as connection:
        read = states.demand(connection, "ann", "odd_payout", "reviewer", NOW)
        states.move(connection, read, State.PENDING, "check_began", NOW)
        with pytest.raises(Overtaken):
            states.move(connection, read, State.PENDING, "check_began", NOW)
        assert len(states.moves_of(connection, "ann")) == 2


def test_of_many_writers_at_once_one_makes_the_move(anywhere: Engine) -> None:
    barrier = Barrier(6)

    def begin(_: int) -> str:
        barrier.wait()
        try:
            with anywhere.begin() as connection:
                states.move(connection, states.lock(connection, "ann", NOW), State.PENDING, "check_began", NOW)
        except (IllegalMove, Overtaken) as refusal:
            return type(refusal).__name__
        return "moved"

    with ThreadPoolExecutor(6) as pool:
        said = Counter(pool.map(begin, range(6)))
    assert said == {"moved": 1, "IllegalMove": 5}
    with anywhere.begin() as connection:
        assert states.get(connection, "ann").version == 1


@pytest.mark.parametrize(("later", "state"), [(-1, State.VERIFIED), (0, State.EXPIRED), (1, State.EXPIRED)])
def test_a_proof_ends_at_its_instant(engine: Engine, later: int, state: State) -> None:
    with engine.begin() as connection:
        pending = states.move(connection, states.get(connection, "ann"), State.PENDING, "check_began", NOW)
        states.move(connection, pending, State.VERIFIED, "check_proven", NOW, verified_until=NOW + 100)
        identity = states.get(connection, "ann")
        assert identity.is_verified(NOW + 100 + later) == (state is State.VERIFIED)
        assert states.expire(connection, identity, NOW + 100 + later).state is state


def test_telling_somebody_twice_is_one_move(engine: Engine) -> None:
    with engine.begin() as connection:
        told = states.require(connection, states.get(connection, "ann"), "amount_reached", NOW)
        assert states.require(connection, told, "amount_reached", NOW + 1) is told


@pytest.mark.parametrize("reason", ["", "Ann Lee has moved", "ann@example.org", "x" * 64])
def test_a_reason_cannot_hold_what_is_personal(engine: Engine, reason: str) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="reason: a word of code"):
        states.demand(connection, "ann", reason, "reviewer", NOW)


@pytest.mark.parametrize("by", ["", "  ", "x" * 129])
def test_who_demands_gives_a_name(engine: Engine, by: str) -> None:
    with engine.begin() as connection, pytest.raises(ValueError, match="by: name the person"):
        states.demand(connection, "ann", "odd_payout", by, NOW)
