"""A person's statement over a period: what was promised, what came of it and why, what was paid, and what an hour paid.

Read from the book and the records beside it, as it was recorded; hours are given by the caller, for offers are no
business of the book. Screened out of a task is time spent, and counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, func, select

from features.windows import HOUR
from serving.ledger import wallets
from serving.ledger.accounts import TRANSFER
from serving.ledger.history import history
from serving.ledger.holds import capture_id
from serving.ledger.orders import is_own_capture
from serving.ledger.recovered import WITHDRAWAL
from serving.ledger.reversals import REVERSAL
from serving.ledger.rewards import KEPT, REWARD, RewardState
from serving.ledger.transfer import Account, AccountKind, TransferKind

MINUTE: Final = 60 * 1_000_000
LINES_MAX: Final = 10_000
"""Lines of one payslip; a longer period is asked for in parts."""


@dataclass(frozen=True, slots=True)
class Work:
    """Time from the start of an offer to its end: completed, or screened out."""

    event_id: str
    started_at: int
    ended_at: int


@dataclass(frozen=True, slots=True)
class Line:
    """`amount_micros` is positive in the person's favour. `matures_at`: until when a promise waits; None: no more."""

    at: int
    what: str
    amount_micros: int
    reason: str
    cause_id: str
    matures_at: int | None = None


@dataclass(frozen=True, slots=True)
class Payslip:
    """In micros, all zero or more. `since` <= at < `until`, by when it was recorded.

    Promised: rewards credited. Reversed: taken from the person. Spared: taken back by advertisers and borne by the
    reserve. Paid: what reached the person, after `fee_micros`, which the person bore, and `tax_micros`. Pending, frozen
    (of what is pending, or set aside), withdrawable and owed are as of now. `hourly_micros`: what is left of what the
    timed work was promised, an hour; None: less than a minute of time is known. Two tasks at once take the time of one.
    """

    user_id: str
    currency: str
    since: int
    until: int
    promised_micros: int
    reversed_micros: int
    refunded_micros: int
    spared_micros: int
    debt_collected_micros: int
    paid_micros: int
    fee_micros: int
    tax_micros: int
    adjusted_micros: int
    pending_micros: int
    frozen_micros: int
    withdrawable_micros: int
    owed_micros: int
    worked_micros: int
    hourly_micros: int | None
    lines: tuple[Line, ...]


_CREDITED: Final = (
    select(REWARD)
    .where(
        REWARD.c.user_id == bindparam("user"),
        REWARD.c.currency == bindparam("asset"),
        REWARD.c.recorded_at >= bindparam("since"),
        REWARD.c.recorded_at < bindparam("until"),
    )
    .order_by(REWARD.c.recorded_at, REWARD.c.event_id)
    .limit(LINES_MAX)
)
_TAKEN: Final = (
    select(REVERSAL)
    .join_from(REVERSAL, REWARD, REVERSAL.c.event_id == REWARD.c.event_id)
    .where(
        REWARD.c.user_id == bindparam("user"),
        REWARD.c.currency == bindparam("asset"),
        REVERSAL.c.recorded_at >= bindparam("since"),
        REVERSAL.c.recorded_at < bindparam("until"),
    )
    .order_by(REVERSAL.c.recorded_at, REVERSAL.c.outcome_id)
    .limit(LINES_MAX)
)
_HISTORY: Final = history()
_MOVED: Final = (
    select(_HISTORY)
    .where(_HISTORY.c.recorded_at >= bindparam("since"), _HISTORY.c.recorded_at < bindparam("until"))
    .order_by(_HISTORY.c.sequence)
    .limit(LINES_MAX)
)
_OUT: Final = select(WITHDRAWAL.c.id, WITHDRAWAL.c.hold_id).where(
    WITHDRAWAL.c.user_id == bindparam("user"), WITHDRAWAL.c.currency == bindparam("asset")
)
_CLEARING: Final = select(TRANSFER.c.credit).where(TRANSFER.c.id.in_(bindparam("captures", expanding=True)))
_BORNE: Final = select(TRANSFER.c.id, TRANSFER.c.amount_micros, TRANSFER.c.recorded_at).where(
    TRANSFER.c.id.in_(bindparam("ids", expanding=True)),
    TRANSFER.c.debit.in_(_CLEARING) | TRANSFER.c.credit.in_(_CLEARING),
    TRANSFER.c.recorded_at >= bindparam("since"),
    TRANSFER.c.recorded_at < bindparam("until"),
)
_LEFT: Final = select(func.coalesce(func.sum(KEPT), 0)).where(
    REWARD.c.event_id.in_(bindparam("events", expanding=True)),
    REWARD.c.user_id == bindparam("user"),
    REWARD.c.currency == bindparam("asset"),
)
_STANDS: Final = {
    RewardState.PENDING: "waits until its time of waiting is over",
    RewardState.ON_HOLD: "waits until somebody has looked at it",
    RewardState.ACCRUED: "joins the wallet when its window ends, or at a withdrawal",
    RewardState.AVAILABLE: "the person's own",
    RewardState.REVERSED: "taken back since",
}
_WAITS: Final = frozenset({RewardState.PENDING, RewardState.ON_HOLD, RewardState.ACCRUED})
_WORDS: Final = {
    TransferKind.CAPTURE: ("paid", "a withdrawal"),
    TransferKind.REVERSAL: ("payment returned", "the payment came back"),
    TransferKind.DEBT_COLLECTED: ("kept for what is owed", "a part of what was earned pays it"),
    TransferKind.RECOVERY: ("kept for what is owed", "for what was taken back earlier"),
    TransferKind.ADJUSTMENT: ("put right by a person", "a correction"),
    TransferKind.BONUS: ("a bonus", "beside what was promised"),
    TransferKind.CONVERSION: ("converted", "points and money exchanged"),
    TransferKind.CLAWBACK: ("settled", "what was taken back is settled"),
}
"""What moves a wallet besides rewards and reversals, which have lines of their own, and why."""
_SPENT: Final = ("spent or put aside", "at the platform")
_PARTS: Final = {
    "fee": (TransferKind.FEE, -1, "of it, the fee", "what sending it cost"),
    "fee/reversed": (TransferKind.FEE, 1, "of what came back, the fee", "the payment came back"),
    "tax": (TransferKind.TAX, -1, "of it, the tax", "withheld for the tax office"),
    "tax/reversed": (TransferKind.TAX, 1, "of what came back, the tax", "the payment came back"),
}
"""Parts of a payment's own line, known once it has settled, by the end of the transfer's id."""


def payslip(
    connection: Connection, user_id: str, currency: str, since: int, until: int, work: Sequence[Work] = ()
) -> Payslip:
    """What the period was to this person. Raises ValueError for a period that ends before it begins."""
    if since > until:
        raise ValueError("until: a period does not end before it begins")
    asked: dict[str, Any] = {"user": user_id, "asset": currency, "since": since, "until": until}
    credited = connection.execute(_CREDITED, asked).all()
    taken = connection.execute(_TAKEN, asked).all()
    moved = _moved(connection, user_id, currency, asked)
    borne = _borne(connection, asked)
    now = wallets.wallet(connection, user_id, currency)
    timed = _covered(work)
    lines = [*map(_promise, credited), *map(_reversal, taken), *moved, *borne]
    return Payslip(
        user_id=user_id,
        currency=currency,
        since=since,
        until=until,
        promised_micros=sum(row.reward_micros for row in credited),
        reversed_micros=sum(map(_from_person, taken)),
        refunded_micros=sum(map(_refunded, taken)),
        spared_micros=sum(row.from_reserve_micros for row in taken),
        debt_collected_micros=-_sum(moved, TransferKind.DEBT_COLLECTED, TransferKind.RECOVERY),
        paid_micros=-_sum(moved, TransferKind.CAPTURE, TransferKind.REVERSAL)
        + _sum(borne, TransferKind.FEE, TransferKind.TAX),
        fee_micros=-_sum(borne, TransferKind.FEE),
        tax_micros=-_sum(borne, TransferKind.TAX),
        adjusted_micros=_sum(moved, TransferKind.ADJUSTMENT, TransferKind.BONUS),
        pending_micros=now.pending_micros + now.accrued_micros,
        frozen_micros=now.frozen_micros,
        withdrawable_micros=now.withdrawable_micros,
        owed_micros=now.owed_micros,
        worked_micros=timed,
        hourly_micros=_left(connection, asked, work) * HOUR // timed if timed >= MINUTE else None,
        lines=tuple(sorted(lines, key=lambda line: (line.at, line.cause_id, line.what))),
    )


def _covered(work: Sequence[Work]) -> int:
    """Microseconds in which at least one of them was under way."""
    covered, until = 0, 0
    for one in sorted(work, key=lambda one: one.started_at):
        covered += max(0, one.ended_at - max(one.started_at, until))
        until = max(until, one.ended_at)
    return covered


def _promise(row: Row[Any]) -> Line:
    state = RewardState(row.state)
    matures_at = row.matures_at if state in _WAITS else None
    return Line(row.recorded_at, "promised", row.reward_micros, _STANDS[state], row.event_id, matures_at)


def _reversal(row: Row[Any]) -> Line:
    said = f"{row.ground or 'chargeback'}: {row.note or row.reason}"
    if _refunded(row):
        return Line(row.recorded_at, "given back", _refunded(row), said, row.event_id)
    if row.from_reserve_micros and not _from_person(row):
        return Line(row.recorded_at, "taken back, borne by the platform", 0, said, row.event_id)
    return Line(row.recorded_at, "taken back", -_from_person(row), said, row.event_id)


def _from_person(row: Row[Any]) -> int:
    parts = "from_pending", "from_available", "from_debt", "recovered_available", "recovered_debt"
    return sum(getattr(row, f"{part}_micros") or 0 for part in parts)


def _refunded(row: Row[Any]) -> int:
    return (row.refunded_wallet_micros or 0) + (row.refunded_debt_micros or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Moved(Line):
    kind: TransferKind


def _moved(connection: Connection, user_id: str, currency: str, asked: dict[str, Any]) -> list[_Moved]:
    """What moved the wallet besides rewards and reversals of them."""
    wallet = Account(AccountKind.WALLET_AVAILABLE, user_id, currency).id
    rows = connection.execute(_MOVED, asked | {"account": wallet, "after": 0}).all()
    ordered = {row.outcome_id for row in connection.execute(_TAKEN, asked)}
    return [
        _moved_by(row, is_credit=row.credit == wallet)
        for row in rows
        if row.kind in _WORDS and row.cause_id not in ordered
    ]


def _moved_by(row: Row[Any], *, is_credit: bool) -> _Moved:
    is_own = is_own_capture(row.id)
    what, why = _SPENT if is_own else _WORDS[row.kind]
    return _Moved(
        at=row.recorded_at,
        what=what,
        amount_micros=row.amount_micros if is_credit else -row.amount_micros,
        reason=why,
        cause_id=row.cause_id,
        kind=TransferKind.ADJUSTMENT if is_own else TransferKind(row.kind),
    )


def _sum(moved: Sequence[_Moved], *kinds: TransferKind) -> int:
    return sum(one.amount_micros for one in moved if one.kind in kinds)


def _borne(connection: Connection, asked: dict[str, Any]) -> list[_Moved]:
    """Fees and tax of payouts that the person bore: what was taken out of what had left the wallet, and came back."""
    out = connection.execute(_OUT, asked).all()
    if not out:
        return []
    known = {f"{row.id}/{part}": (row.id, part) for row in out for part in _PARTS}
    ids = {"ids": list(known), "captures": [capture_id(row.hold_id) for row in out]}
    return [_part(row, *known[row.id]) for row in connection.execute(_BORNE, asked | ids)]


def _part(row: Row[*tuple[Any, ...]], payout_id: str, part: str) -> _Moved:
    kind, sign, what, why = _PARTS[part]
    return _Moved(
        at=row.recorded_at,
        what=what,
        amount_micros=sign * row.amount_micros,
        reason=why,
        cause_id=payout_id,
        kind=kind,
    )


def _left(connection: Connection, asked: dict[str, Any], work: Sequence[Work]) -> int:
    """What is left to the person of what the work was promised."""
    return int(connection.execute(_LEFT, asked | {"events": [one.event_id for one in work]}).scalar_one())
