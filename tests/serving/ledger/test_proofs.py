import pytest
from sqlalchemy import Connection, Engine, text

from serving.ledger.holds import Hold, capture, hold
from serving.ledger.proofs import check
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind

ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")
UNCHECKED = {
    "sqlite": ["PRAGMA ignore_check_constraints = ON"],
    "postgresql": ["ALTER TABLE balance DROP CONSTRAINT balance_available"],
}
"""What lets a corruption through that the engine itself would refuse."""


def live(connection: Connection) -> None:
    """A mature reward, a waiting one, an open hold and a captured one."""
    credit_reward(connection, Reward("e", "ann", 600, 1000, "CNY", matures_at=0), now=1)
    credit_reward(connection, Reward("f", "ann", 60, 100, "CNY", matures_at=9), now=1)
    hold(connection, Hold("open", ANN, 100, "w"), now=1)
    hold(connection, Hold("captured", ANN, 200, "w"), now=1)
    capture(connection, "captured", Account(AccountKind.CLEARING, "bank", "CNY"), now=1)


def test_a_sound_book_has_no_findings(engine: Engine) -> None:
    with engine.begin() as connection:
        live(connection)
        assert check(connection) == []


@pytest.mark.parametrize(
    ("corruption", "findings"),
    [
        (
            "UPDATE balance SET posted = posted + 5"
            " WHERE account IN (SELECT number FROM account WHERE id = 'wallet_available:CNY:ann')",
            ["sum to 5", "transfers say", "says posted 405"],
        ),
        (
            "UPDATE balance SET posted = posted - 5"
            " WHERE account IN (SELECT number FROM account WHERE kind = 'revenue')",
            ["advertisers in CNY sum", "transfers say", "says posted 1095"],
        ),
        (
            "UPDATE balance SET pending_out = 99 WHERE pending_out > 0",
            ["open holds say 100", "says pending_out 99, the chain says 100"],
        ),
        (
            "UPDATE hold SET state = 'released', resolved_at = 1 WHERE id = 'open'",
            ["open holds say 0", "hold open is released with 0 captured, which the chain does not say"],
        ),
        (
            "UPDATE hold SET state = 'captured', captured_micros = 9, resolved_at = 1 WHERE id = 'open'",
            ["open holds say 0", "0 were spent", "which the chain does not say"],
        ),
        ("UPDATE reward SET state = 'available' WHERE event_id = 'f'", ["waiting rewards say 0"]),
        ("UPDATE reward SET reversed_micros = 1 WHERE event_id = 'f'", ["waiting rewards say 59"]),
        (
            "UPDATE balance SET min_available = 301"
            " WHERE account IN (SELECT number FROM account WHERE id = 'wallet_available:CNY:ann')",
            ["must keep 301", "says min_available 301, the chain says 0"],
        ),
        (
            "UPDATE balance SET last = 0 WHERE account IN (SELECT number FROM account WHERE kind = 'revenue')",
            ["says last 0"],
        ),
        ("UPDATE account SET owner_sealed = owner_digest WHERE kind = 'revenue'", ["has another owner"]),
        ("UPDATE ledger_head SET sequence = sequence + 1", ["the head of the chain says"]),
        (
            "INSERT INTO transfer SELECT 99, 'x', debit, credit, 7, kind, NULL, 'x', 1, 1, 0, 0, hash FROM transfer"
            " WHERE kind = 'revenue' LIMIT 1",
            [
                "transfers say -1107",
                "transfers say 1107",
                "comes 99",
                "not what its hash says",
                "follows 0 on account",
                "follows 0 on account",
                "the head of the chain says",
                *(["the chain says"] * 4),
            ],
        ),
        (
            "INSERT INTO transfer SELECT 99, 'x', debit, credit, 7, kind, hold_id, 'x', 1, 1, 0, 0, hash FROM transfer"
            " WHERE kind = 'capture'",
            [
                "transfers say 207",
                "transfers say 393",
                "207 were spent",
                "comes 99",
                "not what its hash says",
                "follows 0 on account",
                "follows 0 on account",
                "the head of the chain says",
                *(["the chain says"] * 4),
            ],
        ),
    ],
)
def test_a_planted_corruption_is_found(engine: Engine, corruption: str, findings: list[str]) -> None:
    with engine.begin() as connection:
        live(connection)
        for statement in UNCHECKED[engine.dialect.name]:
            connection.execute(text(statement))
        connection.execute(text(corruption))
        found = check(connection)
        connection.rollback()
    assert len(found) == len(findings), found
    assert all(any(expected in sentence for sentence in found) for expected in findings), found
