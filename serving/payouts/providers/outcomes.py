"""What an answer's status alone says of a payment, the same for every provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from serving.payouts.provider import Unknown
from serving.payouts.providers.limits import NotDone, NotSent, NotTaken
from serving.payouts.providers.transport import NoAnswer, Reply

_NOT_TAKEN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


def untaken(reply: Reply) -> Unknown | None:
    """None when the body must be read. A 5xx may have been carried out.

    Raises `NotTaken` for too many requests or a bad credential: nothing was created, and it is not the person's fault,
    so the same key may be sent again and the money stays held.
    """
    assert_taken(reply)
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in {408, 409, 425}:
        return Unknown(f"status {reply.status}")
    return None


def unsaid(reply: Reply) -> Unknown:
    """What was learned of a payment by a question whose answer is none. Raises `NotTaken`, where it was nothing."""
    assert_taken(reply)
    return Unknown(f"status {reply.status}")


def assert_taken(reply: Reply) -> None:
    """Raises `NotTaken`."""
    if reply.status in _NOT_TAKEN:
        raise NotTaken(f"status {reply.status}")


@contextmanager
def unsent() -> Iterator[None]:
    """Around what must be known before a payment is sent: whatever becomes of the question, nothing was."""
    try:
        yield
    except NotDone:
        raise
    except OSError as lost:
        raise NotSent(str(lost)) from None


@contextmanager
def sent() -> Iterator[None]:
    """Around what is asked once a payment may have been sent: that it cannot be asked does not prove that none was."""
    try:
        yield
    except NotDone as why:
        raise NoAnswer(str(why)) from None


@contextmanager
def understood() -> Iterator[None]:
    """What is written in another shape than the provider documents is no answer: raises `NoAnswer`."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as strange:
        raise NoAnswer(f"the answer has an unknown shape: {type(strange).__name__}") from None
