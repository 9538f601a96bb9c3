"""Families of attackers by name, and from a file of somebody's own."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
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
    file, LookupError without such a name in it, and ValueError where the object is no family.
    """
    file, _, name = place.rpartition(":")
    if not file or not name:
        raise ValueError(f"{place}: name a family as FILE.py:NAME, for example mine.py:NightShift")
    make = getattr(_module(Path(file)), name, None)
    if make is None:
        raise LookupError(f"{file} defines no {name}: check the name behind the colon")
    if not callable(make):
        raise ValueError(f"{place} is no class or function: each period needs a new object of the family")
    check(make(), place)
    return make  # type: ignore[no-any-return]  # it was checked: this is what a file of somebody's own may hold


def check(family: object, place: str) -> None:
    """Raises ValueError naming what a family lacks."""
    missing = [name for name in METHODS if not callable(getattr(family, name, None))]
    if missing:
        raise ValueError(f"{place} lacks the method {', '.join(missing)}: a family has {', '.join(METHODS)}")
    name = getattr(family, "name", None)
    if not isinstance(name, str) or not name or ":" in name:
        raise ValueError(f"{place}: give the family a name, a word without a colon, as it shall be reported")


def _module(file: Path) -> object:
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: --family takes FILE.py:NAME, the file from the current folder")
    spec = importlib.util.spec_from_file_location(f"family_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
