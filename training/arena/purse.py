"""Who holds how much: what was earned and when it may be withdrawn, what was paid, and what was stopped."""

from collections import defaultdict
from dataclasses import dataclass, field


@dataclass
class Sums:
    """Micros of one person. `refused` were never credited, `stuck` are withdrawals that wait for a person or were
    found to be fraud, `returned` came back to the wallet by a decline and were not paid since.
    """

    claimed_micros: int = 0
    refused_micros: int = 0
    stuck_micros: int = 0
    returned_micros: int = 0
    paid_micros: int = 0

    @property
    def stopped_micros(self) -> int:
        return self.refused_micros + self.stuck_micros + self.returned_micros

    def told(self) -> dict[str, int]:
        """The columns of a table of people."""
        return {
            "claimed_micros": self.claimed_micros,
            "stopped_micros": self.stopped_micros,
            "paid_micros": self.paid_micros,
        }

    def pay(self, amount: int) -> None:
        self.paid_micros += amount
        self.returned_micros = max(0, self.returned_micros - amount)


@dataclass
class Purse:
    """What each account may withdraw, and the sums of each person who acted; amounts in micros, times in microseconds.

    An account is a user id. A person is who acted: whoever takes over an account is another person than its owner.
    """

    waiting: dict[str, list[tuple[int, int]]] = field(default_factory=lambda: defaultdict(list))
    spent: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    sums: dict[str, Sums] = field(default_factory=lambda: defaultdict(Sums))

    def credit(self, user_id: str, amount: int, matures_at: int) -> None:
        self.waiting[user_id].append((matures_at, amount))

    def take(self, user_id: str, amount: int) -> None:
        """Set an amount aside, or take it back: the balance may fall below zero, and later earnings fill it up."""
        self.spent[user_id] += amount

    def give_back(self, user_id: str, amount: int) -> None:
        self.spent[user_id] -= amount

    def available(self, user_id: str, at: int) -> int:
        """What is mature at the instant and was not taken; zero at the least."""
        if user_id not in self.waiting:
            return 0
        mature = sum(amount for matures_at, amount in self.waiting[user_id] if matures_at <= at)
        return max(0, mature - self.spent[user_id])
