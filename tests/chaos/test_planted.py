"""A harness that never fails proves nothing: bugs that others shipped, and others, are planted one by one and found."""

import inspect
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from pipelines.chaos.histories import Differs, tell
from serving.database import open_database

SEEDS = range(600)


@dataclass(frozen=True)
class Bug:
    """`wrong` stands where `right` stands in the source of `place` ("module:function")."""

    name: str
    place: str
    right: str
    wrong: str

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


LEDGER, PAYOUTS = "serving.ledger", "serving.payouts"
BUGS = [
    # The book.
    Bug("what was posted before is posted again", f"{LEDGER}.book:_unposted", "wanted.pop(id_)", "wanted[id_]"),
    Bug("only the source is changed", f"{LEDGER}.core:_changes", "posted += micros", "posted += 0"),
    Bug(
        "a balance may fall below its bound", f"{LEDGER}.core:Core.append", "posted - held >= one.min_available", "True"
    ),
    Bug("holds do not count", f"{LEDGER}.core:Core.append", "posted - held >=", "posted >="),
    Bug(
        "memory outlives a rollback",
        f"{LEDGER}.core:Core.__init__",
        "self._memory.hash != self._hash or ",
        "",
    ),
    Bug("a reversal goes the same way", f"{LEDGER}.book:reverse", "Account.parse(credit),", "Account.parse(debit),"),
    # Holds.
    Bug(
        "a hold is opened at every retry",
        f"{LEDGER}.holds:hold_each",
        "known = find_each(connection, [one.id for one in wanted])",
        "known = {}",
    ),
    Bug("what is let go stays set aside", f"{LEDGER}.holds:_end", "-held.amount_micros", "-captured"),
    Bug(
        "a fraction is paid that no currency has",
        f"{LEDGER}.wallets:hold_withdrawal",
        "= payable(order.amount_micros, order.currency)",
        "= order.amount_micros",
    ),
    # Rewards.
    Bug(
        "a reward is credited at every retry", f"{LEDGER}.rewards:credit_rewards", "in known and new", "in new and new"
    ),
    Bug("everything matures at once", f"{LEDGER}.rewards:state_of", "matures_at <= now", "True"),
    Bug("pending money can be spent", f"{LEDGER}.rewards:_credits", " if state is RewardState.AVAILABLE else", " or"),
    Bug(
        "the reward is charged, not the revenue",
        f"{LEDGER}.rewards:_credits",
        "reward.revenue_micros)",
        "reward.reward_micros)",
    ),
    Bug(
        "a prepaid campaign runs up a debt",
        f"{LEDGER}.rewards:funder_of",
        "if funding is Funding.PREPAID:",
        "if False:",
    ),
    Bug("a partner's credit has no limit", f"{LEDGER}.rewards:funder_of", "-credit_limit_micros)", "-(2**61))"),
    # Maturity.
    Bug("what was taken back matures", f"{LEDGER}.maturity:_maturity", " - reward.reversed_micros", ""),
    Bug("a debt is forgotten", f"{LEDGER}.maturity:_make_available", "map(_matured, left)", "()"),
    Bug("a reviewer frees a reward twice", f"{LEDGER}.maturity:release_on_hold", "!= RewardState.ON_HOLD", "is None"),
    # Debts.
    Bug("a debt takes the whole reward", f"{LEDGER}.debts:collect", "// 100", "// 25"),
    Bug("a debt is collected of each reward anew", f"{LEDGER}.debts:collect", "left[debt.id] -= micros", "pass"),
    Bug("what came back is not recovered", f"{LEDGER}.recovered:returned_due", "if not left", "if True"),
    Bug(
        "what came back before is recovered, too",
        f"{LEDGER}.recovered:_came_back",
        "scalar_one() >= found_at",
        "scalar_one() >= 0",
    ),
    Bug("a retry recovers more", f"{LEDGER}.wallets:hold_withdrawal", "is None", "is not order"),
    # Reversals.
    Bug(
        "more is taken back than there is",
        f"{LEDGER}.reversals:_divide",
        "= reward.reward_micros - reward.reversed_micros",
        "= reward.reward_micros",
    ),
    Bug("the same outcome takes back again", f"{LEDGER}.reversals:reverse_reward", "known is not None", "False"),
    Bug("another order under a used id is answered", f"{LEDGER}.reversals:_same", "raise", "1 or"),
    Bug("the blameless pay", f"{LEDGER}.reversals:_divide", " if order.reason is Reason.FRAUD else 0", ""),
    Bug(
        "suspicion makes a debt", f"{LEDGER}.reversals:_divide", "if order.ground is not Ground.CLAWBACK:", "if False:"
    ),
    Bug(
        "the advertiser gets back too much",
        f"{LEDGER}.reversals:_revenue_due",
        "reward.reward_micros)\n",
        "reward.reward_micros + 1)\n",
    ),
    Bug(
        "the last part of the revenue stays",
        f"{LEDGER}.reversals:_revenue_due",
        "int(reward.revenue_micros)\n",
        "int(reward.revenue_micros - 1)\n",
    ),
    Bug("what was taken back is not noted", f"{LEDGER}.reversals:_taken", '"taken": change', '"taken": 0'),
    Bug("the reserve is made whole twice", f"{LEDGER}.reversals:_borne", " - so_far.recovered_available_micros", ""),
    # Payouts.
    Bug(
        "unknown compensates",
        f"{PAYOUTS}.effects:_wonder",
        "Effect(State.UNKNOWN)",
        "Effect(State.REFUSED, releases=True)",
    ),
    Bug(
        "absent compensates",
        f"{PAYOUTS}.effects:_miss",
        '"""Nothing',
        'return Effect(State.REFUSED, releases=True)\n    """Nothing',
    ),
    Bug(
        "what is paid stays in the wallet",
        f"{PAYOUTS}.effects:_settle",
        "return _SETTLED",
        "return Effect(State.SETTLED, settles=True)",
    ),
    Bug(
        "what is paid stays in clearing",
        f"{PAYOUTS}.effects:_settle",
        "return _SETTLED",
        "return Effect(State.SETTLED, captures=True)",
    ),
    Bug("what came back is kept", f"{PAYOUTS}.effects:_return", "reverses=is_captured", "reverses=False"),
    Bug("what came back leaves no clearing", f"{PAYOUTS}.effects:_reverse", "is State.SETTLED", "is None"),
    Bug("a declined withdrawal stays held", f"{PAYOUTS}.saga:decide_each", "if target is State.REFUSED", "if False"),
    Bug(
        "every try has a key of its own", f"{PAYOUTS}.attempts:key_of", "(payout_id)", "(payout_id + str(id(object())))"
    ),
    Bug(
        "a forgotten key is sent again",
        f"{PAYOUTS}.phases:ask",
        "now - attempt.created_at >= provider.key_lifetime_micros",
        "False",
    ),
    Bug("a retry is paid under a new attempt", f"{PAYOUTS}.phases:ask", "if attempt.is_first:", "if True:"),
]


@contextmanager
def planted(bug: Bug) -> Iterator[None]:
    """The function runs with the bug, whoever imported it. A bug whose place has moved is an error of this list."""
    module, path = bug.place.split(":")
    function: Any = import_module(module)
    for name in path.split("."):
        function = getattr(function, name)
    source = textwrap.dedent(inspect.getsource(function))
    assert source.count(bug.right) == 1, f"{bug.place} has no single {bug.right!r}: plant this bug elsewhere"
    names = dict(function.__globals__)
    exec(source.replace(bug.right, bug.wrong), names)  # noqa: S102  (our own source, with one bug)
    sound, function.__code__ = function.__code__, names[path.rsplit(".", 1)[-1]].__code__
    try:
        yield
    finally:
        function.__code__ = sound


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    engine = open_database(Path(":memory:"))
    yield engine
    engine.dispose()


@pytest.mark.parametrize("bug", BUGS, ids=str)
def test_a_planted_bug_is_found(engine: Engine, bug: Bug) -> None:
    with planted(bug), pytest.raises(Exception) as found:  # noqa: PT011  (a difference, or a refusal of the database)
        tell(engine, SEEDS)
    assert not isinstance(found.value, TypeError | NameError | AttributeError), "the bug is no sound Python"


@pytest.mark.xfail(strict=True, raises=Differs, reason="the canary: were it to pass, nothing here would be proved")
def test_the_canary_dies(engine: Engine) -> None:
    with planted(next(bug for bug in BUGS if bug.name == "unknown compensates")):
        tell(engine, SEEDS)
