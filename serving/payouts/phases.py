"""The second and the third phase of paying: ask the provider, and apply what it answered; each is safe to repeat.

The first phase (see claims) has committed a provider's key before the call, so that after a crash at any point the same
payment is looked up, and never sent under a second key. Each phase does a group as it does one, in one commit.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import structlog
from sqlalchemy import Connection, Row

from serving.ledger import holds
from serving.ledger.holds import HoldState
from serving.ledger.refusals import missing
from serving.payouts import attempts
from serving.payouts.attempts import Attempt
from serving.payouts.claims import UNFINISHED
from serving.payouts.effects import Due, apply_each, effect_of
from serving.payouts.moves import IllegalMove, Overtaken
from serving.payouts.provider import Absent, Accepted, Answer, BatchProvider, PaymentOrder, Provider, Settled, Unknown
from serving.payouts.providers.limits import NotSent
from serving.payouts.saga import Payout, State, get_each, move_each

Said = tuple[Row[Any], Answer]
"""An attempt, and what was answered to it."""
MaySend = Callable[[Attempt], bool]
"""Asked, and committed, before a key is sent again: see `reopen`."""

log = structlog.get_logger()


def ask(provider: Provider, attempt: Attempt, now: int, may_send: MaySend) -> Answer:
    """Phase 2, outside any transaction: send once, afterwards look up; send again only under the same living key, and
    only what `may_send` has found open still.
    """
    try:
        if attempt.is_first:
            return _send(provider, attempt)
        answer = provider.lookup(attempt.provider_key)
        if not isinstance(answer, Absent) or attempt.outcome == "accepted":
            return answer
        if now - attempt.created_at >= provider.key_lifetime_micros or not attempt.destination:
            return Unknown("the provider may have forgotten the key: it is never sent again")
        return _send(provider, attempt) if may_send(attempt) else answer
    except OSError as lost:
        return Unknown(str(lost))


def ask_each(provider: Provider, asked: Sequence[Attempt], now: int, may_send: MaySend) -> dict[str, Answer]:
    """The same for a group, by provider key: in one call what is new, where the provider takes many in one call.

    A defect in one answer is logged and is no answer; it costs the others nothing.
    """
    new = [one for one in asked if one.is_first]
    answers: dict[str, Answer] = {}
    if len(new) > 1 and isinstance(provider, BatchProvider):
        for start in range(0, len(new), provider.batch_max):
            answers |= _send_batch(provider, new[start : start + provider.batch_max])
    for one in asked:
        if one.provider_key not in answers:
            answers[one.provider_key] = _ask_safely(provider, one, now, may_send)
    return answers


def reopen(connection: Connection, provider_key: str, now: int) -> bool:
    """Before a key is sent again: whether its payment is open still, all of it. What was unknown is submitted from
    this commit on until the answer, so that nobody can rule upon it while it is being sent.

    While a lookup hung, a person may have ruled, or the provider may have said more by its own notification.
    """
    rows = attempts.by_key(connection, [provider_key])[provider_key]
    payouts = get_each(connection, [row.payout_id for row in rows]).values()
    is_open = all(one.state in UNFINISHED for one in payouts)
    # Read after the payouts are locked: who writes either has locked them first.
    rows = attempts.by_key(connection, [provider_key])[provider_key]
    if not is_open or any(row.outcome == "accepted" for row in rows):
        return False
    try:
        move_each(connection, [one for one in payouts if one.state is State.UNKNOWN], State.SUBMITTED, now)
    except Overtaken:
        return False
    return True


def learn(connection: Connection, provider_key: str, answer: Answer, now: int) -> Payout:
    """Phase 3, and the door for a provider's own notifications: apply the answer, whatever arrived before it.

    Of several payouts that are one payment all follow, and the first is returned. Raises `Missing` for an unknown
    key, `IllegalMove` for an answer that contradicts an earlier one (paid, then refused): the book keeps the earlier.
    """
    rows = attempts.by_key(connection, [provider_key]).get(provider_key)
    if rows is None:
        raise missing("payout attempt", provider_key)
    after = _learned(connection, [(row, answer) for row in rows], now, is_strict=True)
    return after[next(row.payout_id for row in rows if row.provider_key == provider_key)]


def learn_each(connection: Connection, answers: Mapping[str, Answer], now: int) -> list[Payout]:
    """Phase 3 of a group: the payouts as they now are. What is contradicted stays as it is, and the others go on."""
    found = attempts.by_key(connection, answers)
    said = [(row, answers[key]) for key, rows in found.items() for row in rows]
    return list(_learned(connection, said, now, is_strict=False).values())


def _learned(connection: Connection, said: Sequence[Said], now: int, *, is_strict: bool) -> dict[str, Payout]:
    known = get_each(connection, [row.payout_id for row, _ in said])
    # To be paid captures the hold, again without effect: only what may give money back must know what became of it.
    asked = [known[row.payout_id].hold_id for row, answer in said if not isinstance(answer, Accepted | Settled)]
    held = holds.find_each(connection, asked)
    due, answered = [], []
    for row, answer in said:
        payout = known[row.payout_id]
        is_captured = payout.hold_id in held and held[payout.hold_id].state is HoldState.CAPTURED
        try:
            effect = effect_of(payout, row.provider, is_captured, answer)
        except IllegalMove:
            if is_strict:
                raise
            log.warning("payout_contradicted", provider=row.provider, payout_id=payout.id, said=type(answer).__name__)
            continue
        if effect is not None:
            due.append(Due(payout, row.provider, effect))
            answered.append(_answered(row, answer, now))
    moved = apply_each(connection, due, now)
    attempts.answer(connection, answered)
    return known | moved


def _answered(row: Row[Any], answer: Answer, now: int) -> tuple[str, int, str | None, str]:
    reference = getattr(answer, "reference", row.provider_reference)
    return type(answer).__name__.lower(), now, reference, row.id


def _send(provider: Provider, attempt: Attempt) -> Answer:
    """What never left this machine created nothing."""
    try:
        return provider.send(attempt.provider_key, attempt.destination, attempt.amount_micros, attempt.currency)
    except NotSent:
        return Absent()


def _send_batch(provider: BatchProvider, new: Sequence[Attempt]) -> Mapping[str, Answer]:
    """One answer for every key, whatever came back."""
    orders = [PaymentOrder(one.provider_key, one.destination, one.amount_micros, one.currency) for one in new]
    lost: Answer = Unknown("the batch had no answer for it")
    try:
        answers = provider.send_batch(orders)
    except NotSent:
        return dict.fromkeys([one.key for one in orders], Absent())
    except OSError as silent:
        return dict.fromkeys([one.key for one in orders], Unknown(str(silent)))
    except Exception as defect:  # noqa: BLE001  # whatever broke, some may have been sent: all are looked up
        log.warning("payout_batch_failed", provider=provider.name, kind=type(defect).__name__, count=len(orders))
        return dict.fromkeys([one.key for one in orders], lost)
    return {one.key: answers.get(one.key, lost) for one in orders}


def _ask_safely(provider: Provider, attempt: Attempt, now: int, may_send: MaySend) -> Answer:
    try:
        return ask(provider, attempt, now, may_send)
    except Exception as defect:  # noqa: BLE001  # one that breaks must not keep the others from being learned of
        log.warning("payout_question_failed", provider=provider.name, kind=type(defect).__name__)
        return Unknown("a defect of ours")
