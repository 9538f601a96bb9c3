"""The real side of a history: each message as the service would carry it out, inside a savepoint of its own."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatchmethod
from typing import Final

from sqlalchemy import Connection, select

from pipelines.chaos.bank import ANSWERS, Bank, Paid, PowerCut
from pipelines.chaos.messages import (
    Deposit,
    Earn,
    Genuine,
    Mature,
    Message,
    Notice,
    Restart,
    Rule,
    TakeBack,
    Withdraw,
)
from pipelines.chaos.plain import CREDIT_MICROS_MAX
from serving.ledger import maturity, reversals, rewards, wallets
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.core import Core
from serving.ledger.refusals import Conflicting, InsufficientFunds, Missing
from serving.ledger.reversals import ReversalOrder
from serving.ledger.rewards import Funding, Reward
from serving.ledger.wallets import TooSmall, WithdrawalOrder
from serving.payouts import phases, runner, saga
from serving.payouts.moves import IllegalMove
from serving.payouts.saga import PayoutOrder, State

AWAITING: Final = frozenset({State.CHALLENGED, State.REVIEWED})
REFUSALS: Final = {InsufficientFunds: "refused", TooSmall: "too small", Missing: "missing"}
"""What each refusal is called. `Conflicting` has kinds."""
_NAMES: Final = {
    "wallet_pending": "pending",
    "debt": "debt",
    "budget": "budget",
    "receivable": "partner",
    "no_fault_reserve": "reserve",
    "clearing": "clearing",
}
_OF_PEOPLE: Final = ("wallet_pending", "debt")


class Asked:
    """The book and the payouts behind one connection. `now` is set before each message."""

    def __init__(self, connection: Connection, bank: Bank) -> None:
        self._connection, self._bank = connection, bank
        self.now = 0

    def take(self, message: Message) -> str:
        """In a word, what became of it: the same words as the plain model's."""
        try:
            with self._connection.begin_nested():
                return self._done(message)
        except tuple(REFUSALS) as refusal:
            return REFUSALS[type(refusal)]
        except Conflicting:
            return "conflict"

    def pay(self) -> None:
        """The duty that moves payouts on. What was heard is forgotten where the process ended before it was kept."""
        heard = len(self._bank.heard)
        try:
            runner.advance_payouts(self._begin, self._bank, self.now)
        except PowerCut:
            del self._bank.heard[heard:]

    def accounts(self) -> dict[str, int]:
        """Balances by the names of the plain model; zeros are left out."""
        query = select(ACCOUNT.c.kind, ACCOUNT.c.owner, BALANCE.c.posted, BALANCE.c.pending_out).select_from(STANDING)
        found: Counter[str] = Counter()
        for kind, owner, posted, held in self._connection.execute(query):
            if kind == "wallet_available":
                found[f"wallet {owner}"] += posted
                found[f"held {owner}"] += held
            elif kind in _OF_PEOPLE:
                found[f"{_NAMES[kind]} {owner}"] += -posted if kind == "debt" else posted
            elif kind in _NAMES:
                found[_NAMES[kind]] += posted
        return {name: micros for name, micros in found.items() if micros}

    @contextmanager
    def _begin(self) -> Iterator[Connection]:
        with self._connection.begin_nested():
            yield self._connection

    @singledispatchmethod
    def _done(self, message: Message) -> str:
        """What asks nothing of the book."""
        del message
        return "taken"

    @_done.register
    def _deposit(self, message: Deposit) -> str:
        deposit = rewards.Deposit(message.id, "game", message.amount_micros, "CNY")
        rewards.fund_campaign(self._connection, deposit, self.now)
        return "taken"

    @_done.register
    def _earn(self, message: Earn) -> str:
        funding = Funding.PREPAID if message.is_prepaid else Funding.POSTPAID
        amounts = message.reward_micros, message.revenue_micros, "CNY", message.matures_at
        reward = Reward(message.id, message.user, *amounts, "game", "network", funding, message.on_hold)
        rewards.credit_reward(self._connection, reward, self.now, credit_limit_micros=CREDIT_MICROS_MAX)
        return "taken"

    @_done.register
    def _take_back(self, message: TakeBack) -> str:
        order = ReversalOrder(message.id, message.event, message.reason, message.amount_micros, message.ground)
        return str(reversals.reverse_reward(self._connection, order, self.now).reversed_micros)

    @_done.register
    def _genuine(self, message: Genuine) -> str:
        maturity.release_on_hold(self._connection, message.event, self.now)
        return "taken"

    @_done.register
    def _mature(self, message: Mature) -> str:
        del message
        maturity.mature(self._connection, self.now)
        return "taken"

    @_done.register
    def _withdraw(self, message: Withdraw) -> str:
        order = WithdrawalOrder(message.id, message.user, message.amount_micros, "CNY")
        held = wallets.hold_withdrawal(self._connection, order, self.now)
        saga.start(self._connection, PayoutOrder(message.id, held.id, message.user), self.now)
        if saga.get(self._connection, message.id).state is State.HELD:
            saga.decide(self._connection, message.id, message.action, f"{message.id}/1", self.now)
        return "taken"

    @_done.register
    def _rule(self, message: Rule) -> str:
        payout = saga.find(self._connection, message.payout)
        if payout is None:
            return "missing"
        if payout.state in AWAITING:
            saga.decide(self._connection, message.payout, message.action, f"{message.payout}/2", self.now)
        return "taken"

    @_done.register
    def _notice(self, message: Notice) -> str:
        try:
            with self._connection.begin_nested():
                phases.learn(self._connection, message.key, ANSWERS[Paid(message.said)](message.key), self.now)
        except IllegalMove:
            pass  # it contradicts what is known already, and the book keeps that
        return "taken"

    @_done.register
    def _restart(self, message: Restart) -> str:
        del message
        Core(self._connection).forget()
        return "taken"
