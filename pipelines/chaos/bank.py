"""A provider in memory that pays once for each key while it remembers it, knows what really happened, and can fail."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

from serving.payouts.provider import Absent, Accepted, Answer, Refused, Returned, Settled
from serving.payouts.providers.limits import NotSent


class Paid(StrEnum):
    ACCEPTED = "accepted"
    SETTLED = "settled"
    REFUSED = "refused"
    RETURNED = "returned"


ANSWERS: Final[dict[Paid, Callable[[str], Answer]]] = {
    Paid.ACCEPTED: Accepted,
    Paid.SETTLED: Settled,
    Paid.REFUSED: Refused,
    Paid.RETURNED: Returned,
}


HOUR: Final = 3_600 * 1_000_000
_ARRIVES: Final = ("refused", "accepted", "lost answer", "power cut")
REMEMBERED: Final = 30 * HOUR
"""A little longer than is promised: clocks differ."""


class PowerCut(BaseException):
    """The process ends here: nothing that catches errors may catch it."""


@dataclass(slots=True)
class Payment:
    destination: str
    amount_micros: int
    state: Paid
    created_at: int


class Bank:
    """`trouble` is the share of its calls that something befalls. `heard` is what reached the caller, in order.

    `payments` are what it remembers, by key; `forgotten` those whose key would pay again. `now` is its clock.
    """

    name: str = "bank"
    key_lifetime_micros: int = 24 * HOUR

    def __init__(self, dice: Random, trouble: float) -> None:
        self._dice = dice
        self.trouble = trouble
        self.now = 0
        self.payments: dict[str, Payment] = {}
        self.forgotten: list[tuple[str, Payment]] = []
        self.heard: list[tuple[str, Answer]] = []

    def send(self, key: str, destination: str, amount_micros: int, currency: str) -> Answer:
        del currency
        befalls = self._befalls("not sent", "lost request", "power cut before", *_ARRIVES)
        if befalls == "not sent":
            raise NotSent(befalls)
        if befalls == "lost request":
            raise TimeoutError(befalls)
        if befalls == "power cut before":
            raise PowerCut
        first = {"refused": Paid.REFUSED, "accepted": Paid.ACCEPTED}.get(befalls, Paid.SETTLED)
        self._forget()
        self.payments.setdefault(key, Payment(destination, amount_micros, first, self.now))
        return self._said(key, befalls)

    def lookup(self, key: str) -> Answer:
        self._forget()
        return self._said(key, self._befalls("lost answer", "power cut", "not asked", ""))

    def turn(self, payment: Payment) -> bool:
        """What the provider does by itself: an accepted payment is settled or refused, a settled one comes back."""
        if payment.state is Paid.ACCEPTED:
            payment.state = self._dice.choice([Paid.SETTLED, Paid.SETTLED, Paid.REFUSED])
        elif payment.state is Paid.SETTLED:
            payment.state = Paid.RETURNED
        else:
            return False
        return True

    def answer(self, key: str) -> Answer:
        """What is true now."""
        payment = self.payments.get(key)
        return Absent() if payment is None else ANSWERS[payment.state](key)

    def everything(self) -> list[tuple[str, Payment]]:
        """All that it ever decided upon, with the keys."""
        return [*self.forgotten, *sorted(self.payments.items())]

    def _forget(self) -> None:
        old = [key for key, one in self.payments.items() if self.now - one.created_at > REMEMBERED]
        self.forgotten += [(key, self.payments.pop(key)) for key in old]

    def _said(self, key: str, befalls: str) -> Answer:
        if befalls == "lost answer":
            raise TimeoutError(befalls)
        if befalls == "not asked":
            raise NotSent(befalls)
        if befalls == "power cut":
            raise PowerCut
        answer = self.answer(key)
        self.heard.append((key, answer))
        return answer

    def _befalls(self, *troubles: str) -> str:
        return self._dice.choice(troubles) if self._dice.random() < self.trouble else ""
