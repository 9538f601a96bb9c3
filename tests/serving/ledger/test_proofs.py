import pytest
from sqlalchemy import Connection, Engine, text

from serving.ledger.holds import Hold, capture, hold
from serving.ledger.proofs import check
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind

ANN = Account(AccountKind.WALLET_AVAILABLE, "ann", "CNY")


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
        ("UPDATE account SET posted = posted + 5 WHERE id = 'wallet_available:CNY:ann'", ["sum to 5", "transfers say"]),
        ("UPDATE account SET posted = posted - 5 WHERE kind = 'revenue'", ["advertisers in CNY sum", "transfers say"]),
        ("UPDATE account SET pending_out = 99 WHERE owner = 'ann' AND pending_out > 0", ["open holds say 100"]),
        ("UPDATE hold SET state = 'released', resolved_at = 1 WHERE id = 'open'", ["open holds say 0"]),
        ("UPDATE hold SET state = 'captured', resolved_at = 1 WHERE id = 'open'", ["open holds say 0", "0 were spent"]),
        ("UPDATE reward SET state = 'available' WHERE event_id = 'f'", ["waiting rewards say 0"]),
        ("UPDATE reward SET reversed_micros = 1 WHERE event_id = 'f'", ["waiting rewards say 59"]),
        ("UPDATE account SET min_available = 301 WHERE id = 'wallet_available:CNY:ann'", ["must keep 301"]),
        (
            "INSERT INTO transfer SELECT 99, 'x', debit, credit, 7, asset, kind, NULL, 'x', 1, 1 FROM transfer"
            " WHERE kind = 'revenue' LIMIT 1",
            ["transfers say -1107", "transfers say 1107"],
        ),
        (
            "INSERT INTO transfer SELECT 99, 'x', debit, credit, 7, asset, kind, hold_id, 'x', 1, 1 FROM transfer"
            " WHERE kind = 'capture'",
            ["transfers say 207", "transfers say 393", "207 were spent"],
        ),
    ],
)
def test_a_planted_corruption_is_found(engine: Engine, corruption: str, findings: list[str]) -> None:
    with engine.begin() as connection:
        live(connection)
        connection.execute(text("PRAGMA ignore_check_constraints = ON"))
        connection.execute(text(corruption))
        found = check(connection)
        connection.execute(text("PRAGMA ignore_check_constraints = OFF"))
    assert len(found) == len(findings)
    assert all(any(expected in sentence for sentence in found) for expected in findings), found
