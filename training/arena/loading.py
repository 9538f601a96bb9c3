"""Families of attackers by name, and from a file of somebody's own."""

from collections.abc import Callable
from typing import Final

from training.arena.families.cherry_picker import CherryPicker
from training.arena.families.click_flooder import ClickFlooder
from training.arena.families.forger import Forger
from training.arena.families.mule_ring import MuleRing
from training.arena.families.patient_farm import PatientFarm
from training.arena.families.replayer import Replayer
from training.arena.families.sleeper import Sleeper
from training.arena.families.takeover import Takeover
from training.arena.protocol import METHODS, Attackers
from training.plugged import maker

SHIPPED: Final[tuple[Callable[[], Attackers], ...]] = (
    Forger,
    CherryPicker,
    Takeover,
    Replayer,
    ClickFlooder,
    PatientFarm,
    MuleRing,
    Sleeper,
)


def load_family(place: str) -> Callable[[], Attackers]:
    """The family that `FILE.py:NAME` names: a class, or a function without arguments that answers a new object.

    The file is run as Python, with the rights of whoever runs the command. Raises FileNotFoundError without such a
    file, LookupError without such a name in it, and ValueError where the object is no family or the file's code fails.
    """
    make = maker(place, "name a family as FILE.py:NAME, for example mine.py:NightShift")
    check(make(), place)
    return make


def check(family: object, place: str) -> None:
    """Raises ValueError naming what a family lacks."""
    missing = [name for name in METHODS if not callable(getattr(family, name, None))]
    if missing:
        raise ValueError(f"{place} lacks the method {', '.join(missing)}: a family has {', '.join(METHODS)}")
    name = getattr(family, "name", None)
    if not isinstance(name, str) or not name or ":" in name:
        raise ValueError(f"{place}: give the family a name, a word without a colon, as it shall be reported")
