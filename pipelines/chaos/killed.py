"""A day of a small platform, told to a real home, in a process that ends itself by SIGKILL at a chosen moment.

Whatever is made durable is a point: each commit, each request to the provider, each sync and each renaming of a file,
once before and once after. The day is sensible to tell again from its beginning: a client repeats what was not
answered, and may repeat what was.
"""

import json
import os
import pickle
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import select

from features.events import Event, Outcome, instant_of
from features.home import Home
from pipelines.chaos import disk
from serving.database import reading
from serving.flows import record_outcome, score_event, score_withdrawal
from serving.ledger import rewards
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.maturity import mature
from serving.ledger.proof.signing import Places, Signer, key_of_home
from serving.ledger.proofs import check
from serving.outbox.changes import CHANGE, ChangeType
from serving.outbox.numbering import number
from serving.parts import Parts, assemble
from serving.payouts.fake import FakeProvider, Fault
from serving.payouts.runner import advance_payouts
from serving.payouts.saga import PAYOUT
from serving.records import DECISION, Unit, Writer
from serving.scoring import FraudModel

START: Final = 1_790_000_000_000_000
HOUR: Final = 3_600 * 1_000_000
FAULTS: Final = {"11" * 32: [Fault.LOSE_ANSWER], "22" * 32: [Fault.REFUSE]}
_EARNED: Final = {"currency": "CNY", "campaign_id": "tea", "partner_id": "network"}

Step = tuple[str, Callable[[], Any]]


@dataclass
class Points:
    """Counts what is made durable; at the `fatal`-th point the process ends as by a loss of power to it alone."""

    fatal: int | None = None
    count: int = 0

    def reach(self) -> None:
        self.count += 1
        if self.count == self.fatal:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, act: Callable[..., Any]) -> Callable[..., Any]:
        def done(*given: Any, **named: Any) -> Any:
            self.reach()
            answer = act(*given, **named)
            self.reach()
            return answer

        return done


class Day:
    """The steps of the day, over a home that may have lived through a part of it already."""

    def __init__(self, home: Home, place: Path | str, model: Path, points: Points) -> None:
        self.parts: Parts = assemble(home, place=place)
        self.parts.fraud = FraudModel(model, "1")
        self.parts.writer = Writer(self.parts.engine, lambda: START, self.parts.knowledge)
        self.provider = FakeProvider(home.root / "fake-provider.db", FAULTS)
        self._signer = Signer(self.parts.engine, Places.of_home(home), key_of_home(home))
        self.provider.send = points.around(self.provider.send)  # type: ignore[method-assign]  # each call is a point
        self.parts.engine.dialect.do_commit = points.around(self.parts.engine.dialect.do_commit)  # type: ignore[method-assign]
        for name in ("fsync", "replace", "rename", "link"):
            setattr(os, name, points.around(getattr(os, name)))
        self.parts.writer.start()

    def steps(self) -> Iterator[Step]:
        """Each is safe to repeat, and says what its caller is told."""
        yield "deposit", self._write(self._deposit)
        for at, user in enumerate(["ann", "bob", "ann", "bob"]):
            yield f"earn {at}", self._write(partial(self._earn, at=at, user=user))
        yield "mature", self._write(lambda unit: mature(unit.connection, START + HOUR))
        yield "take back", self._write(partial(self._take_back, event_id="e-1"))
        for user, destination in zip(["ann", "bob"], FAULTS, strict=True):
            yield f"withdraw {user}", self._write(partial(self._withdraw, user=user, destination=destination))
        for hour in (1, 2, 4):
            yield f"pay {hour}", partial(self._pay, START + hour * HOUR)
        yield "take back late", self._write(partial(self._take_back, event_id="e-2"))
        yield "tell", self._write(lambda unit: number(unit.connection, START, is_awaited=False))
        yield "sign", partial(self._signer.sign, START + 5 * HOUR)

    def close(self) -> None:
        self.parts.writer.stop()
        self.parts.engine.dispose()

    def seen(self) -> dict[str, Any]:
        """Everything that must be as if nobody had ever been killed; what the proofs find comes with it."""
        with reading(self.parts.engine) as connection:
            columns = ACCOUNT.c.id, BALANCE.c.posted, BALANCE.c.pending_out
            accounts = connection.execute(select(*columns).select_from(STANDING))
            decisions = select(DECISION.c.event_id, DECISION.c.revision, DECISION.c.action)
            # How a payout got where it is may differ, after a crash, by what was asked once more.
            changes = select(CHANGE.c.subject, CHANGE.c.message_id).where(CHANGE.c.type != ChangeType.PAYOUT_UPDATED)
            return {
                "accounts": sorted(map(list, accounts)),
                "decisions": sorted(map(list, connection.execute(decisions))),
                "payouts": sorted(map(list, connection.execute(select(PAYOUT.c.id, PAYOUT.c.state)))),
                "changes": sorted(map(list, connection.execute(changes))),
                "paid": sorted(
                    [one.destination, one.amount_micros, str(one.state)] for one in self.provider.payments()
                ),
                "findings": check(connection),
            }

    def _write(self, work: Callable[[Unit], Any]) -> Callable[[], Any]:
        return lambda: self.parts.writer.do_now(work)

    def _deposit(self, unit: Unit) -> None:
        rewards.fund_campaign(unit.connection, rewards.Deposit("paid-in", "tea", 20_000_000, "CNY"), START)

    def _earn(self, unit: Unit, at: int, user: str) -> list[Any]:
        money = {"revenue_micros": 4_000_000, "reward_micros": 2_000_000 + at} | _EARNED
        return self._scored(unit, f"e-{at}", "ad_viewed", user, money)

    def _withdraw(self, unit: Unit, user: str, destination: str) -> list[Any]:
        money = {"amount_micros": 1_000_000, "currency": "CNY", "payout_destination": destination}
        return self._scored(unit, f"w-{user}", "withdrawal_requested", user, money)

    def _scored(self, unit: Unit, event_id: str, kind: str, user: str, fields: dict[str, Any]) -> list[Any]:
        about = {"event_id": event_id, "kind": kind, "user_id": user, "occurred_at": instant_of(START)}
        event = Event.model_validate(about | fields)
        flow = score_withdrawal if kind == "withdrawal_requested" else score_event
        answer = flow(event, self.parts, unit)
        return [answer.decision_id, answer.score, answer.decision]

    def _take_back(self, unit: Unit, event_id: str) -> int:
        about = {"event_id": f"o-{event_id}", "kind": "reversal", "subject_event_id": event_id}
        about |= {"reason": "quality", "reversal_kind": "advertiser_reversal"}
        outcome = Outcome.model_validate(about | {"occurred_at": instant_of(START)})
        return record_outcome(outcome, self.parts, unit).reversed_micros

    def _pay(self, now: int) -> None:
        advance_payouts(self.parts.engine.begin, self.provider, now)


def live(home: Path, place: str, model: Path, fatal: int | None, told: Path) -> None:
    """The day in this process: a line of `told` for each answer, and a last one for what there is at its end."""
    points = Points(fatal)
    day = Day(Home(home), _place(place), model, points)
    with told.open("ab", buffering=0) as file:
        for name, act in day.steps():
            file.write(_line(name, _answer(act())))
        day.close()
        file.write(_line("end", [points.count, day.seen()]))


def live_recorded(home: Path, place: str, model: Path, record: Path) -> None:
    """The day on a disk that remembers: its deeds, and how far they were when each step had been answered."""
    with disk.recorded() as remembered:
        day = Day(Home(home), _place(place), model, Points())
        answered: list[tuple[int, str, Any]] = []
        for name, act in day.steps():
            answer = _answer(act())
            answered.append((remembered.now, name, answer))
        day.close()
    record.write_bytes(pickle.dumps((remembered.deeds, answered)))


def told_in(file: Path) -> list[list[Any]]:
    """The whole lines of what was told, as name and answer. A line that the end cut off was told to nobody."""
    text = file.read_text() if file.exists() else ""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]


def _place(place: str) -> Path | str:
    return place if "://" in place else Path(place)


def _answer(answer: object) -> Any:
    return answer if isinstance(answer, list) else None


def _line(name: str, answer: Any) -> bytes:
    return json.dumps([name, answer]).encode() + b"\n"
