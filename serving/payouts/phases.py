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
from serving.payouts.claims import PATIENCE_MICROS, UNFINISHED
from serving.payouts.effects import Due, apply_each, effect_of, hearing
from serving.payouts.moves import IllegalMove
from serving.payouts.provider import (
    Absent,
    Accepted,
    Answer,
    BatchProvider,
    PaymentOrder,
    Provider,
    Refused,
    Settled,
    Undone,
    Unknown,
    Unsent,
)
from serving.payouts.providers.limits import NotDone
from serving.payouts.saga import Payout, State, get_each, swap_each

Heard = Answer | Undone
Said = tuple[Row[Any], Heard]
"""An attempt, and what was answered to it."""
MaySend = Callable[[Attempt], bool]
"""Asked before each sending: whether the claim still is the newest, see `reopen` and `runner.Leave`."""

log = structlog.get_logger()


def ask(provider: Provider, attempt: Attempt, now: int, may_send: MaySend) -> Heard:
    """Phase 2, outside any transaction: send once, afterwards look up; send again only under the same living key.
    Nothing is sent but what `may_send` has found open still.
    """
    if attempt.is_first:
        return _send(provider, attempt) if may_send(attempt) else Absent()
    answer = _look_up(provider, attempt)
    if not isinstance(answer, Absent) or attempt.outcome == "accepted":
        return answer
    if now - attempt.created_at >= provider.key_lifetime_micros or not attempt.destination:
        return Unknown("the provider may have forgotten the key: it is never sent again")
    return _send(provider, attempt) if may_send(attempt) else answer


def ask_each(provider: Provider, asked: Sequence[Attempt], now: int, may_send: MaySend) -> dict[str, Heard]:
    """The same for a group, by provider key: in one call what is new, where the provider takes many in one call.

    A defect in one answer is logged and is no answer; it costs the others nothing.
    """
    new = [one for one in asked if one.is_first]
    answers: dict[str, Heard] = {}
    if len(new) > 1 and isinstance(provider, BatchProvider):
        for start in range(0, len(new), provider.batch_max):
            batch = [one for one in new[start : start + provider.batch_max] if may_send(one)]
            answers |= _send_batch(provider, batch) if batch else {}
    for one in asked:
        if one.provider_key not in answers:
            answers[one.provider_key] = _ask_safely(provider, one, now, may_send)
    return answers


def reopen(connection: Connection, provider_key: str, version: int, now: int) -> int | None:
    """Give leave to send under a key: the claim's `version` from then on. None: somebody else has claimed the payment
    since, a person has ruled, or the provider has said more by its own notification.

    The claim is prolonged, and what was unknown is submitted from this commit on until the answer, so that nobody can
    rule upon it while it is being sent.
    """
    rows = attempts.by_key(connection, [provider_key]).get(provider_key, [])
    payouts = get_each(connection, [row.payout_id for row in rows])
    if not payouts:
        return None
    first = payouts[_first_of(rows, provider_key)]
    is_open = first.version == version and all(one.state in UNFINISHED for one in payouts.values())
    # Read after the payouts are locked: who writes either has locked them first.
    rows = attempts.by_key(connection, [provider_key])[provider_key]
    if not is_open or any(row.outcome == "accepted" for row in rows):
        return None
    due_at = {first.id: max(first.due_at or 0, now + PATIENCE_MICROS)}
    changes = [(one, {"state": State.SUBMITTED, "due_at": due_at.get(one.id)}) for one in payouts.values()]
    attempts.permit(connection, rows, now)
    return swap_each(connection, changes, now)[first.id].version


def learn(connection: Connection, provider_key: str, answer: Answer, now: int) -> Payout:
    """Phase 3, and the door for a provider's own notifications: apply the answer, whatever arrived before it.

    Of several payouts that are one payment all follow, and the first is returned. Raises `Missing` for an unknown
    key, `IllegalMove` for an answer that contradicts an earlier one (paid, then refused): the book keeps the earlier.
    """
    rows = attempts.by_key(connection, [provider_key]).get(provider_key)
    if rows is None:
        raise missing("payout attempt", provider_key)
    known = get_each(connection, [row.payout_id for row in rows])
    after = _learned(connection, [(row, answer) for row in rows], known, now, is_strict=True)
    return after[_first_of(rows, provider_key)]


def learn_each(
    connection: Connection, answers: Mapping[str, Heard], now: int, versions: Mapping[str, int] | None = None
) -> list[Payout]:
    """Phase 3 of a group: the payouts as they now are. What is contradicted stays as it is, and the others go on.

    `versions`: those of the claims under which was asked, by key. Who asked too long, and was overtaken, still tells
    what was paid; that nothing was, or that nobody knows, is for whoever may be sending now to say.
    """
    found = attempts.by_key(connection, answers)
    known = get_each(connection, [row.payout_id for rows in found.values() for row in rows])
    heard = {
        key: rows
        for key, rows in found.items()
        if versions is None
        or not isinstance(answers[key], Absent | Refused | Undone | Unknown)
        or known[_first_of(rows, key)].version == versions[key]
    }
    if len(heard) < len(found):
        log.warning("payout_answers_overtaken", count=len(found) - len(heard))
    said = [(row, answers[key]) for key, rows in heard.items() for row in rows]
    return list(_learned(connection, said, known, now, is_strict=False).values())


def _first_of(rows: Sequence[Row[Any]], provider_key: str) -> str:
    """Of the payouts that are one payment, the one whose own key it went out under."""
    return next(str(row.payout_id) for row in rows if row.provider_key == provider_key)


def _learned(
    connection: Connection, said: Sequence[Said], known: dict[str, Payout], now: int, *, is_strict: bool
) -> dict[str, Payout]:
    # To be paid captures the hold, again without effect: only what may give money back must know what became of it.
    asked = [known[row.payout_id].hold_id for row, answer in said if not isinstance(answer, Accepted | Settled)]
    held = holds.find_each(connection, asked)
    due, answered, unsent = [], [], []
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
        if effect is not None and not isinstance(answer, Undone):
            answered.append(_answered(row, answer, now))
        if effect is not None and effect.unbegins:
            unsent.append(str(row.id))
        effect = effect or hearing(payout)
        if effect is not None:
            due.append(Due(payout, row.provider, effect))
    moved = apply_each(connection, due, now)
    attempts.answer(connection, answered)
    attempts.forget(connection, unsent)
    return known | moved


def _answered(row: Row[Any], answer: Heard, now: int) -> tuple[str, int, str | None, str]:
    return type(answer).__name__.lower(), now, getattr(answer, "reference", row.provider_reference), row.id


def _look_up(provider: Provider, attempt: Attempt) -> Heard:
    """What could not be asked teaches nothing."""
    try:
        return provider.lookup(attempt.provider_key)
    except NotDone as why:
        return Undone(str(why))
    except OSError as lost:
        return Unknown(str(lost))


def _send(provider: Provider, attempt: Attempt) -> Heard:
    """What never left this machine, or was not taken, leaves all as it was. Of a batch it is not known that a key was
    never sent: it goes out with any other of it.
    """
    try:
        return provider.send(attempt.provider_key, attempt.destination, attempt.amount_micros, attempt.currency)
    except NotDone as why:
        is_unsent = attempt.is_first and not isinstance(provider, BatchProvider)
        return Unsent(str(why)) if is_unsent else Undone(str(why))
    except OSError as lost:
        return Unknown(str(lost))


def _send_batch(provider: BatchProvider, new: Sequence[Attempt]) -> Mapping[str, Heard]:
    """One answer for every key, whatever came back."""
    orders = [PaymentOrder(one.provider_key, one.destination, one.amount_micros, one.currency) for one in new]
    lost: Answer = Unknown("the batch had no answer for it")
    try:
        answers = provider.send_batch(orders)
    except NotDone as why:
        return dict.fromkeys([one.key for one in orders], Undone(str(why)))
    except OSError as silent:
        return dict.fromkeys([one.key for one in orders], Unknown(str(silent)))
    except Exception as defect:  # noqa: BLE001  # whatever broke, some may have been sent: all are looked up
        log.warning("payout_batch_failed", provider=provider.name, kind=type(defect).__name__, count=len(orders))
        return dict.fromkeys([one.key for one in orders], lost)
    return {one.key: answers.get(one.key, lost) for one in orders}


def _ask_safely(provider: Provider, attempt: Attempt, now: int, may_send: MaySend) -> Heard:
    try:
        return ask(provider, attempt, now, may_send)
    except Exception as defect:  # noqa: BLE001  # one that breaks must not keep the others from being learned of
        log.warning("payout_question_failed", provider=provider.name, kind=type(defect).__name__)
        return Unknown("a defect of ours")
