"""What a seed's history asks for: sensible wishes of a few people, and what a network makes of their order."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import replace
from random import Random
from typing import Final

from features.events import Reason
from pipelines.chaos.messages import (
    Deposit,
    Earn,
    Genuine,
    Mature,
    Message,
    Pay,
    Restart,
    Rule,
    TakeBack,
    Wait,
    Withdraw,
)
from pipelines.chaos.plain import FEN
from serving.decision import Action
from serving.ledger.reversals import Ground

HOUR: Final = 3_600 * 1_000_000
DAY: Final = 24 * HOUR
START: Final = 1_767_225_600_000_000
WITHDRAWALS: Final = tuple(f"w{number}" for number in range(4))


class Story:
    """`messages` are what arrives, in the order in which it does."""

    def __init__(self, dice: Random) -> None:
        self._dice = dice
        self._users = dice.choice([["ann"], ["ann", "ann", "bob"]])
        self._earned: Counter[str] = Counter()

    def messages(self) -> list[Message]:
        wishes = self._of_fraud() if self._dice.random() < 0.2 else self._wishes()
        return self._disordered(wishes)

    def _wishes(self) -> list[Message]:
        """What is sent, in the order in which it would be sensible: earned, paid, taken back, earned and paid again."""
        dice = self._dice
        earned = [f"e{number}" for number in range(dice.randint(1, 4))]
        until = dice.randint(1, len(earned))
        ids = WITHDRAWALS[: dice.randint(1, 3)]
        said: list[Message] = [Deposit("d", dice.randint(1, 300) * FEN)]
        said += [self._earning(id_) for id_ in earned[:until]]
        said += [Mature(), *[self._withdrawal(id_) for id_ in ids[:2]], Pay()]
        said += [
            self._reversal(f"o{number}", dice.choice(earned[:until])) for number in range(dice.choice([0, 1, 1, 2, 3]))
        ]
        said += [Restart()] if dice.random() < 0.2 else []
        said += [self._earning(id_) for id_ in earned[until:]]
        said += [Genuine(dice.choice(earned))] if dice.random() < 0.3 else []
        said += [Rule(dice.choice(ids), dice.choice([Action.APPROVE, Action.DECLINE]))]
        return [*said, Mature(), *[self._withdrawal(id_) for id_ in ids[2:]], Pay()]

    def _of_fraud(self) -> list[Message]:
        """Who took out nearly everything is found out, perhaps twice, and earns again."""
        dice = self._dice
        earned = [replace(self._earning(f"e{n}"), on_hold=False, matures_at=START) for n in range(2)]
        user, due = earned[0].user, START + dice.choice([0, 40 * DAY])
        first, last = (self._withdrawal(id_) for id_ in WITHDRAWALS[::3])
        everything = Withdraw("w1", user, int(self._earned[user] * dice.choice([0.6, 1.0])), Action.APPROVE)
        quality = TakeBack("o0", "e0", Reason.QUALITY, Ground.CHARGEBACK, dice.randint(1, 20) * FEN)
        found = [TakeBack(f"o{n}", "e0", Reason.FRAUD, Ground.CLAWBACK, None) for n in range(1, dice.randint(2, 3))]
        later = [replace(self._earning(f"e{n}"), matures_at=due) for n in range(2, 5)]
        before: list[Message] = [Deposit("d", 300 * FEN), *earned, first, Pay(), everything, Pay(), quality, *found]
        return [
            *before,
            *later,
            Pay(),
            Wait(41 * DAY),
            everything,
            Mature(),
            self._withdrawal("w2"),
            Mature(),
            last,
            Pay(),
        ]

    def _earning(self, id_: str) -> Earn:
        dice = self._dice
        reward = dice.choice([0, *range(5, 60)]) * FEN // dice.choice([1, 1, 3])
        matures_at = START + dice.choice([0, 0, 0, 0, 0, HOUR, DAY])
        is_prepaid, on_hold = dice.random() < 0.3, dice.random() < 0.1
        user = self._users[int(id_[1:]) % len(self._users)]
        self._earned[user] += reward
        return Earn(id_, user, reward, reward + reward // 2, is_prepaid, on_hold, matures_at)

    def _reversal(self, id_: str, event: str) -> TakeBack:
        reason = self._dice.choice([Reason.FRAUD, Reason.FRAUD, Reason.QUALITY])
        is_final = reason is Reason.FRAUD and self._dice.random() < 0.7
        amount = self._dice.choice([None, None, self._dice.randint(0, 20) * FEN])
        return TakeBack(id_, event, reason, Ground.CLAWBACK if is_final else Ground.CHARGEBACK, amount)

    def _withdrawal(self, id_: str) -> Withdraw:
        """Of what a person may have earned by then: often more than is there, often all of it."""
        dice, user = self._dice, self._dice.choice(self._users)
        action = dice.choice([*[Action.APPROVE] * 5, Action.REVIEW, Action.DECLINE])
        return Withdraw(id_, user, int(self._earned[user] * dice.choice([0.2, 0.3, 0.4, 1.0])), action)

    def _disordered(self, said: Iterable[Message]) -> list[Message]:
        """Each none to three times, moved by up to a few places."""
        copies = [
            (at, one) for at, one in enumerate(said) for _ in range(self._dice.choices(range(4), (1, 12, 3, 1))[0])
        ]
        copies += [(at, _forged(one)) for at, one in copies if self._dice.random() < 0.02]
        reach = self._dice.choice([0, 1, 2, 8])
        return [one for _, one in sorted(copies, key=lambda copy: copy[0] + self._dice.uniform(0, reach))]


def _forged(message: Message) -> Message:
    """The same id with another amount."""
    match message:
        case Deposit() | Withdraw():
            return replace(message, amount_micros=message.amount_micros + FEN)
        case Earn():
            return replace(message, reward_micros=message.reward_micros + FEN)
        case TakeBack():
            return replace(message, amount_micros=(message.amount_micros or 0) + 1)
        case _:
            return message
