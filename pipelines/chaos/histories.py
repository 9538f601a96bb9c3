"""Seeded histories: messages that are lost, come twice, late and out of order, under a clock that jumps, told to the
book and to a plain model of it. After each, whatever people have, are owed and owe must be the same.

A history lives inside one transaction that is rolled back at its end, so that thousands share a database.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from sqlalchemy import Connection, Engine

from pipelines.chaos.asked import Asked
from pipelines.chaos.bank import Bank, Paid
from pipelines.chaos.messages import Message, Notice, Pay, Wait
from pipelines.chaos.plain import Plain
from pipelines.chaos.stories import DAY, HOUR, START, WITHDRAWALS, Story
from serving.ledger.proofs import check
from serving.payouts.attempts import key_of


class Differs(AssertionError):  # noqa: N818  (it says what is wrong)
    """The book and the model say different things, or the book is unsound."""


@dataclass(frozen=True)
class Told:
    """What the histories were made of."""

    histories: int
    messages: int
    payments: int


class History:
    """One seed's story. `Differs` names the seed: the same seed tells the same story."""

    def __init__(self, connection: Connection, seed: int) -> None:
        self._connection, self.seed = connection, seed
        self._dice = Random(seed)  # noqa: S311  (a story, no secret)
        self._bank = Bank(Random(seed + 1), trouble=self._dice.choice([0.0, 0.2, 0.6]))  # noqa: S311  (as above)
        self._plain, self._asked = Plain(), Asked(connection, self._bank)
        self._now = START
        self.messages = 0

    def tell(self, *, is_proved: bool) -> int:
        """How many payments the bank was asked for. Raises `Differs`."""
        for message in Story(self._dice).messages():
            self._now += self._jump()
            self._take(message)
            if self._dice.random() < 0.2:
                self._turn()
        self._settle_down()
        self._agree(is_proved=is_proved)
        return len(self._bank.everything())

    def _jump(self) -> int:
        far = 3 * DAY if self._dice.random() < 0.2 else 7
        return self._dice.choice([0, 1, 60_000_000, HOUR, -10 * 60_000_000, far])

    def _turn(self) -> None:
        """The provider goes on by itself, and says so: perhaps never, perhaps twice, with old words after new ones."""
        if not self._bank.payments:
            return
        key, payment = self._dice.choice(self._bank.everything())
        notices = [Notice(key, payment.state)] if self._dice.random() < 0.5 else []
        if self._bank.turn(payment):
            notices = [Notice(key, payment.state), *notices] * self._dice.randint(0, 2)
        for notice in notices:
            self._take(notice)

    def _settle_down(self) -> None:
        """The network heals: what was accepted is decided, what is open is asked about, the last word is heard."""
        self._bank.trouble = 0.0
        for _ in range(2 if self._plain.payouts else 0):
            self._now += 2 * HOUR
            self._take(Pay())
            for _, payment in self._bank.everything():
                if payment.state is Paid.ACCEPTED:
                    self._bank.turn(payment)
        for key, payment in self._bank.everything():
            self._take(Notice(key, payment.state))

    def _take(self, message: Message) -> None:
        self.messages += 1
        self._now += message.micros if isinstance(message, Wait) else 0
        self._bank.now = self._asked.now = self._now
        if isinstance(message, Pay):
            self._pay()
            return
        expected, said = self._plain.take(message, self._now), self._asked.take(message)
        if said != expected:
            raise Differs(f"seed {self.seed}: {message} was {said}, and should be {expected}")
        if isinstance(message, Notice):
            self._plain.hear(PAYOUTS[message.key], message.said, self._now)

    def _pay(self) -> None:
        heard = len(self._bank.heard)
        self._asked.pay()
        for key, answer in self._bank.heard[heard:]:
            self._plain.hear(PAYOUTS[key], type(answer).__name__.lower(), self._now)

    def _agree(self, *, is_proved: bool) -> None:
        said, expected = self._asked.accounts(), self._plain.accounts()
        if said != expected:
            raise Differs(f"seed {self.seed}: the book says {said}, and should say {expected}")
        in_hand, expected_in_hand = self._in_hand(), self._plain.paid()
        if in_hand != expected_in_hand:
            raise Differs(f"seed {self.seed}: people have {in_hand}, and should have {expected_in_hand}")
        findings = check(self._connection) if is_proved else []
        if findings:
            raise Differs(f"seed {self.seed}: {findings[0]}")

    def _in_hand(self) -> Counter[str]:
        sums: Counter[str] = Counter()
        for _, payment in self._bank.everything():
            if payment.state is Paid.SETTLED:
                sums[payment.destination] += payment.amount_micros
        return +sums


PAYOUTS = {key_of(id_): id_ for id_ in WITHDRAWALS}
"""The provider's keys are digests of ours."""


def tell(
    engine: Engine, seeds: range, proved_every: int = 20, advance: Callable[[int], object] = lambda _: None
) -> Told:
    """Every history of `seeds`; of each `proved_every`-th the whole book is proved as well. Raises `Differs`."""
    messages = payments = 0
    with engine.connect() as connection:
        for seed in seeds:
            with connection.begin() as all_of_it:
                history = History(connection, seed)
                payments += history.tell(is_proved=seed % proved_every == 0)
                messages += history.messages
                all_of_it.rollback()
            advance(1)
    return Told(len(seeds), messages, payments)
