"""Random stories, told to the book and to a model of plain dicts; they must agree, and the book must stay sound."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from sqlalchemy import Connection, select

from features.events import Reason
from serving.database import open_database
from serving.ledger import book, holds
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.holds import Hold
from serving.ledger.maturity import mature, release_on_hold
from serving.ledger.proofs import check
from serving.ledger.refusals import InsufficientFunds, Refusal
from serving.ledger.reversals import ReversalOrder, reverse_reward
from serving.ledger.rewards import Deposit, Funding, Reward, credit_reward, fund_campaign
from serving.ledger.transfer import Account, AccountKind

PEOPLE = st.sampled_from(["ann", "bob"])
AMOUNTS = st.integers(0, 30)
SOME = st.integers(1, 30)
SELDOM = st.integers(0, 4).map(lambda number: number == 4)
PICK = st.integers(0, 3)
BUDGET, OWED = "budget:CNY:game", "receivable:CNY:network"
REVENUE, EXPENSE = "revenue:CNY:platform", "reward_expense:CNY:platform"
RESERVE, CLEARING = "no_fault_reserve:CNY:platform", "clearing:CNY:bank"
LIMIT = 300


def pending(user_id: str) -> str:
    return f"wallet_pending:CNY:{user_id}"


def available(user_id: str) -> str:
    return f"wallet_available:CNY:{user_id}"


class Story(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.engine = open_database(Path(":memory:"))
        self.now = 1
        self.posted: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.rewards: list[dict] = []
        self.holds: list[dict] = []
        self.orders: list[tuple[ReversalOrder, int]] = []

    def teardown(self) -> None:
        self.engine.dispose()

    def shift(self, debit: str, credit: str, amount: int) -> None:
        self.posted[debit] -= amount
        self.posted[credit] += amount

    def refuses(self, act: Callable[..., object]) -> bool:
        """Run `act` in one unit of work that commits even after a refusal: a refusal must write nothing."""
        with self.engine.begin() as connection:
            try:
                act(connection)
            except InsufficientFunds:
                return True
        return False

    @initialize()
    def begin(self) -> None:
        """Everybody has something, so that the first rule drawn finds something to do."""
        for user in ("ann", "bob", "ann", "bob"):
            self.earn(user, reward=20, revenue=25, prepaid=False, on_hold=False, wait=len(self.rewards) * 2)

    @rule(step=st.integers(1, 4))
    def wait(self, step: int) -> None:
        self.now += step

    @rule(amount=SOME)
    def fund(self, amount: int) -> None:
        deposit = Deposit(f"d{self.posted['cash:CNY:platform']}", "game", amount, "CNY")
        assert not self.refuses(lambda connection: fund_campaign(connection, deposit, self.now))
        self.shift("cash:CNY:platform", BUDGET, amount)

    @rule(user=PEOPLE, reward=AMOUNTS, revenue=AMOUNTS, prepaid=SELDOM, on_hold=SELDOM, wait=st.integers(0, 4))
    def earn(self, user: str, reward: int, revenue: int, prepaid: bool, on_hold: bool, wait: int) -> None:
        funding = Funding.PREPAID if prepaid else Funding.POSTPAID
        due, id_ = self.now + wait, f"e{len(self.rewards)}"
        order = Reward(id_, user, reward, revenue, "CNY", due, "game", "network", funding, on_hold)

        def act(connection: Connection) -> object:
            return credit_reward(connection, order, self.now, credit_limit_micros=LIMIT)

        short = self.posted[BUDGET] < revenue if prepaid else self.posted[OWED] - revenue < -LIMIT
        assert self.refuses(act) == (short and revenue > 0)
        if short and revenue > 0:
            return
        assert not self.refuses(act)  # a retry
        funder = BUDGET if prepaid else OWED
        state = "on_hold" if on_hold else "available" if due <= self.now else "pending"
        self.shift(funder, REVENUE, revenue)
        self.shift(EXPENSE, available(user) if state == "available" else pending(user), reward)
        self.rewards.append(
            {"id": id_, "user": user, "left": reward, "reward": reward, "revenue": revenue, "returned": 0}
            | {"due": due, "state": state, "funder": funder}
        )

    def _becomes_available(self, reward: dict) -> None:
        self.shift(pending(reward["user"]), available(reward["user"]), reward["left"])
        reward["state"] = "available"

    @rule(limit=st.integers(1, 4))
    def let_mature(self, limit: int) -> None:
        due = [reward for reward in self.rewards if reward["state"] == "pending" and reward["due"] <= self.now]
        chosen = sorted(due, key=lambda reward: (reward["due"], reward["id"]))[:limit]
        with self.engine.begin() as connection:
            assert mature(connection, self.now, limit) == len(chosen)
        for reward in chosen:
            self._becomes_available(reward)

    @rule(pick=PICK)
    def say_genuine(self, pick: int) -> None:
        if not self.rewards:
            return
        reward = self.rewards[-1 - pick % len(self.rewards)]
        if reward["state"] == "on_hold" and reward["due"] <= self.now:
            self._becomes_available(reward)
        elif reward["state"] == "on_hold":
            reward["state"] = "pending"
        with self.engine.begin() as connection:
            assert release_on_hold(connection, reward["id"], self.now) == reward["state"]

    @rule(pick=PICK, asked=st.none() | AMOUNTS, reason=st.sampled_from([Reason.FRAUD, Reason.QUALITY]))
    def take_back(self, pick: int, asked: int | None, reason: Reason) -> None:
        if not self.rewards:
            return
        reward = self.rewards[-1 - pick % len(self.rewards)]
        order = ReversalOrder(f"o{len(self.orders)}", reward["id"], reason, asked)
        taken = reward["left"] if asked is None else min(asked, reward["left"])
        with self.engine.begin() as connection:
            assert reverse_reward(connection, order, self.now).reversed_micros == taken
        wallet = available(reward["user"])
        if reward["state"] == "available":
            from_wallet = min(taken, self.posted[wallet] - self.held[wallet]) if reason is Reason.FRAUD else 0
            self.shift(wallet, EXPENSE, from_wallet)
            self.shift(RESERVE, EXPENSE, taken - from_wallet)
        else:
            self.shift(pending(reward["user"]), EXPENSE, taken)
        reward["left"] -= taken
        gone = reward["reward"] - reward["left"]
        whole = reward["left"] == 0
        returned = reward["revenue"] if whole else reward["revenue"] * gone // reward["reward"]
        self.shift(REVENUE, reward["funder"], returned - reward["returned"])
        reward["returned"] = returned
        reward["state"] = "reversed" if whole else reward["state"]
        self.orders.append((order, taken))

    @rule(pick=PICK)
    def take_back_again(self, pick: int) -> None:
        if self.orders:
            order, taken = self.orders[pick % len(self.orders)]
            with self.engine.begin() as connection:
                assert reverse_reward(connection, order, self.now).reversed_micros == taken

    @rule(user=PEOPLE, amount=st.integers(1, 12))
    def set_aside(self, user: str, amount: int) -> None:
        account = Account(AccountKind.WALLET_AVAILABLE, user, "CNY")
        wanted = Hold(f"h{len(self.holds)}", account, amount, "w")
        short = self.posted[account.id] - self.held[account.id] < amount
        assert self.refuses(lambda connection: holds.hold(connection, wanted, self.now)) == short
        if not short:
            self.held[account.id] += amount
            self.holds.append({"id": wanted.id, "account": account.id, "amount": amount, "state": "open"})

    @rule(pick=PICK, spent=st.booleans())
    def resolve(self, pick: int, spent: bool) -> None:
        if not self.holds:
            return
        held, wanted = self.holds[-1 - pick % len(self.holds)], "captured" if spent else "released"
        with self.engine.begin() as connection:
            try:
                if spent:
                    holds.capture(connection, held["id"], Account.parse(CLEARING), self.now)
                else:
                    holds.release(connection, held["id"], self.now)
            except Refusal:
                assert held["state"] not in {"open", wanted}
                return
        assert held["state"] in {"open", wanted}
        if held["state"] == "open":
            self.held[held["account"]] -= held["amount"]
            self.shift(held["account"], CLEARING, held["amount"] if spent else 0)
            held["state"] = wanted

    @rule(pick=PICK, again=st.booleans())
    def send_back(self, pick: int, again: bool) -> None:
        """A captured hold comes back to the wallet, once however often it is said."""
        captured = [held for held in self.holds if held["state"] == "captured"]
        if not captured:
            return
        held = captured[pick % len(captured)]
        for _ in range(1 + again):
            with self.engine.begin() as connection:
                book.reverse(connection, holds.capture_id(held["id"]), "returned", self.now)
        if not held.get("returned"):
            self.shift(CLEARING, held["account"], held["amount"])
            held["returned"] = True

    @invariant()
    def agree(self) -> None:
        with self.engine.begin() as connection:
            assert check(connection) == []
            query = select(ACCOUNT.c.id, BALANCE.c.posted, BALANCE.c.pending_out).select_from(STANDING)
            rows = connection.execute(query).all()
        assert {row.id: row.posted for row in rows if row.posted} == {k: v for k, v in self.posted.items() if v}
        assert {row.id: row.pending_out for row in rows if row.pending_out} == {k: v for k, v in self.held.items() if v}


Story.TestCase.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
test_any_story_leaves_the_book_sound_and_equal_to_the_model = Story.TestCase
