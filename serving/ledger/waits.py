"""How long a reward waits until it can be withdrawn: by a fitted table in the home, or else by the policy's rules.

The table gives the wait of least cost for a partner, kind, goal and trust; what it was fitted with is in the file. A
table that is absent, unreadable or stale is not used, and the wait that the policy gives says so in its version.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Row,
    String,
    Table,
    bindparam,
    func,
    insert,
    select,
    update,
)

from features.events import Event
from serving.database import METADATA
from serving.ledger.rewards import REWARD
from serving.policy import HOUR, Policy
from serving.policy_money import TrustPolicy, WaitingRule

NAME: Final = "waits.json"
ANY: Final = "*"
_DAY: Final = 24 * HOUR

REWARD_WAIT = Table(
    "reward_wait",
    METADATA,
    Column("event_id", String(128), primary_key=True),
    Column("version", String(64), nullable=False),
    Column("trust", Integer),
    Column("wait_micros", BigInteger, nullable=False),
    Column("decided_at", BigInteger, nullable=False),
)
"""What each credited reward's wait was decided by."""

_OF_LATE = select(
    func.count().filter(REWARD.c.recorded_at <= bindparam("aged")).label("aged"),
    func.count().filter(REWARD.c.reversed_micros > 0).label("reversed"),
).where(REWARD.c.user_id == bindparam("user"), REWARD.c.recorded_at > bindparam("since"))
_RECORD = insert(REWARD_WAIT)
_RENEW = (
    update(REWARD_WAIT)
    .where(REWARD_WAIT.c.event_id == bindparam("event"))
    .values({name: bindparam(f"new_{name}") for name in ("version", "trust", "wait_micros", "decided_at")})
)


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")


class _Settings(_Section):
    trust: TrustPolicy


class _Line(_Section):
    partner: str
    kind: str
    goal: str
    trust: int
    hours: Annotated[float, Field(ge=0, le=24 * 365, allow_inf_nan=False)]


class _File(_Section):
    format: Literal[1]
    version: str
    stale_at: int
    settings: _Settings
    waits: tuple[_Line, ...]


@dataclass(frozen=True)
class _Fitted:
    """Hours by (partner, kind, goal, trust)."""

    version: str
    stale_at: int
    trust: TrustPolicy
    hours: Mapping[tuple[str, str, str, int], float]

    @classmethod
    def read(cls, file: Path) -> Self:
        """Raises ValueError for anything but a table as it was written."""
        body = json.loads(file.read_text("utf-8"))
        read = _File.model_validate(body)
        rest = {name: part for name, part in body.items() if name != "version"}
        if hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()[:12] != read.version:
            raise ValueError(f"{file} was changed after it was written: fit it anew")
        hours = {(line.partner, line.kind, line.goal, line.trust): line.hours for line in read.waits}
        return cls(read.version, read.stale_at, read.settings.trust, hours)

    def found(self, event: Event, tier: int) -> float | None:
        """None for a kind that the table does not know. A partner or goal that it does not know is any."""
        kind = str(event.kind)
        partners, goals = (event.partner_id or ANY, ANY), (event.goal_id or ANY, ANY)
        known = (self.hours.get((partner, kind, goal, tier)) for partner in partners for goal in goals)
        return next((hours for hours in known if hours is not None), None)


@dataclass(frozen=True)
class Wait:
    """`version`: the table's, or `policy`, with the reason where a table is there; `trust`: the tier that was found."""

    micros: int
    version: str
    trust: int | None = None


class Waits:
    """The waits of one home. A table that was replaced is used from the next reward on."""

    def __init__(self, file: Path | None = None) -> None:
        self._file = file
        self._stamp: tuple[int, int, int] | None = None
        self._fitted: _Fitted | None = None

    def of(self, connection: Connection, event: Event, policy: Policy, now: int) -> Wait:
        """The wait of a reward for `event` that is credited at `now`."""
        self._refresh()
        if self._stamp is None:
            return _by_policy(connection, event, policy, now)
        if self._fitted is None:
            return _by_policy(connection, event, policy, now, "table unreadable")
        if now >= self._fitted.stale_at:
            return _by_policy(connection, event, policy, now, f"{self._fitted.version} is stale")
        tier = _tier(connection, event, self._fitted.trust, now)
        hours = self._fitted.found(event, tier)
        if hours is None:
            return _by_policy(connection, event, policy, now, f"no {event.kind} in {self._fitted.version}")
        return Wait(int(hours * HOUR), self._fitted.version, tier)

    def _refresh(self) -> None:
        if self._file is None:
            return
        try:
            there = self._file.stat()
        except OSError:
            self._stamp, self._fitted = None, None
            return
        stamp = (there.st_ino, there.st_mtime_ns, there.st_size)
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._fitted = _Fitted.read(self._file)
            except (OSError, ValueError, ValidationError):
                self._fitted = None


def _by_policy(connection: Connection, event: Event, policy: Policy, now: int, why: str | None = None) -> Wait:
    """The rule that names most, or else what the policy says of the kind. `why` the home's table was not used."""
    fitting = [rule for rule in policy.waiting.rules if _fits(rule, event)]
    # Only a rule that asks for it makes the person's past be read.
    tier = (
        _tier(connection, event, policy.waiting.trust, now) if any(rule.trust is not None for rule in fitting) else None
    )
    fitting = [rule for rule in fitting if rule.trust in (None, tier)]
    version = "policy rule" if fitting else "policy"
    version = version if why is None else f"{version}: {why}"[:64]
    if not fitting:
        return Wait(policy.maturity(event.kind), version)
    return Wait(int(max(fitting, key=lambda rule: rule.named).hours * HOUR), version, tier)


def _fits(rule: WaitingRule, event: Event) -> bool:
    said = (rule.partner, event.partner_id), (rule.kind, event.kind), (rule.goal, event.goal_id)
    return all(wanted is None or wanted == found for wanted, found in said)


def _tier(connection: Connection, event: Event, trust: TrustPolicy, now: int) -> int:
    asked = {
        "user": event.user_id,
        "aged": now - trust.aged_days * _DAY,
        "since": now - trust.window_days * _DAY,
    }
    of_late = connection.execute(_OF_LATE, asked).one()
    return trust.tier(of_late.aged, of_late.reversed)


def record_wait(connection: Connection, event_id: str, wait: Wait, now: int) -> None:
    """Keep what a reward's wait was decided by; a reward that is decided anew has its newest."""
    values = {"version": wait.version, "trust": wait.trust, "wait_micros": wait.micros, "decided_at": now}
    renewed = {f"new_{name}": value for name, value in values.items()}
    if not connection.execute(_RENEW, {"event": event_id} | renewed).rowcount:
        connection.execute(_RECORD, {"event_id": event_id} | values)


def find_wait(connection: Connection, event_id: str) -> Row[tuple[object, ...]] | None:
    """The row of the table `reward_wait`."""
    return connection.execute(select(REWARD_WAIT).where(REWARD_WAIT.c.event_id == event_id)).one_or_none()
