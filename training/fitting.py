"""Fits the parts on the training slices, and the heads over their margins on the calibration slices."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import chain
from typing import Any, Final

import lightgbm
import numpy as np

from training.anomaly import fit_forest
from training.boosters import Advance, Parameters, Train, fit_booster
from training.directions import directions_of
from training.heads import Head, fit_heads
from training.labels import Target
from training.models import Model
from training.parts import PARTS, Part, fit_outside, outside_parts
from training.releases import weights_of
from training.search import Search, Trial, found_parameters
from training.splits import Rows, Slice
from training.table import Table, matrix, rarest

PART_CLASS_MIN: Final = 10
"""With fewer rows of a class than this a part would learn those rows, not what they have in common."""

Tell = Callable[[str], object]
Fitting = Callable[[], lightgbm.Booster | str]
Slices = Mapping[Target, Mapping[Slice, Rows]]


@dataclass(frozen=True)
class Recipe:
    """How to fit. `train` fits boosters elsewhere than here; `search` looks for better parameters first."""

    features: tuple[str, ...]
    categorical: tuple[str, ...]
    parameters: Parameters = field(default_factory=Parameters)
    train: Train | None = None
    search: Search | None = None


@dataclass(frozen=True)
class Fitted:
    """`parameters` are those used, `trials` what the search tried; it tries nothing unless asked."""

    model: Model
    parameters: Parameters
    trials: tuple[Trial, ...] = ()


def fit(
    slices: Slices,
    main: Target,
    recipe: Recipe,
    context: Mapping[str, Any],
    advance: Advance = lambda _: None,
    tell: Tell = lambda _: None,
) -> Fitted:
    """`slices` has the main target, and the other one where it has labels of both classes.

    A part that cannot be fitted is left out with its reason. Raises ValueError when no part of the main target is left.
    """
    tell("search")
    parameters, trials = _parameters(slices[main]["train"], recipe, advance)
    left_out: dict[str, str] = {}
    boosters: dict[str, lightgbm.Booster] = {}
    for name, fitting in _fittings(slices, main, recipe, parameters, advance).items():
        tell(f"part {name}")
        found = fitting()
        if isinstance(found, str):
            left_out[name] = found
        else:
            boosters[name] = found
    _check(boosters, left_out, main)
    groups = {part: tuple(booster.feature_name()) for part, booster in boosters.items()}
    model = Model(recipe.features, groups, recipe.categorical, boosters, {}, left_out, context)
    tell("heads")
    return Fitted(model.with_heads(heads_of(model, slices, main)), parameters, trials)


def _parameters(rows: Rows, recipe: Recipe, advance: Advance) -> tuple[Parameters, tuple[Trial, ...]]:
    if recipe.search is None:
        return recipe.parameters, ()
    return found_parameters(_table(rows, recipe.features, recipe), recipe.parameters, recipe.search, advance)


def _fittings(
    slices: Slices, main: Target, recipe: Recipe, parameters: Parameters, advance: Advance
) -> dict[str, Fitting]:
    """What fits each part, or says why not. One at a time: a table is let go before the next one is made."""

    def ours(part: Part) -> lightgbm.Booster | str:
        target = part.target or main
        if target not in slices:
            return f"no labels of {target} with both classes"
        names = part.chosen(recipe.features, recipe.categorical)
        table = _table(slices[target]["train"], names, recipe, part)
        if part.target is None:
            return _unusable_forest(table) or fit_forest(table, parameters.seed)
        return _unusable(table) or fit_booster(table, parameters, advance, recipe.train)

    def theirs(name: str, model: Callable[[Table], Any]) -> lightgbm.Booster:
        return fit_outside(name, model, _table(slices[main]["train"], recipe.features, recipe))

    own: dict[str, Fitting] = {part.name: partial(ours, part) for part in PARTS}
    return own | {name: partial(theirs, name, model) for name, model in outside_parts().items()}


def _unusable(table: Table) -> str | None:
    if table.unusable is not None:
        return table.unusable
    few = rarest(table.labels)
    return f"{few} rows of the rarer class, {PART_CLASS_MIN} are needed" if few < PART_CLASS_MIN else None


def _unusable_forest(table: Table) -> str | None:
    """A forest needs no labels."""
    reason = table.unusable
    return None if reason is None or reason.startswith("one class") else reason


def _check(boosters: Mapping[str, lightgbm.Booster], left_out: Mapping[str, str], main: Target) -> None:
    of_main = [part.name for part in PARTS if part.target == main]
    if any(name in boosters for name in of_main):
        return
    reasons = "; ".join(f"{name}: {left_out[name]}" for name in of_main)
    lacks_features = all("feature" in left_out[name] for name in of_main)
    remedy = "check that the features were computed" if lacks_features else "it takes more days or more people"
    raise ValueError(f"there is nothing to learn {main} from ({reasons}); {remedy}")


def _table(rows: Rows, names: tuple[str, ...], recipe: Recipe, part: Part | None = None) -> Table:
    if part is not None and part.kinds:
        rows = rows.of_kinds(part.kinds)
    categorical = tuple(name for name in names if name in set(recipe.categorical))
    # Only what learns fraud is bound: a reversal has other causes, and a forest knows no directions.
    directions = directions_of(names) if part is not None and part.target == "fraud" else ()
    return Table(
        matrix(rows.frame, names, np.float32), rows.labels, names, categorical, weights_of(rows.frame), directions
    )


def heads_of(model: Model, slices: Slices, main: Target) -> dict[str, Head]:
    """A head for each target that can be calibrated; see `training/heads.py` for what each is made of."""
    heads: dict[str, Head] = {}
    for target, of_target in slices.items():
        later = of_target["calibrate"]
        parts = _heard(model, target, main)
        if not parts["event" if target == "fraud" else "reversal"]:
            continue
        margins = model.margins(later.frame, list(dict.fromkeys(chain(*parts.values()))))
        heads |= fit_heads(margins, parts, later.labels, later.frame, weights_of(later.frame))
    return heads


def _heard(model: Model, target: Target, main: Target) -> dict[str, tuple[str, ...]]:
    """Which parts each head of a target hears: those that learn it or need no label; a withdrawal hears all."""
    targets = {part.name: part.target for part in PARTS}
    silent = {part.name for part in PARTS if not part.speaks_of_events}
    heard = tuple(name for name in model.boosters if targets.get(name, main) in (target, None) and name not in silent)
    if not any(targets.get(name, main) == target for name in heard):
        return {"event": (), "withdrawal": (), "reversal": ()}
    return {"event": heard, "withdrawal": tuple(model.boosters)} if target == "fraud" else {"reversal": heard}
