"""What each answer of a provider does to a payout and its money: decided purely, carried out for many at once.

Money is given back only on a definite refusal or return; unknown never compensates.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Connection

from serving.ledger import book, holds
from serving.ledger.transfer import PLATFORM, Account, AccountKind, Transfer, TransferKind
from serving.payouts.moves import IllegalMove, assert_legal
from serving.payouts.provider import (
    IRREVOCABLE,
    PROVIDER_UNREACHABLE,
    Absent,
    Accepted,
    Answer,
    Refused,
    Returned,
    Settled,
    Undone,
    Unknown,
    Unsent,
)
from serving.payouts.saga import MOVES, Payout, State, swap_each

AGAIN_MICROS: Final = 60 * 1_000_000
"""When a payout is tried again that could not be asked about."""


@dataclass(frozen=True, slots=True)
class Effect:
    """Where the payout goes, and what its money does: leave the wallet, reach the person, be let go, come back.

    `is_asked`: the provider has answered, whatever it said; what waited for that waits no more. `unbegins`: nobody was
    sent anything, so whatever stops a payout that nobody has begun may stop this one.
    """

    target: State
    is_asked: bool = True
    unbegins: bool = False
    captures: bool = False
    settles: bool = False
    releases: bool = False
    reverses: bool = False


@dataclass(frozen=True, slots=True)
class Due:
    """A payout, the provider that has it, and what is to be done."""

    payout: Payout
    provider: str
    effect: Effect


def effect_of(payout: Payout, provider: str, is_captured: bool, answer: Answer | Undone) -> Effect | None:
    """None: old news, or no news. `is_captured` matters only where money may come back.

    Raises `IllegalMove` for an answer that contradicts an earlier one (paid, then refused): the book keeps the earlier.
    """
    if payout.state in _NOTHING_NEW[type(answer)]:
        return None
    effect = _EFFECTS[type(answer)](payout, is_captured)
    if effect is None:
        return None
    if effect.target is State.RETURNED and provider in IRREVOCABLE:
        raise IllegalMove(f"payout {payout.id!r} cannot come back from {provider}", payout_id=payout.id)
    if effect.target is not payout.state:
        assert_legal(MOVES, payout.state, effect.target, f"payout {payout.id!r}", payout_id=payout.id)
    return effect


def apply_each(connection: Connection, due: Sequence[Due], now: int) -> dict[str, Payout]:
    """Move the payouts and their money, all or none; by id, those that moved. Raises `Overtaken`."""
    unbegun = [one.payout for one in due if one.effect.unbegins]
    changes = [(one.payout, _columns(one, now)) for one in due if not one.effect.unbegins]
    moving = [(one, columns) for one, columns in changes if columns != _columns_of(one)]
    moved = swap_each(connection, moving, now)
    moved |= swap_each(connection, [(one, _UNBEGUN | {"due_at": now + AGAIN_MICROS}) for one in unbegun], now)
    captured = [one for one in due if one.effect.captures]
    settled = {one.payout.hold_id: settlement(one.payout, one.provider, now) for one in due if one.effect.settles}
    credits_ = {one.payout.hold_id: _clearing(one.payout, one.provider) for one in captured}
    holds.capture_each(connection, credits_, now, settled)
    holds.release_each(connection, [one.payout.hold_id for one in due if one.effect.releases], now)
    for one in due:
        if one.effect.reverses:
            _reverse(connection, one.payout, now)
    return moved


def settlement(payout: Payout, provider: str, now: int) -> list[Transfer]:
    """What arrives leaves clearing for the provider's cash. The fee stands in the provider's fees account, whoever
    bears it, until the provider's own statement takes it; the tax, in the account of its country.
    """
    clearing = _clearing(payout, provider)
    cash = _account(AccountKind.PROVIDER_CASH, provider, payout.currency)
    paid = _transfer(payout, _settled(payout), clearing, cash, payout.arriving_micros, TransferKind.SETTLEMENT, now)
    settled = [paid]
    if payout.fee_micros:
        bearer = clearing if payout.taken_micros else _account(AccountKind.REWARD_EXPENSE, PLATFORM, payout.currency)
        fees = _account(AccountKind.FEES, provider, payout.currency)
        settled.append(_transfer(payout, _fee(payout), bearer, fees, payout.fee_micros, TransferKind.FEE, now))
    if payout.tax_micros:
        kept = _account(AccountKind.TAX_WITHHELD, payout.tax_country or "", payout.currency)
        settled.append(_transfer(payout, _tax(payout), clearing, kept, payout.tax_micros, TransferKind.TAX, now))
    return settled


def _accept(_: Payout, __: bool) -> Effect:
    return _ACCEPTED


def _settle(_: Payout, __: bool) -> Effect:
    return _SETTLED


def _refuse(payout: Payout, is_captured: bool) -> Effect:
    """Refused after it was accepted is a return: the money had left the wallet."""
    if is_captured and payout.state is State.SUBMITTED:
        return _return(payout, is_captured)
    return Effect(State.REFUSED, releases=True)


def _return(_: Payout, is_captured: bool) -> Effect:
    return Effect(State.RETURNED, releases=not is_captured, reverses=is_captured)


def _miss(_: Payout, __: bool) -> None:
    """Nothing was created under the key, so nothing is unknown: the same key is sent again while it lives."""


def _wonder(payout: Payout, is_captured: bool) -> Effect | None:
    """What was accepted stays accepted when a later question gets no answer."""
    return None if is_captured or payout.state is not State.SUBMITTED else Effect(State.UNKNOWN)


def _wait(payout: Payout, _: bool) -> Effect:
    """Nothing is known that was not known before."""
    return Effect(payout.state, is_asked=False)


def _unbegin(payout: Payout, _: bool) -> Effect:
    return Effect(payout.state, is_asked=False, unbegins=True)


def hearing(payout: Payout) -> Effect | None:
    """What an answer without news does: it was given."""
    is_waiting = payout.state not in OVER and payout.waits_for == PROVIDER_UNREACHABLE
    return Effect(payout.state) if is_waiting else None


_ACCEPTED: Final = Effect(State.SUBMITTED, captures=True)
_SETTLED: Final = Effect(State.SETTLED, captures=True, settles=True)
_EFFECTS: Final[Mapping[type, Callable[[Payout, bool], Effect | None]]] = {
    Accepted: _accept,
    Settled: _settle,
    Refused: _refuse,
    Returned: _return,
    Absent: _miss,
    Unknown: _wonder,
    Undone: _wait,
    Unsent: _unbegin,
}
OVER: Final = frozenset({State.SETTLED, State.RETURNED, State.REFUSED})
_NOTHING_NEW: Final[Mapping[type, frozenset[State]]] = {
    # Answers arrive late, twice and out of order: in these states they are old news.
    Accepted: frozenset({State.SETTLED, State.RETURNED}),
    Settled: frozenset({State.SETTLED, State.RETURNED}),
    Refused: frozenset({State.REFUSED, State.RETURNED}),
    Returned: frozenset({State.REFUSED, State.RETURNED}),
    Absent: OVER,
    Unknown: OVER,
    Undone: OVER,
    Unsent: OVER,
}
_UNBEGUN: Final[dict[str, Any]] = {
    "attempt_count": 0,
    "waits_for": PROVIDER_UNREACHABLE,
    "tax_micros": None,
    "tax_country": None,
    "tax_year": None,
}


def _columns(one: Due, now: int) -> dict[str, Any]:
    target, due_at, waits_for = one.effect.target, one.payout.due_at, one.payout.waits_for
    if target in OVER:
        return {"state": target, "due_at": None, "waits_for": None}
    if not one.effect.is_asked:
        again = due_at and now + AGAIN_MICROS  # of a bundle only the first is asked about, and the others follow it
        return {"state": target, "due_at": again, "waits_for": PROVIDER_UNREACHABLE}
    return {"state": target, "due_at": due_at, "waits_for": None if waits_for == PROVIDER_UNREACHABLE else waits_for}


def _columns_of(payout: Payout) -> dict[str, Any]:
    return {"state": payout.state, "due_at": payout.due_at, "waits_for": payout.waits_for}


def _reverse(connection: Connection, payout: Payout, now: int) -> None:
    """The person has the whole amount back: a payment that did not arrive costs the person nothing."""
    if payout.state is State.SETTLED:
        if payout.fee_micros:
            book.reverse(connection, _fee(payout), payout.id, now)
        if payout.tax_micros:
            book.reverse(connection, _tax(payout), payout.id, now)
        book.reverse(connection, _settled(payout), payout.id, now)
    book.reverse(connection, holds.capture_id(payout.hold_id), payout.id, now)


def _transfer(
    payout: Payout, id_: str, debit: Account, credit: Account, micros: int, kind: TransferKind, now: int
) -> Transfer:
    return Transfer(
        id=id_, debit=debit, credit=credit, amount_micros=micros, kind=kind, cause_id=payout.id, effective_at=now
    )


def _clearing(payout: Payout, provider: str) -> Account:
    return _account(AccountKind.CLEARING, provider, payout.currency)


@lru_cache(maxsize=256)
def _account(kind: AccountKind, owner: str, asset: str) -> Account:
    """Of a provider or the platform: a few, named in every payout."""
    return Account(kind, owner, asset)


def _settled(payout: Payout) -> str:
    return f"{payout.id}/settled"


def _fee(payout: Payout) -> str:
    return f"{payout.id}/fee"


def _tax(payout: Payout) -> str:
    return f"{payout.id}/tax"
