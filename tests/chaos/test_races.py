"""The same money is asked for by many at once, on both engines: four thousand times here, a hundred thousand by
`make soak`, and never is more of it set aside than there is.
"""

import os
from concurrent.futures import ThreadPoolExecutor
from random import Random

import pytest
from sqlalchemy import Engine

from serving.database import reading
from serving.ledger import book, holds, wallets
from serving.ledger.proofs import check
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.rewards import Reward, credit_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder

TRIED = 50_000 if "ASSAY_SOAK" in os.environ else 2_000
AT_ONCE = 8
PEOPLE = ["ann", "bob", "eve"]
HAS = 3_000_000
CLEARING = Account(AccountKind.CLEARING, "bank", "CNY")
NOW = 1_790_000_000_000_000


def lane(engine: Engine, number: int, tries: int) -> int:
    """Withdraws, and lets go or spends some of what it got; how often there was not enough."""
    dice, refused = Random(number), 0  # noqa: S311  (a sample, no secret)
    for at in range(tries):
        order = WithdrawalOrder(f"w-{number}-{at}", dice.choice(PEOPLE), dice.choice([500_000, 1_000_000]), "CNY")
        try:
            with engine.begin() as connection:
                held = wallets.hold_withdrawal(connection, order, NOW)
            with engine.begin() as connection:
                if dice.random() < 0.02:
                    holds.capture(connection, held.id, CLEARING, NOW)
                elif dice.random() < 0.9:
                    holds.release(connection, held.id, NOW)
        except InsufficientFunds:
            refused += 1
    return refused


@pytest.mark.timeout(86_400 if TRIED > 10_000 else 900)
def test_no_race_sets_aside_or_spends_more_than_there_is(anywhere: Engine) -> None:
    with anywhere.begin() as connection:
        for person in PEOPLE:
            credit_reward(connection, Reward(f"e-{person}", person, HAS, HAS, "CNY", NOW, partner_id="network"), NOW)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        refused = sum(pool.map(lambda number: lane(anywhere, number, TRIED // AT_ONCE), range(AT_ONCE)))
    assert 0 < refused < TRIED
    with reading(anywhere) as connection:
        assert check(connection) == []
        left = [book.balance(connection, Account(AccountKind.WALLET_AVAILABLE, one, "CNY")) for one in PEOPLE]
        spent = book.balance(connection, CLEARING).posted_micros
    assert all(0 <= one.held_micros <= one.posted_micros <= HAS for one in left)
    assert sum(one.posted_micros for one in left) + spent == HAS * len(PEOPLE)
