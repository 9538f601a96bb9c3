"""One platform from its first day on: a past without a model to learn from, then a period in which attackers and the
model meet day by day, every event scored with what was known as it arrived.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from features.events import Kind, OutcomeKind
from features.frame import OUTCOME_COLUMNS, READ, frame_of
from features.log import Log, LogWriter, Row, table_of
from features.money import MICROS_PER_UNIT
from features.vector import FeatureEngine
from training.arena.aftermath import Aftermath
from training.arena.book import APPROVE, Act, Book, Rules
from training.arena.cohort import Cohort, begin
from training.arena.protocol import Attackers, Seen
from training.arena.purse import Purse
from training.simulator.families import NAMES
from training.simulator.sessions import day_of
from training.simulator.simulate import Platform, Scenario, found

Floats = NDArray[np.float64]
Scores = Callable[[pl.DataFrame], Floats]
Makers = Sequence[Callable[[], Attackers]]
Advance = Callable[[int], object]

ACCOUNTS_PER_FAMILY_MAX: Final = 10_000
_KINDS: Final = tuple(map(str, Kind))
_BOOKED: Final = (
    "event_id kind user_id recorded_at as_of reward_micros revenue_micros amount_micros partner_id "
    "partner_transaction_id"
).split()


@dataclass(frozen=True)
class Setting:
    """`scenario` covers both periods; the last `test_days` of it are the arena. About `per_family` accounts of each
    family join in so many days, in the arena and, of families to be trained on, in the past as well.
    """

    scenario: Scenario
    test_days: int
    per_family: int

    def __post_init__(self) -> None:
        if not 1 <= self.test_days < self.scenario.days:
            raise ValueError(f"test_days must be between 1 and {self.scenario.days - 1}, not {self.test_days}")
        if not 1 <= self.per_family <= ACCOUNTS_PER_FAMILY_MAX:
            raise ValueError(f"per_family must be between 1 and {ACCOUNTS_PER_FAMILY_MAX}, not {self.per_family}")

    @property
    def past_days(self) -> int:
        return self.scenario.days - self.test_days

    def accounts(self, days: int) -> int:
        """How many of a family join in a period."""
        return max(1, round(self.per_family * days / self.test_days))


@dataclass(frozen=True)
class Past:
    """What a model may learn from: a frame and its outcomes, up to `ends` (microseconds)."""

    frame: pl.DataFrame
    outcomes: pl.DataFrame
    ends: int


@dataclass(frozen=True)
class Fought:
    """`decisions`: one row an event of the arena in the order of arrival: owner, kind, scores, action and amount.
    `people`: one row an owner that acted: family, ring, whether a fraud, whether trained on, and its sums of money.
    """

    decisions: pl.DataFrame
    people: pl.DataFrame


class Episode:
    """The platform and its attackers. `past` is lived once, then `fight` once; the log is written to `folder`."""

    def __init__(self, setting: Setting, makers: Makers, rules: Rules, folder: Path) -> None:
        self.setting, self._makers, self._rules = setting, makers, rules
        self._log, self._writer, self._engine = Log(folder), LogWriter(folder), FeatureEngine()
        self._platform: Platform = found(setting.scenario)
        self._place_of = {name: place for place, name in enumerate(self._platform.lexicon.user_ids)}
        self._seeds = np.random.SeedSequence((setting.scenario.seed, len(makers)))
        self._book = Book(Purse(), Aftermath(self._stream()), self._platform.balance, self._place_of)
        self._cohorts: list[Cohort] = []
        self._cohort_of: dict[str, Cohort] = {}
        self._earned: dict[str, Act] = {}

    def past(self, advance: Advance = lambda _: None) -> Past:
        """Live the days before the arena: nothing is scored, everything is approved, and outcomes come in."""
        self._enter([make for make in self._makers if is_trained(make())], 0, self.setting.past_days)
        frames = []
        for number in range(self.setting.past_days):
            frame, acts = self._live(number, is_arena=False)
            self._tell([(act, self._settle(act, APPROVE)) for act in acts])
            for act in acts:
                if act.is_attacker and act.is_withdrawal:
                    self._book.aftermath.review(act.row, is_fraud=True)
            frames.append(frame)
            advance(1)
        outcomes = pl.DataFrame(pl.from_arrow(self._log.read(OUTCOME_COLUMNS)))
        return Past(pl.concat(frames), outcomes.filter(~pl.col("kind").is_in(_KINDS)), self._writer.as_of)

    def fight(self, scores: Mapping[str, Scores], advance: Advance = lambda _: None) -> Fought:
        """Live the arena. The score named `model` decides; others are only noted."""
        self._enter(self._makers, self.setting.past_days, self.setting.test_days)
        days = []
        for number in range(self.setting.past_days, self.setting.scenario.days):
            frame, acts = self._live(number, is_arena=True)
            noted = {name: score(frame) for name, score in scores.items()}
            wanted = [self._decide(act, chance) for act, chance in zip(acts, noted["model"].tolist(), strict=True)]
            actions = [self._settle(act, action) for act, action in zip(acts, wanted, strict=True)]
            self._tell(list(zip(acts, actions, strict=True)))
            days.append(_decisions(acts, actions, noted))
            advance(1)
        self._book.close(self._writer.as_of)
        decisions = pl.concat(days)
        return Fought(decisions, self._people(decisions["owner"].unique(maintain_order=True).to_list()))

    def _stream(self) -> np.random.Generator:
        return np.random.default_rng(self._seeds.spawn(1)[0])

    def _enter(self, makers: Makers, first_day: int, days: int) -> None:
        """A fresh object of each family begins the period; those of the last one have left."""
        number = len(self._cohorts)
        accounts = self.setting.accounts(days)
        self._cohorts = [
            begin(make(), number + place, self._platform, self._book.purse, (first_day, days), accounts, self._stream())
            for place, make in enumerate(makers)
        ]

    def _live(self, number: int, *, is_arena: bool) -> tuple[pl.DataFrame, list[Act]]:
        """What arrives on a day, as the log has it: the frame of its events, and who did each."""
        day = day_of(self.setting.scenario.start, number)
        begun = [_seen_by_reviewers(self._platform.live(day), is_arena=is_arena)]
        for cohort in self._cohorts:
            rows = cohort.due(day)
            self._cohort_of |= {row["event_id"]: cohort for row in rows}
            begun.append(table_of(rows))
        outcomes = self._book.aftermath.due(day.ends)
        after = self._writer.next_sequence - 1
        self._writer.append(pa.concat_tables([*begun, table_of(outcomes)]).sort_by("recorded_at"))
        self._answer(outcomes)
        rows = [row for row in self._log.rows(_BOOKED, after=after) if row["kind"] in _KINDS]
        frames = [frame_of(piece, self._engine) for piece in self._log.tables(READ, after=after)]
        return pl.concat(frames), [self._act(row) for row in rows]

    def _act(self, row: Row) -> Act:
        cohort = self._cohort_of.get(row["event_id"])
        if cohort is not None:
            return Act(row, f"{cohort.name}:{row['user_id']}", is_fraud=True, is_attacker=True)
        place = self._place_of[row["user_id"]]
        return Act(row, row["user_id"], bool(self._platform.people.circle.is_fraud[place]), is_attacker=False)

    def _decide(self, act: Act, chance: float) -> str:
        row = act.row
        if act.is_withdrawal:
            return self._rules.withdrawal(chance)
        return self._rules.event(row["kind"], row["revenue_micros"], row["reward_micros"] or 0, chance)

    def _settle(self, act: Act, action: str) -> str:
        """Carry the decision out, and let the world begin to make something of the event."""
        cohort = self._cohort_of.get(act.row["event_id"])
        if cohort is not None:
            self._earned[act.row["event_id"]] = act
            self._book.aftermath.of_conversion(act.row, cohort.caught, cohort.charges_back)
        return self._book.carry_out(act, action, self._rules)

    def _tell(self, decided: Sequence[tuple[Act, str]]) -> None:
        """Each family learns of its own events, as a client would."""
        for act, action in decided:
            cohort = self._cohort_of.get(act.row["event_id"])
            if cohort is not None:
                row = act.row
                cohort.told.append(Seen(row["event_id"], row["user_id"], row["kind"], action, row["recorded_at"]))
        for cohort in self._cohorts:
            cohort.learn()

    def _answer(self, outcomes: Sequence[Row]) -> None:
        """What outcomes do: reversals take back, reviewers' answers move money, and close the account of a fraud."""
        for outcome in outcomes:
            subject = outcome["subject_event_id"]
            cohort = self._cohort_of.get(subject)
            if outcome["kind"] == "reversal" and subject in self._earned:
                self._book.reverse(self._earned[subject])
            answered = self._book.answer(outcome, self._rules)
            if cohort is None:
                continue
            if answered:
                told = Seen(subject, outcome["user_id"], answered[0].row["kind"], answered[1], outcome["recorded_at"])
                cohort.told.append(told)
            if outcome.get("disposition") == "fraud":
                cohort.world.closed.add(outcome["user_id"])

    def _people(self, owners: Sequence[str]) -> pl.DataFrame:
        """Everybody who acted in the arena, with what became of their money."""
        cohorts = {one.name: one for one in self._cohorts}
        rows = []
        for owner in owners:
            name, _, user = owner.rpartition(":")
            known = _of_cohort(cohorts[name], user) if name else self._of_platform(owner)
            delayed = self._book.delayed.get(owner, 0.0) / MICROS_PER_UNIT
            rows.append({"owner": owner} | known | self._book.purse.sums[owner].told() | {"delayed_unit_days": delayed})
        return pl.DataFrame(rows, infer_schema_length=None)

    def _of_platform(self, user: str) -> dict[str, Any]:
        circle, place = self._platform.people.circle, self._place_of[user]
        family, is_fraud = NAMES[circle.family[place]], bool(circle.is_fraud[place])
        ring = f"{family}/{circle.group[place]}" if is_fraud else None
        return {"family": family, "ring": ring, "is_fraud": is_fraud, "is_trained": True}


def is_trained(family: Attackers) -> bool:
    """Whether a family acts in the past, too."""
    return bool(getattr(family, "trained", False))


def _of_cohort(cohort: Cohort, user: str) -> dict[str, Any]:
    trained = is_trained(cohort.family)
    return {"family": cohort.name, "ring": cohort.ring_of.get(user), "is_fraud": True, "is_trained": trained}


def _seen_by_reviewers(table: pa.Table, *, is_arena: bool) -> pa.Table:
    """Once a model decides, reviewers answer its cases: the simulated answers to any request are left out."""
    if not is_arena:
        return table
    return table.filter(pc.not_equal(table["kind"], str(OutcomeKind.DISPOSITION)))


def _decisions(acts: Sequence[Act], actions: Sequence[str], noted: Mapping[str, Floats]) -> pl.DataFrame:
    columns = {
        "owner": [act.owner for act in acts],
        "kind": [act.row["kind"] for act in acts],
        "as_of": [act.row["as_of"] for act in acts],
        "amount_micros": [act.amount for act in acts],
        "action": list(actions),
    }
    return pl.DataFrame(columns | dict(noted))
