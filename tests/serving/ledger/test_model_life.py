"""Random lives of rewards, told to the book and to a model of plain dicts; they must agree, and the book stay sound.

Reversals come in every order: before the reward is credited, before and after it matures, in part, several, more than
is left, after the money was held, paid out or sent back; on every ground, with debts, bans and forgiveness in between.
"""

import os
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from sqlalchemy import Engine

from features.events import Reason
from serving.database import METADATA, open_database
from serving.ledger import book, holds
from serving.ledger.adjustments import Adjustment, Corrects, adjust
from serving.ledger.bans import freeze_tainted, lift_ban, lift_event
from serving.ledger.maturity import mature
from serving.ledger.proofs import check
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.reversals import Ground, ReversalOrder, reverse_reward
from serving.ledger.rewards import Reward, credit_reward, get_reward
from serving.ledger.transfer import Account, AccountKind
from serving.ledger.wallets import WithdrawalOrder, hold_withdrawal

CENT = 10_000
PEOPLE = st.sampled_from(["ann", "bob"])
CENTS = st.integers(1, 30)
PICK = st.integers(0, 4)
GROUNDS = st.sampled_from(
    [
        (Ground.CHARGEBACK, Reason.QUALITY),
        (Ground.CHARGEBACK, Reason.FRAUD),
        (Ground.CLAWBACK, Reason.FRAUD),
        (Ground.CLAWBACK, Reason.FRAUD),
        (Ground.ADJUSTMENT, Reason.DUPLICATE),
        (Ground.REFUND, Reason.UNKNOWN),
    ]
)
Body = dict[str, Any]


class Life(RuleBasedStateMachine):
    def __init__(self, engine: Engine | None = None) -> None:
        super().__init__()
        self.is_shared = engine is not None
        self.engine = engine or open_database(Path(":memory:"))
        self.now, self.ids = 1, iter(range(10_000))
        self.have: Counter[tuple[str, str]] = Counter()  # micros by (purse, user)
        self.rewards: dict[str, Body] = {}
        self.orders: list[tuple[ReversalOrder, Any]] = []
        self.early: defaultdict[str, list[ReversalOrder]] = defaultdict(list)
        self.out: dict[str, Body] = {}
        self.found_at: dict[str, int] = {}
        self.frozen: dict[tuple[str, str], Body] = {}

    def teardown(self) -> None:
        if not self.is_shared:
            self.engine.dispose()
            return
        with self.engine.begin() as connection:
            connection.exec_driver_sql("SET LOCAL session_replication_role = replica")
            for table in METADATA.sorted_tables:
                if table.name != "shape":  # of which revision it is stays known
                    connection.execute(table.delete())

    @initialize()
    def begin(self) -> None:
        """Ann owes for what is on its way out, Bob has spent a part: what is rare by chance is there from the start."""
        self.earn("ann", 20, wait=0, on_hold=False)
        self.withdraw("ann", 20)
        self.carry_out(self.order("e0", (Ground.CLAWBACK, Reason.FRAUD), None))
        for _ in range(3):
            self.earn("bob", 15, wait=0, on_hold=False)
        self.withdraw("bob", 20)
        self.earn("ann", 20, wait=2, on_hold=False)

    @rule(step=st.integers(1, 3))
    def wait(self, step: int) -> None:
        self.now += step

    @rule(user=PEOPLE, cents=CENTS, wait=st.integers(0, 4), on_hold=st.integers(0, 5).map(lambda n: n == 5))
    def earn(self, user: str, cents: int, wait: int, on_hold: bool) -> None:
        id_, micros, due = f"e{len(self.rewards)}", cents * CENT, self.now + wait
        state = "on_hold" if on_hold else "available" if wait == 0 else "pending"
        one = {"id": id_, "user": user, "reward": micros, "left": micros, "due": due, "state": state, "borne": 0}
        self.rewards[id_] = one | {"taken": 0, "debt": 0, "fraud": False}
        with self.engine.begin() as connection:
            credit_reward(connection, Reward(id_, user, micros, 2 * micros, "CNY", due, on_hold=on_hold), self.now)
        self.have["available" if state == "available" else "pending", user] += micros
        if state == "available":
            self.collect(user, micros)
        for order in self.early.pop(id_, []):
            self.carry_out(order)

    def collect(self, user: str, micros: int) -> None:
        """A quarter of what has just matured pays the debt."""
        paid = min(self.have["debt", user], micros * 25 // 100)
        self.have["debt", user] -= paid
        self.have["available", user] -= paid

    def becomes_available(self, one: Body) -> None:
        self.have["pending", one["user"]] -= one["left"]
        self.have["available", one["user"]] += one["left"]
        one["state"] = "available"
        self.collect(one["user"], one["left"])

    @rule(limit=st.integers(1, 4))
    def let_mature(self, limit: int) -> None:
        due = [one for one in self.rewards.values() if one["state"] == "pending" and one["due"] <= self.now]
        due.sort(key=lambda one: (one["due"], one["id"]))
        with self.engine.begin() as connection:
            assert mature(connection, self.now, limit) == len(due[:limit])
        for one in due[:limit]:
            self.becomes_available(one)

    def order(self, event_id: str, ground: tuple[Ground, Reason], cents: int | None) -> ReversalOrder:
        asked = None if cents is None else cents * CENT
        return ReversalOrder(f"o{next(self.ids)}", event_id, ground[1], asked, ground[0], "Mo", "because")

    @rule(ground=GROUNDS, cents=st.none() | CENTS)
    def say_before_it_arrives(self, ground: tuple[Ground, Reason], cents: int | None) -> None:
        event_id = f"e{len(self.rewards)}"
        self.early[event_id].append(self.order(event_id, ground, cents))

    @rule(pick=PICK, ground=GROUNDS, cents=st.none() | CENTS)
    def take_back(self, pick: int, ground: tuple[Ground, Reason], cents: int | None) -> None:
        self.carry_out(self.order(self.some_reward(pick)["id"], ground, cents))

    @rule(pick=PICK)
    def take_back_again(self, pick: int) -> None:
        if self.orders:
            order, answer = self.orders[-1 - pick % len(self.orders)]
            with self.engine.begin() as connection:
                assert reverse_reward(connection, order, self.now) == answer

    def some_reward(self, pick: int) -> Body:
        return list(self.rewards.values())[-1 - pick % len(self.rewards)]

    def carry_out(self, order: ReversalOrder) -> None:
        with self.engine.begin() as connection:
            answer = reverse_reward(connection, order, self.now)
        one = self.rewards[order.event_id]
        if order.ground is Ground.REFUND:
            self.gives_back(one, order)
        else:
            self.takes(one, order)
        self.orders.append((order, answer))

    def takes(self, one: Body, order: ReversalOrder) -> None:
        user, is_clawback = one["user"], order.ground is Ground.CLAWBACK
        if is_clawback:
            for key in [key for key in self.frozen if key[1] == one["id"]]:
                self.have["held", user] -= self.frozen.pop(key)["held"]
        taken = one["left"] if order.amount_micros is None else min(one["left"], order.amount_micros)
        one["left"] -= taken
        one["fraud"] |= order.reason is Reason.FRAUD
        if one["state"] in ("pending", "on_hold"):
            self.have["pending", user] -= taken
            one["taken"] += taken
        else:
            again = one["borne"] if is_clawback and order.amount_micros is None else 0
            free = self.have["available", user] - self.have["held", user]
            wallet = min(taken + again, free) if order.reason is Reason.FRAUD else 0
            self.have["available", user] -= wallet
            if is_clawback:
                owed = taken + again - wallet
                self.have["debt", user] += owed
                one["debt"] += owed
                one["taken"] += taken + again
                one["borne"] -= again
                self.have["reserve", ""] += again
                if owed:
                    self.found_at.setdefault(user, self.now)
            else:
                one["taken"] += wallet
                one["borne"] += taken - wallet
                self.have["reserve", ""] -= taken - wallet
        if not one["left"]:
            one["state"] = "reversed"

    def gives_back(self, one: Body, order: ReversalOrder) -> None:
        user = one["user"]
        micros = one["taken"] if order.amount_micros is None else min(one["taken"], order.amount_micros)
        off_debt = min(micros, self.have["debt", user], one["debt"])
        self.have["debt", user] -= off_debt
        one["debt"] -= off_debt
        if micros and one["state"] == "reversed":
            one["state"] = "available" if one["due"] <= self.now else "pending"
        self.have["available" if one["state"] == "available" else "pending", user] += micros - off_debt
        one["taken"] -= micros
        one["left"] += micros

    @rule(user=PEOPLE, cents=CENTS)
    def withdraw(self, user: str, cents: int) -> None:
        id_, micros = f"w{len(self.out)}", cents * CENT
        back = self.comes_back(user)
        recovered = sum(back.values())
        free = self.have["available", user] - self.have["held", user] - recovered
        try:
            with self.engine.begin() as connection:
                hold_withdrawal(connection, WithdrawalOrder(id_, user, micros, "CNY"), self.now)
        except InsufficientFunds:
            assert free < micros
            return
        assert free >= micros
        for one, part in back.items():
            self.out[one]["recovered"] += part
        self.have["available", user] -= recovered
        self.have["debt", user] -= recovered
        self.have["held", user] += micros
        self.out[id_] = {"user": user, "micros": micros, "state": "held", "at": self.now, "recovered": 0}

    def comes_back(self, user: str) -> dict[str, int]:
        """What was out when fraud was found and has come back since: taken before anything leaves."""
        left = min(self.have["debt", user], self.have["available", user] - self.have["held", user])
        found, taken = self.found_at.get(user), {}
        for id_, one in sorted(self.out.items(), key=lambda item: (item[1]["at"], item[0])):
            is_back = one["user"] == user and one["state"] in ("released", "returned")
            if found is not None and is_back and one["at"] <= found <= one["back_at"]:
                part = min(left, one["micros"] - one["recovered"])
                left -= part
                taken[id_] = part
        return taken

    @rule(pick=PICK, becomes=st.sampled_from(["released", "paid", "returned"]))
    def go_on(self, pick: int, becomes: str) -> None:
        """A withdrawal is given back, paid, or was paid and is sent back."""
        before = "paid" if becomes == "returned" else "held"
        ready = [id_ for id_, one in self.out.items() if one["state"] == before]
        if not ready:
            return
        id_ = ready[pick % len(ready)]
        one = self.out[id_]
        with self.engine.begin() as connection:
            if becomes == "released":
                holds.release(connection, f"{id_}/hold", self.now)
            elif becomes == "paid":
                holds.capture(connection, f"{id_}/hold", Account(AccountKind.CLEARING, "bank", "CNY"), self.now)
            else:
                book.reverse(connection, holds.capture_id(f"{id_}/hold"), "returned", self.now)
        one |= {"state": becomes, "back_at": self.now}
        self.have["held", one["user"]] -= one["micros"] if before == "held" else 0
        change = {"released": 0, "paid": -1, "returned": 1}[becomes] * one["micros"]
        self.have["available", one["user"]] += change

    @rule(pick=PICK, user=st.none() | PEOPLE)
    def ban(self, pick: int, user: str | None) -> None:
        ban_id, named = f"b{next(self.ids)}", self.some_reward(pick)["id"]
        with self.engine.begin() as connection:
            freeze_tainted(connection, ban_id, [named], user, self.now)
        tainted = sorted(
            id_ for id_, one in self.rewards.items() if one["user"] == user and one["fraud"] and one["left"]
        )
        for id_ in dict.fromkeys([named, *tainted]):
            self.freezes(ban_id, self.rewards[id_])

    def freezes(self, ban_id: str, one: Body) -> None:
        user, others = one["user"], [key for key in self.frozen if key[1] == one["id"]]
        if others:
            self.frozen[ban_id, one["id"]] = {"held": 0, "before": self.frozen[others[0]]["before"]}
            return
        micros = 0
        if one["state"] in ("available", "reversed"):
            free = self.have["available", user] - self.have["held", user]
            there = free + sum(f["held"] for (_, id_), f in self.frozen.items() if self.rewards[id_]["user"] == user)
            later = sum(
                other["left"] + other["borne"]
                for other in self.rewards.values()
                if other["user"] == user
                and other["state"] in ("available", "reversed")
                and (other["due"], other["id"]) > (one["due"], one["id"])
            )
            micros = max(0, min(one["left"] + one["borne"], there - later, free))
            self.have["held", user] += micros
        self.frozen[ban_id, one["id"]] = {"held": micros, "before": one["state"]}
        if one["state"] == "pending":
            one["state"] = "on_hold"

    @rule(pick=PICK, is_event=st.booleans())
    def lift(self, pick: int, is_event: bool) -> None:
        if not self.frozen:
            return
        which = 1 if is_event else 0
        lifted = list(self.frozen)[pick % len(self.frozen)][which]
        with self.engine.begin() as connection:
            (lift_event if is_event else lift_ban)(connection, lifted, "Mo", "genuine", self.now)
        for key in sorted(key for key in self.frozen if key[which] == lifted):
            self.thaws(key)

    def thaws(self, key: tuple[str, str]) -> None:
        freed, one = self.frozen.pop(key), self.rewards[key[1]]
        heirs = sorted(other for other in self.frozen if other[1] == key[1])
        if heirs:
            self.frozen[heirs[0]]["held"] += freed["held"]
            return
        self.have["held", one["user"]] -= freed["held"]
        if freed["before"] == "pending" and one["state"] == "on_hold":
            one["state"] = "pending"
            if one["due"] <= self.now:
                self.becomes_available(one)

    @rule(user=PEOPLE, cents=CENTS)
    def forgive(self, user: str, cents: int) -> None:
        micros = min(cents * CENT, self.have["debt", user])
        if micros:
            given = Adjustment(f"a{next(self.ids)}", Corrects.DEBT, user, "CNY", micros, "Mo", "hardship")
            with self.engine.begin() as connection:
                adjust(connection, given, self.now)
            self.have["debt", user] -= micros
            self.have["reserve", ""] -= micros

    @invariant()
    def agree(self) -> None:
        with self.engine.begin() as connection:
            assert check(connection) == []
            for user in ("ann", "bob"):
                pending = book.balance(connection, Account(AccountKind.WALLET_PENDING, user, "CNY"))
                available = book.balance(connection, Account(AccountKind.WALLET_AVAILABLE, user, "CNY"))
                debt = book.balance(connection, Account(AccountKind.DEBT, user, "CNY"))
                found = pending.posted_micros, available.posted_micros, available.held_micros, -debt.posted_micros
                assert found == tuple(self.have[purse, user] for purse in ("pending", "available", "held", "debt"))
                assert min(found) >= 0
            reserve = book.balance(connection, Account(AccountKind.NO_FAULT_RESERVE, "platform", "CNY"))
            assert reserve.posted_micros == self.have["reserve", ""]
            for id_, one in self.rewards.items():
                row = get_reward(connection, id_)
                assert (row.reward_micros - row.reversed_micros, row.borne_micros or 0) == (one["left"], one["borne"])
                assert row.state == one["state"]


SOAKS = "ASSAY_SOAK" in os.environ
QUICK = settings(
    max_examples=5_000 if SOAKS else 25,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
FEW = settings(QUICK, max_examples=300 if SOAKS else 3, stateful_step_count=20)


def test_any_life_of_rewards_leaves_the_book_sound_and_equal_to_the_model() -> None:
    run_state_machine_as_test(Life, settings=QUICK)


def test_the_same_holds_in_postgresql(shared_engine: Engine) -> None:
    run_state_machine_as_test(lambda: Life(shared_engine), settings=FEW)
