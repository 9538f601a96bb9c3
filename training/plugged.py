"""Code of somebody's own, named as FILE.py:NAME: loaded once, and told where it fails, for the fault is not ours."""

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from traceback import extract_tb
from typing import Any


def maker(place: str, remedy: str) -> Callable[[], Any]:
    """What `FILE.py:NAME` names: a class, or a function without arguments that answers a new object.

    The file is run as Python, with the rights of whoever runs the command. Raises FileNotFoundError without such a
    file, LookupError without such a name, and ValueError, with `remedy` where the place is none, or where the file's
    code fails: then, too, when what was found is called later.
    """
    file, _, name = place.rpartition(":")
    if not file or not name:
        raise ValueError(f"{place}: {remedy}")
    make = getattr(_module(Path(file)), name, None)
    if make is None:
        raise LookupError(f"{file} defines no {name}: check the name behind the colon")
    if not callable(make):
        raise ValueError(f"{place} is no class or function: a new object of the family is needed each time")
    return telling(make, place)


def telling(call: Callable[..., Any], place: str) -> Callable[..., Any]:
    """`call`, which raises ValueError with place, reason, file and line for whatever it raises itself."""

    def told(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except (Exception, SystemExit) as failure:  # whatever somebody's code may raise
            last = extract_tb(failure.__traceback__)[-1]
            reason = f"{type(failure).__name__}: {failure}"
            raise ValueError(
                f"{place} failed with {reason} ({Path(last.filename).name}, line {last.lineno})"
            ) from failure

    return told


def _module(file: Path) -> object:
    if not file.is_file():
        raise FileNotFoundError(f"{file} is not there: --family takes FILE.py:NAME, the file from the current folder")
    spec = importlib.util.spec_from_file_location(f"family_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ValueError(f"{file} is no Python file: its name must end in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # a dataclass in the file looks its module up
    telling(spec.loader.exec_module, str(file))(module)
    return module
