"""What a decision does: money is credited, held back, paid or returned, cases are opened, and answers carried out."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from features.events import Kind
from features.log import Row
from training.arena.aftermath import Aftermath
from training.arena.purse import Purse
from training.simulator.batch import DAY, Integers

APPROVE, HOLD, CHALLENGE, REVIEW, DECLINE = ACTIONS = ("approve", "hold", "challenge", "review", "decline")
_WITHDRAWAL: Final = str(Kind.WITHDRAWAL_REQUESTED)


@dataclass(frozen=True)
class Rules:
    """The decisions that serve, as plain callables. Each answers one of ACTIONS.

    `event(kind, revenue_micros, reward_micros, probability)`, `withdrawal(probability)`, and `wait(kind, action)`:
    microseconds from a credit until it may be withdrawn.
    """

    event: Callable[[str, int | None, int, float], str]
    withdrawal: Callable[[float], str]
    wait: Callable[[str, str], int]


@dataclass(frozen=True)
class Act:
    """One event, who did it (`owner`), and whether that is a fraud."""

    row: Row
    owner: str
    is_fraud: bool
    is_attacker: bool

    @property
    def is_withdrawal(self) -> bool:
        return bool(self.row["kind"] == _WITHDRAWAL)

    @property
    def amount(self) -> int:
        """What is at stake: the sum asked for, or the reward."""
        return int((self.row["amount_micros"] if self.is_withdrawal else self.row["reward_micros"]) or 0)


@dataclass
class Book:
    """The purse, open cases and credited rewards by event id, and how long honest money waited: micro-days by owner."""

    purse: Purse
    aftermath: Aftermath
    balance: Integers
    place_of: dict[str, int]
    cases: dict[str, Act] = field(default_factory=dict)
    credited: set[str] = field(default_factory=set)
    delayed: dict[str, float] = field(default_factory=dict)

    def carry_out(self, act: Act, action: str, rules: Rules) -> str:
        """Do what the decision says. Answers the action, or a decline where the balance is too small."""
        if act.is_withdrawal:
            return self._withdraw(act, action)
        self._credit(act, action, rules)
        return action

    def answer(self, outcome: Row, rules: Rules) -> tuple[Act, str] | None:
        """Carry out what a reviewer found: `(the case, approve or decline)`, or None where nothing follows."""
        if outcome.get("disposition") not in ("genuine", "fraud") or outcome["subject_event_id"] not in self.cases:
            return None
        act = self.cases.pop(outcome["subject_event_id"])
        self._note_delay(act, outcome["recorded_at"])
        if outcome["disposition"] == "fraud":
            return act, DECLINE
        sums = self.purse.sums[act.owner]
        if act.is_withdrawal:
            sums.stuck_micros -= act.amount
            sums.pay(act.amount)
        else:
            sums.refused_micros -= act.amount
            self._give(act, outcome["recorded_at"], rules.wait(act.row["kind"], APPROVE))
        return act, APPROVE

    def close(self, at: int) -> None:
        """The end: money of cases that nobody answered has waited until now."""
        for act in self.cases.values():
            self._note_delay(act, at)

    def reverse(self, act: Act) -> None:
        """A partner takes back what it had credited; what was refused is not taken twice."""
        if act.row["event_id"] in self.credited:
            self.purse.take(act.row["user_id"], act.amount)

    def _credit(self, act: Act, action: str, rules: Rules) -> None:
        if not act.amount:
            return
        sums, wait = self.purse.sums[act.owner], rules.wait(act.row["kind"], action)
        sums.claimed_micros += act.amount
        if action in (APPROVE, HOLD):
            self._give(act, act.row["recorded_at"], wait)
            if action == HOLD:
                self._note_delay(act, act.row["recorded_at"] + wait - rules.wait(act.row["kind"], APPROVE))
            return
        sums.refused_micros += act.amount
        self._spend_simulated(act, act.amount)
        self._open(act, action)

    def _withdraw(self, act: Act, action: str) -> str:
        """A balance that cannot pay declines, as the ledger does."""
        user, sums = act.row["user_id"], self.purse.sums[act.owner]
        if act.is_attacker and user not in self.place_of and act.amount > self.purse.available(user, act.row["as_of"]):
            return DECLINE
        if act.is_attacker and user in self.place_of and act.amount > self.balance[self.place_of[user]]:
            return DECLINE
        if action == DECLINE:
            sums.returned_micros = max(sums.returned_micros, act.amount)
            self._spend_simulated(act, 0 if act.is_attacker else -act.amount)
            return action
        self.purse.take(user, act.amount)
        self._spend_simulated(act, act.amount if act.is_attacker else 0)
        if action == APPROVE:
            sums.pay(act.amount)
        else:
            sums.stuck_micros += act.amount
            self._open(act, action)
        return action

    def _open(self, act: Act, action: str) -> None:
        """A person looks at what waits; of what was declined only those appeal who did nothing wrong."""
        if action == DECLINE and act.is_fraud:
            return
        self.cases[act.row["event_id"]] = act
        self.aftermath.review(act.row, is_fraud=act.is_fraud)

    def _give(self, act: Act, at: int, wait: int) -> None:
        if act.row["user_id"] not in self.place_of:
            self.purse.credit(act.row["user_id"], act.amount, at + wait)
            self.credited.add(act.row["event_id"])

    def _spend_simulated(self, act: Act, amount: int) -> None:
        """People of the platform have their balance there; theirs was lowered when they asked."""
        place = self.place_of.get(act.row["user_id"])
        if place is not None:
            self.balance[place] -= amount

    def _note_delay(self, act: Act, until: int) -> None:
        if not act.is_fraud:
            days = max(0.0, (until - act.row["recorded_at"]) / DAY)
            self.delayed[act.owner] = self.delayed.get(act.owner, 0.0) + act.amount * days
