"""Families of responses by name, and from a file of somebody's own."""

from collections.abc import Callable
from typing import Any, Final

from training.market.families import Fatigue, LogitJump, Probit, TargetEarners
from training.market.protocol import METHODS, STATES_MAX, Family
from training.plugged import maker, telling

SHIPPED: Final[dict[str, Callable[[], Family]]] = {one.name: one for one in (LogitJump, Probit, TargetEarners, Fatigue)}


def load_family(place: str) -> Callable[[], Family]:
    """A shipped family by its name, or the one that `FILE.py:NAME` names: a class, or a function without arguments.

    The file is run as Python, with the rights of whoever runs the command. Raises FileNotFoundError without such a
    file, LookupError without such a name, and ValueError where the object is no family, or the file's code fails: then,
    too, when a method of the family is called later.
    """
    if place in SHIPPED:
        return SHIPPED[place]
    make = maker(place, f"name one of {', '.join(SHIPPED)}, or FILE.py:NAME, for example mine.py:Moody")

    def made() -> Family:
        return _Told(make(), place)

    check(made(), place)
    return made


def check(family: object, place: str) -> None:
    """Raises ValueError naming what a family lacks."""
    missing = [name for name in METHODS if not callable(getattr(family, name, None))]
    if missing:
        raise ValueError(f"{place} lacks the method {', '.join(missing)}: a family has {', '.join(METHODS)}")
    name, states = getattr(family, "name", None), getattr(family, "states", None)
    if not isinstance(name, str) or not name:
        raise ValueError(f"{place}: give the family a name, as it shall be reported")
    if not isinstance(states, int) or not 1 <= states <= STATES_MAX:
        raise ValueError(f"{place}: states is a whole number from 1 to {STATES_MAX}; 1 is people without a memory")


class _Told:
    """A family of somebody's own: where its methods fail, their place is told, for the fault is not the market's."""

    def __init__(self, family: object, place: str) -> None:
        self._family, self._place = family, place

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._family, name)
        return telling(found, f"{self._place}: {name}") if name in METHODS and callable(found) else found
