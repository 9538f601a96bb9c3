"""What an answer's status alone says of a payment, the same for every provider."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from typing import Final

from serving.payouts.provider import Absent, Answer, Unknown
from serving.payouts.providers.transport import NoAnswer, Reply

_NOT_TAKEN: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.TOO_MANY_REQUESTS})


def untaken(reply: Reply) -> Answer | None:
    """None when the body must be read. Too many requests or a bad credential: nothing was created, and it is not the
    person's fault, so the same key may be sent again and the money stays held. A 5xx may have been carried out.
    """
    if reply.status in _NOT_TAKEN:
        return Absent()
    if reply.status >= HTTPStatus.INTERNAL_SERVER_ERROR or reply.status in {408, 409, 425}:
        return Unknown(f"status {reply.status}")
    return None


@contextmanager
def understood() -> Iterator[None]:
    """What is written in another shape than the provider documents is no answer: raises `NoAnswer`."""
    try:
        yield
    except (KeyError, IndexError, TypeError, AttributeError, ValueError) as strange:
        raise NoAnswer(f"the answer has an unknown shape: {type(strange).__name__}") from None
