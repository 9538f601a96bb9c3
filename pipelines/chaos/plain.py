"""What the book should say, told a second time in the plainest words: counters, dictionaries, and one rule a message.

It shares no code with the ledger but names. Where the two differ, one of them is wrong.
"""

from collections import Counter
from dataclasses import dataclass
from functools import singledispatchmethod

from features.events import Reason
from pipelines.chaos.messages import (
    Deposit,
    Earn,
    Genuine,
    Mature,
    Message,
    Rule,
    TakeBack,
    Withdraw,
)
from serving.decision import Action
from serving.ledger.reversals import Ground

CREDIT_MICROS_MAX = 1_500_000
REFUSED = frozenset({"refused", "missing", "too small"})
FEN = 10_000
"""The smallest unit in which yuan are paid, in micros."""


@dataclass
class Reward:
    user: str
    left: int
    whole: int
    revenue: int
    funder: str
    state: str
    matures_at: int
    returned: int = 0
    borne: int = 0


@dataclass
class Payout:
    """`is_out`: its money has left the wallet. `state`: waiting for a person, approved, or how it ended."""

    user: str
    amount: int
    state: str
    held_at: int
    is_out: bool = False
    back_at: int | None = None
    recovered: int = 0


class Plain:
    """`take` gives one word, what became of the message; `accounts` all that must agree."""

    def __init__(self) -> None:
        self.wallet: Counter[str] = Counter()
        self.pending: Counter[str] = Counter()
        self.held: Counter[str] = Counter()
        self.debt: Counter[str] = Counter()
        self.other: Counter[str] = Counter()
        self.rewards: dict[str, Reward] = {}
        self.payouts: dict[str, Payout] = {}
        self.done: dict[str, str] = {}
        self.bodies: dict[str, Message] = {}
        self.found_at: dict[str, int] = {}

    def take(self, message: Message, now: int) -> str:
        """What had an effect under an id is the only thing that may come under it again."""
        id_ = getattr(message, "id", None)
        if isinstance(message, Withdraw) and message.amount_micros < FEN:
            return "too small"
        if id_ is not None and self.bodies.get(id_, message) != message:
            return "conflict"
        became = self._taken(message, now)
        if id_ is not None and became not in REFUSED:
            self.bodies[id_] = message
        return became

    @singledispatchmethod
    def _taken(self, message: Message, now: int) -> str:
        """What changes nothing by itself."""
        del message, now
        return "taken"

    def hear(self, payout_id: str, said: str, now: int) -> None:
        """A provider's word. What is over stays over, but that what was paid can come back."""
        payout = self.payouts[payout_id]
        if payout.state == "settled" and said == "returned":
            self._give_back(payout, now)
        elif payout.state == "approved" and said in ("accepted", "settled"):
            if not payout.is_out:
                payout.is_out = True
                self.held[payout.user] -= payout.amount
                self.wallet[payout.user] -= payout.amount
            payout.state = "settled" if said == "settled" else "approved"
        elif payout.state == "approved" and said in ("refused", "returned"):
            self._give_back(payout, now)

    def accounts(self) -> dict[str, int]:
        """Balances by what they are; zeros are left out."""
        named = {"wallet": self.wallet, "pending": self.pending, "held": self.held, "debt": self.debt}
        on_its_way = sum(one.amount for one in self.payouts.values() if one.is_out and one.state == "approved")
        found = {f"{name} {user}": micros for name, each in named.items() for user, micros in each.items()}
        return {name: micros for name, micros in (found | self.other | {"clearing": on_its_way}).items() if micros}

    def paid(self) -> Counter[str]:
        """What each person has in hand."""
        sums: Counter[str] = Counter()
        for payout in self.payouts.values():
            if payout.state == "settled":
                sums[payout.user] += payout.amount
        return +sums

    @_taken.register
    def _deposit(self, message: Deposit, now: int) -> str:
        del now
        if message.id not in self.bodies:
            self.other["budget"] += message.amount_micros
        return "taken"

    @_taken.register
    def _earn(self, message: Earn, now: int) -> str:
        if message.id in self.rewards:
            return "taken"
        funder = "budget" if message.is_prepaid else "partner"
        least = 0 if message.is_prepaid else -CREDIT_MICROS_MAX
        if message.revenue_micros and self.other[funder] - message.revenue_micros < least:
            return "refused"
        self.other[funder] -= message.revenue_micros
        state = "on hold" if message.on_hold else "pending"
        self.rewards[message.id] = Reward(
            message.user,
            message.reward_micros,
            message.reward_micros,
            message.revenue_micros,
            funder,
            state,
            message.matures_at,
        )
        self.pending[message.user] += message.reward_micros
        if state == "pending" and message.matures_at <= now:
            self._becomes_available(self.rewards[message.id])
        return "taken"

    def _becomes_available(self, reward: Reward) -> None:
        reward.state = "available"
        self.pending[reward.user] -= reward.left
        collected = min(self.debt[reward.user], reward.left // 4)
        self.debt[reward.user] -= collected
        self.wallet[reward.user] += reward.left - collected

    @_taken.register
    def _mature(self, message: Mature, now: int) -> str:
        del message
        due = [(one.matures_at, id_) for id_, one in self.rewards.items() if one.state == "pending"]
        for matures_at, id_ in sorted(due):
            if matures_at <= now:
                self._becomes_available(self.rewards[id_])
        return "taken"

    @_taken.register
    def _genuine(self, message: Genuine, now: int) -> str:
        if message.event not in self.rewards:
            return "missing"
        reward = self.rewards[message.event]
        if reward.state == "on hold":
            reward.state = "pending"
            if reward.matures_at <= now:
                self._becomes_available(reward)
        return "taken"

    @_taken.register
    def _take_back(self, message: TakeBack, now: int) -> str:
        if message.event not in self.rewards:
            return "missing"
        if message.id in self.done:
            return self.done[message.id]
        reward = self.rewards[message.event]
        user, is_clawback = reward.user, message.ground is Ground.CLAWBACK
        taken = reward.left if message.amount_micros is None else min(message.amount_micros, reward.left)
        if reward.state == "available":
            free = self.wallet[user] - self.held[user]
            from_wallet = min(taken, free) if message.reason is Reason.FRAUD else 0
            rest = taken - from_wallet
            borne = reward.borne if is_clawback and message.amount_micros is None else 0
        else:
            self.pending[user] -= taken
            free = self.wallet[user] - self.held[user] if message.reason is Reason.FRAUD else 0
            from_wallet = rest = 0
            borne = reward.borne if is_clawback and message.amount_micros is None else 0
        recovered = min(borne, free - from_wallet)
        self.wallet[user] -= from_wallet + recovered
        new_debt = borne - recovered + (rest if is_clawback else 0)
        self.debt[user] += new_debt
        if new_debt:
            self.found_at[user] = min(now, self.found_at.get(user, now))
        borne_now = 0 if is_clawback else rest
        self.other["reserve"] += borne - borne_now
        reward.borne += borne_now - borne
        reward.left -= taken
        due = reward.revenue if not reward.left else reward.revenue * (reward.whole - reward.left) // reward.whole
        back = max(0, due - reward.returned)
        reward.returned += back
        self.other[reward.funder] += back
        if not reward.left:
            reward.state = "reversed"
        self.done[message.id] = str(taken)
        return str(taken)

    @_taken.register
    def _withdraw(self, message: Withdraw, now: int) -> str:
        amount = message.amount_micros - message.amount_micros % FEN
        if message.id in self.payouts:
            return "taken"
        recovered = self._came_back(message.user)
        free = self.wallet[message.user] - self.held[message.user] - sum(recovered.values())
        if amount > free:
            return "refused"
        for id_, micros in recovered.items():
            self.payouts[id_].recovered += micros
            self.wallet[message.user] -= micros
            self.debt[message.user] -= micros
        self.held[message.user] += amount
        self.payouts[message.id] = Payout(message.user, amount, "waiting", now)
        self._decided(self.payouts[message.id], message.action, now)
        return "taken"

    def _came_back(self, user: str) -> dict[str, int]:
        """By payout, of what was out when fraud was found and came back since: as much as is owed and there."""
        left = min(self.debt[user], self.wallet[user] - self.held[user])
        taken: dict[str, int] = {}
        if user not in self.found_at:
            return taken
        found_at = self.found_at[user]
        for held_at, id_ in sorted((one.held_at, id_) for id_, one in self.payouts.items() if one.user == user):
            payout = self.payouts[id_]
            if held_at <= found_at and payout.back_at is not None and payout.back_at >= found_at:
                micros = min(left, payout.amount - payout.recovered)
                left -= micros
                if micros:
                    taken[id_] = micros
        return taken

    @_taken.register
    def _rule(self, message: Rule, now: int) -> str:
        payout = self.payouts.get(message.payout)
        if payout is None:
            return "missing"
        if payout.state == "waiting":
            self._decided(payout, message.action, now)
        return "taken"

    def _decided(self, payout: Payout, action: Action, now: int) -> None:
        if action is Action.APPROVE:
            payout.state = "approved"
        if action is Action.DECLINE:
            self._give_back(payout, now)

    def _give_back(self, payout: Payout, now: int) -> None:
        if payout.is_out:
            self.wallet[payout.user] += payout.amount
        else:
            self.held[payout.user] -= payout.amount
        payout.state, payout.is_out, payout.back_at = "given back", False, now
