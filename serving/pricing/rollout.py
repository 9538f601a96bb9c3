"""A candidate price policy reaches 1, 5, 25, then 100% of people; which person has which version, and when it moves.

Pure: instants, live figures and the key come as arguments. `serving/pricing/rolled.py` keeps the file. A service asks

    served = Served(home.root / "pricing", policy, key)   # once; `policy` is the one that serves without any rollout
    policy = served.policy_for(user_id)                   # for each request for offers; also names the version logged

and need know nothing else: `assay price rollout` writes the file, and the next request follows it.
"""

from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import blake2b
from typing import Final

STAGES: Final = (0.01, 0.05, 0.25, 1.0)
HOUR: Final = 3_600_000_000
_SPAN: Final = 2**64


class RolloutError(ValueError):
    """A move that the rollout does not allow, with what it allows."""


class Step(StrEnum):
    START = "start"
    ADVANCE = "advance"
    STAY = "stay"
    ROLLBACK = "rollback"


@dataclass(frozen=True)
class Move:
    """One change of the share of people; `at` in microseconds. A rollback moves to a share of 0."""

    step: Step
    share: float
    at: int
    reason: str
    by: str


@dataclass(frozen=True)
class Rollout:
    """Two versions, and every move ever made, oldest first: the state is the last of them.

    `person_margin_micros_max` bounds what one person counts for in the live figures; it was chosen before the start,
    so that no result can have moved it.
    """

    incumbent: str
    candidate: str
    person_margin_micros_max: int
    moves: tuple[Move, ...]

    @property
    def share(self) -> float:
        """Of people who have the candidate now."""
        return self.moves[-1].share

    @property
    def since(self) -> int:
        """When the present stage began."""
        return self.moves[-1].at

    @property
    def is_open(self) -> bool:
        """Whether it can still advance."""
        return 0 < self.share < 1


@dataclass(frozen=True)
class Live:
    """What this stage has shown so far: people whose figures are final, and an anytime-valid interval.

    `ratio_low` and `ratio_high` bound the candidate's margin per person over the incumbent's: 1 is as good. They may be
    looked at after every person. `breaches` counts the candidate's offers that broke a guardrail.
    """

    candidate_people: int
    incumbent_people: int
    ratio_low: float
    ratio_high: float
    breaches: int


@dataclass(frozen=True)
class Rules:
    """What a stage asks for before more people are given the candidate."""

    people_min: int = 100
    hours_min: float = 24.0
    # By the share of people at stake: the more, the surer. At a hundredth little can be known, and little be lost.
    ratio_low_min: tuple[tuple[float, float], ...] = ((0.01, 0.5), (0.05, 0.8), (0.25, 0.95))

    def ratio_asked(self, share: float) -> float:
        return next((asked for stage, asked in self.ratio_low_min if share <= stage), 1.0)


@dataclass(frozen=True)
class Judgement:
    """What to do, with one sentence for each question that was asked; those not met first."""

    step: Step
    reasons: tuple[str, ...]


def position(user_id: str, candidate: str, key: bytes) -> float:
    """Where a person stands in [0, 1): a keyed digest, so that it is stable, nobody can choose it, and another
    candidate finds other people first.
    """
    digest = blake2b(f"{candidate}\0{user_id}".encode("utf-8", "surrogatepass"), key=key[:64], digest_size=8).digest()
    return int.from_bytes(digest, "little") / _SPAN


def version_for(rollout: Rollout, user_id: str, key: bytes) -> str:
    """The version that a person gets. Whoever has the candidate at one stage has it at every later one."""
    has_candidate = position(user_id, rollout.candidate, key) < rollout.share
    return rollout.candidate if has_candidate else rollout.incumbent


def started(incumbent: str, candidate: str, person_margin_micros_max: int, at: int, reason: str, by: str) -> Rollout:
    """At the first stage. Raises RolloutError where there is nothing to roll out, or no reason."""
    if incumbent == candidate:
        raise RolloutError(f"the candidate {candidate} is what serves already: name another policy file")
    if person_margin_micros_max <= 0:
        raise RolloutError(f"person_margin_micros_max is {person_margin_micros_max}: it must be positive")
    first = _move(Step.START, STAGES[0], at, reason, by)
    return Rollout(incumbent, candidate, person_margin_micros_max, (first,))


def advanced(rollout: Rollout, at: int, reason: str, by: str) -> Rollout:
    """At the next stage. Raises RolloutError for one that is over."""
    _assert_open(rollout)
    share = next(stage for stage in STAGES if stage > rollout.share)
    return replace(rollout, moves=(*rollout.moves, _move(Step.ADVANCE, share, at, reason, by)))


def rolled_back(rollout: Rollout, at: int, reason: str, by: str) -> Rollout:
    """Nobody has the candidate any more; allowed at 100%, too. Raises RolloutError for one that is back already."""
    if not rollout.share:
        raise RolloutError(f"the candidate {rollout.candidate} was rolled back already")
    return replace(rollout, moves=(*rollout.moves, _move(Step.ROLLBACK, 0.0, at, reason, by)))


def judged(rollout: Rollout, live: Live, rules: Rules, at: int) -> Judgement:
    """Roll back at the first proof of harm, advance when every question is met, else stay.

    At 100% nobody has the incumbent any more, so that only a broken guardrail can still roll it back.
    """
    harm = _harm(live)
    if harm and rollout.share:
        return Judgement(Step.ROLLBACK, tuple(harm))
    if not rollout.is_open:
        return Judgement(Step.STAY, ("it is over: no stage is left",))
    hours, asked = (at - rollout.since) / HOUR, rules.ratio_asked(rollout.share)
    people = min(live.candidate_people, live.incumbent_people)
    findings = [
        _found(
            f"{people:,} people of the lesser group are known", f">= {rules.people_min:,}", people, rules.people_min
        ),
        _found(f"the stage has run {hours:.1f} hours", f">= {rules.hours_min:g}", hours, rules.hours_min),
        _found(
            f"the margin is at least {live.ratio_low:.3f} of the incumbent's", f">= {asked:g}", live.ratio_low, asked
        ),
    ]
    findings.sort(key=lambda finding: finding[0])
    step = Step.ADVANCE if all(met for met, _ in findings) else Step.STAY
    return Judgement(step, tuple(reason for _, reason in findings))


def _harm(live: Live) -> list[str]:
    harm = []
    if live.breaches:
        harm.append(f"{live.breaches:,} offers of the candidate broke a guardrail: none may")
    if live.ratio_high < 1:
        harm.append(f"the candidate's margin is at most {live.ratio_high:.3f} of the incumbent's, beyond doubt")
    return harm


def _found(told: str, asked: str, figure: float, least: float) -> tuple[bool, str]:
    met = figure >= least
    return met, f"{told}, {'met' if met else 'not met'}: {asked} is asked"


def _move(step: Step, share: float, at: int, reason: str, by: str) -> Move:
    if not reason.strip() or not by.strip():
        raise RolloutError("a move needs its reason and who made it: give --reason and --by")
    return Move(step, share, at, reason, by)


def _assert_open(rollout: Rollout) -> None:
    if not rollout.is_open:
        raise RolloutError(
            f"the candidate {rollout.candidate} has {rollout.share:.0%} of people, no stage is left: start another"
        )
