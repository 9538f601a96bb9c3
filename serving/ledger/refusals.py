"""What the book refuses: each refusal is named, carries its facts, and says which HTTP status fits it."""

from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818  (a refusal by a rule is an answer, not a defect)
    """A rule said no. Nothing was written; `facts` can be shown to the caller."""

    status: ClassVar[int] = 409

    def __init__(self, message: str, **facts: Any) -> None:
        super().__init__(message)
        self.facts = facts


class Conflicting(Refusal):
    """The id was used before, with another body. The first body stands."""


class ConflictingTransfer(Conflicting):
    pass


class InsufficientFunds(Refusal):
    """The account would fall below what it must keep; `facts` name account, available and needed micros."""

    status: ClassVar[int] = 402


class BeyondTheBook(Refusal):
    """An account would hold more than can be counted exactly."""

    status: ClassVar[int] = 422


class AlreadyResolved(Refusal):
    """A hold was captured or released before, and resolves only once."""


class HoldExpired(AlreadyResolved):
    """A hold's time ran out before it was captured: its money is free, or will be at the next sweep."""


class Missing(Refusal):
    """No transfer, hold, reward or payout has this id."""

    status: ClassVar[int] = 404


def conflicting(what: str, id_: str) -> Conflicting:
    return Conflicting(f"{what} {id_!r} exists with another body: a new effect needs a new id", what=what, id=id_)


def missing(what: str, id_: str) -> Missing:
    return Missing(f"there is no {what} {id_!r}", what=what, id=id_)
