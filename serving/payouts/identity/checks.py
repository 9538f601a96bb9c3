"""The three phases of a check, each safe to repeat: commit its key, ask the provider, apply what it answered.

The key is committed before the call, so that after a crash the same check is looked up, and no second one begun.
Silence fails nobody: only the provider's own word does.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import structlog
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Index,
    Integer,
    Row,
    String,
    Table,
    UniqueConstraint,
    case,
    func,
    insert,
    select,
    update,
)

from serving.database import METADATA
from serving.ledger.refusals import Refusal, missing
from serving.payouts.identity import persons, states
from serving.payouts.identity.provider import (
    Absent,
    CheckAnswer,
    Disproven,
    IdentityProvider,
    Lapsed,
    Proven,
    Unknown,
    Waiting,
)
from serving.payouts.identity.sealing import Seal
from serving.payouts.identity.states import Identity, State
from serving.payouts.identity.triggers import DAY
from serving.policy import HOUR, IdentityPolicy

PATIENCE_MICROS: Final = 60 * 1_000_000
"""For so long after a question the same one is not asked again, at the least ..."""
SILENCE_MICROS_MAX: Final = HOUR
"""... and at the most. Between the two it is a tenth of the check's age: who does not come is asked about seldom."""


log = structlog.get_logger()


class ChecksSpent(Refusal):
    """As many checks as the policy allows have failed: a person must grant more (see `states.grant`)."""


@dataclass(frozen=True, slots=True)
class Check:
    """One question to a provider. `outcome` is the last answer's name, None before the first."""

    key: str
    user_id: str
    provider: str
    number: int
    outcome: str | None
    began_at: int


IDENTITY_CHECK = Table(
    "identity_check",
    METADATA,
    Column("key", String(64), primary_key=True),
    Column("user_id", String(128), ForeignKey("identity.user_id"), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("number", Integer, nullable=False),
    Column("outcome", String(16)),
    Column("began_at", BigInteger, nullable=False),
    Column("asked_at", BigInteger, nullable=False),
    UniqueConstraint("user_id", "number", name="identity_check_number"),
    Index("identity_check_open", "provider", "outcome", "asked_at"),
)

_AGE: Final = IDENTITY_CHECK.c.asked_at - IDENTITY_CHECK.c.began_at
_SILENCE: Final = case(
    (_AGE <= 10 * PATIENCE_MICROS, PATIENCE_MICROS),
    (_AGE >= 10 * SILENCE_MICROS_MAX, SILENCE_MICROS_MAX),
    else_=_AGE // 10,
)
_OPEN: Final = IDENTITY_CHECK.c.outcome.is_(None) | IDENTITY_CHECK.c.outcome.in_(["waiting", "unknown", "absent"])


@dataclass(frozen=True, slots=True)
class Desk:
    """What applying an answer needs."""

    seal: Seal
    policy: IdentityPolicy


def claim(connection: Connection, user_id: str, provider: str, policy: IdentityPolicy, now: int) -> Check | None:
    """Phase 1: commit a new check and its key, or take up the one that is pending. None: the proof is still good.

    A pending check stays with the provider that it began with. Raises `ChecksSpent`.
    """
    identity = states.expire(connection, states.lock(connection, user_id, now), now)
    if identity.state is State.VERIFIED:
        return None
    if identity.state is State.PENDING:
        return latest(connection, user_id)
    if identity.check_count >= policy.checks_max:
        raise ChecksSpent(f"{identity.check_count} checks did not succeed: a person must look", user_id=user_id)
    states.move(connection, identity, State.PENDING, "check_began", now, check_count=identity.check_count + 1)
    before = latest(connection, user_id)
    check = _new_check(user_id, provider, before.number + 1 if before else 1, now)
    connection.execute(insert(IDENTITY_CHECK), [check])
    return latest(connection, user_id)


def ask(provider: IdentityProvider, check: Check) -> CheckAnswer:
    """Phase 2, outside any transaction: start, or look up; start again only what never was known to have begun."""
    if check.outcome is None:
        return _answered(provider.start, check)
    answer = look_up(provider, check)
    is_lost = isinstance(answer, Absent) and check.outcome == "unknown"
    return _answered(provider.start, check) if is_lost else answer


def look_up(provider: IdentityProvider, check: Check) -> CheckAnswer:
    """What became of a check that its provider says has news."""
    return _answered(provider.lookup, check)


def _answered(question: Callable[[str], CheckAnswer], check: Check) -> CheckAnswer:
    """A defect of an adapter is logged, without its words, and is no answer: it keeps nobody else waiting."""
    try:
        return question(check.key)
    except OSError:
        return Unknown()
    except Exception as defect:  # noqa: BLE001  # whatever broke, nobody is taken for failed by it
        log.warning("identity_question_failed", provider=check.provider, kind=type(defect).__name__)
        return Unknown()


def learn(connection: Connection, key: str, answer: CheckAnswer, desk: Desk, now: int) -> Identity:
    """Phase 3, and the door for a provider's own notices: apply the answer, whatever arrived before it.

    What is said of any check but the last is old news. Raises `Missing` for an unknown key, `IllegalMove` for proof
    after a failure: the failure stands until a person has looked.
    """
    user_id = connection.scalar(select(IDENTITY_CHECK.c.user_id).where(IDENTITY_CHECK.c.key == key))
    if user_id is None:
        raise missing("identity check", key)
    # The person is locked before the check is read: of two answers at once the second sees what the first did.
    identity = states.get(connection, user_id)
    check = latest(connection, user_id)
    if check is None or check.key != key:
        return identity
    after = _EFFECTS[type(answer)](connection, identity, check, answer, desk, now)
    if after is not identity or check.outcome in _NO_END:
        said = {"outcome": _outcome(check, answer, after), "asked_at": now}
        connection.execute(update(IDENTITY_CHECK).where(IDENTITY_CHECK.c.key == key).values(said))
    return after


def find(connection: Connection, key: str) -> Check | None:
    row = connection.execute(select(IDENTITY_CHECK).where(IDENTITY_CHECK.c.key == key)).one_or_none()
    return _check_of(row) if row else None


def due(connection: Connection, provider: str, now: int, limit: int) -> list[Check]:
    """Checks to ask about, the longest waiting first."""
    is_due = _OPEN & (IDENTITY_CHECK.c.provider == provider) & (IDENTITY_CHECK.c.asked_at <= now - _SILENCE)
    query = select(IDENTITY_CHECK).where(is_due).order_by(IDENTITY_CHECK.c.asked_at, IDENTITY_CHECK.c.key).limit(limit)
    return [_check_of(row) for row in connection.execute(query)]


def _prove(
    connection: Connection, identity: Identity, check: Check, answer: CheckAnswer, desk: Desk, now: int
) -> Identity:
    assert isinstance(answer, Proven)
    until = min(now + desk.policy.verified_days * DAY, answer.valid_until or _ENDLESS)
    if identity.state is State.VERIFIED or (identity.state is State.EXPIRED and check.outcome == "proven"):
        return identity  # the same word again does not make a proof younger
    if until <= now:
        return _disprove(connection, identity, check, Disproven("document_expired"), desk, now)
    if identity.state is State.EXPIRED:  # the person came after we had stopped waiting: that check goes on
        identity = states.move(connection, identity, State.PENDING, "check_resumed", now)
    after = states.move(connection, identity, State.VERIFIED, "check_proven", now, verified_until=until, check_count=0)
    persons.record(connection, identity.user_id, answer.person, desk.seal, now, answer.country)
    return after


def _disprove(connection: Connection, identity: Identity, _: Check, __: CheckAnswer, ___: Desk, now: int) -> Identity:
    """Of a proof, too: a forgery may be found late. The provider's own reason is kept by the provider."""
    if identity.state not in {State.PENDING, State.VERIFIED}:
        return identity
    reason = "check_failed" if identity.state is State.PENDING else "proof_withdrawn"
    return states.move(connection, identity, State.FAILED, reason, now, verified_until=None)


def _lapse(connection: Connection, identity: Identity, _: Check, __: CheckAnswer, ___: Desk, now: int) -> Identity:
    if identity.state is not State.PENDING:
        return identity
    return states.move(connection, identity, State.EXPIRED, "check_lapsed", now)


def _miss(
    connection: Connection, identity: Identity, check: Check, answer: CheckAnswer, desk: Desk, now: int
) -> Identity:
    """The provider may not show yet what it began: only after the policy's hours is the check over."""
    if now - check.began_at < desk.policy.lapse_hours * HOUR:
        return identity
    return _lapse(connection, identity, check, answer, desk, now)


def _wait(_: Connection, identity: Identity, *__: object) -> Identity:
    return identity


_Effect = Callable[[Connection, Identity, Check, CheckAnswer, Desk, int], Identity]
_EFFECTS: Final[dict[type, _Effect]] = {
    Proven: _prove,
    Disproven: _disprove,
    Lapsed: _lapse,
    Absent: _miss,
    Waiting: _wait,
    Unknown: _wait,
}
_ENDLESS: Final = 2**63 - 1
_NO_END: Final = frozenset({None, "waiting", "unknown", "absent"})


def _outcome(check: Check, answer: CheckAnswer, after: Identity) -> str:
    """That a check once was seen to have begun is not forgotten: it would be begun twice. One that is over is not
    asked about any more.
    """
    said = type(answer).__name__.lower()
    if said in _NO_END and after.state is State.EXPIRED:
        return "lapsed"
    return "waiting" if check.outcome == "waiting" and said in _NO_END else said


def latest(connection: Connection, user_id: str) -> Check | None:
    """The person's last check; None before the first."""
    newest = select(func.max(IDENTITY_CHECK.c.number)).where(IDENTITY_CHECK.c.user_id == user_id).scalar_subquery()
    query = select(IDENTITY_CHECK).where(IDENTITY_CHECK.c.user_id == user_id, IDENTITY_CHECK.c.number == newest)
    row = connection.execute(query).one_or_none()
    return _check_of(row) if row else None


def _new_check(user_id: str, provider: str, number: int, now: int) -> dict[str, Any]:
    # A digest: providers bound the length and the letters of a key, and need not learn our ids.
    key = hashlib.sha256(f"{user_id}/identity/{number}".encode()).hexdigest()[:32]
    return {"key": key, "user_id": user_id, "provider": provider, "number": number, "began_at": now, "asked_at": now}


def _check_of(row: Row[Any]) -> Check:
    return Check(row.key, row.user_id, row.provider, row.number, row.outcome, row.began_at)
