"""Which nodes are learned from, which stop the learning, and which are measured: given, or drawn in strata."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.nodes.cells import Floats

Truths = NDArray[np.bool_]

MASKS_FILE: Final = "splits.npz"
MASK_NAMES: Final = ("train_masks", "val_masks", "test_masks")
SPLITS: Final = 10
TRAIN_SHARE: Final = 0.5
VALIDATION_SHARE: Final = 0.25
SPLITS_MAX: Final = 100


@dataclass(frozen=True)
class Masks:
    """Three disjoint sets of nodes, `(nodes,)` each; blank-labelled nodes may be among them."""

    train: Truths
    validation: Truths
    test: Truths


def drawn(labels: Floats, seed: int, splits: int = SPLITS) -> list[Masks]:
    """Splits of the labelled nodes, half to learn from and a quarter each to validate and test, by class."""
    found = []
    for split in range(splits):
        rng = np.random.default_rng([seed, split])
        part = np.full(len(labels), -1)
        for value in (0.0, 1.0):
            nodes = rng.permutation(np.flatnonzero(labels == value))
            ends = np.round(np.cumsum([TRAIN_SHARE, VALIDATION_SHARE]) * len(nodes)).astype(int)
            for number, chosen in enumerate(np.split(nodes, ends)):
                part[chosen] = number
        found.append(Masks(part == 0, part == 1, part == 2))
    return found


def read_masks(path: Path, nodes: int) -> list[Masks]:
    """Those of an .npz file, each `(splits, nodes)` in the order of nodes.tsv, or `(nodes,)` for one split.

    `(nodes, splits)` is turned round. Raises ValueError, naming the array, for another shape or other values than 0
    and 1, for sets that overlap, and for a file that lacks one.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            train, validation, test = (_mask(name, arrays.get(name), nodes) for name in MASK_NAMES)
    except (ValueError, OSError, AttributeError) as failure:
        raise ValueError(f"{path.name} cannot be used: {failure}") from failure
    if not len(train) == len(validation) == len(test) <= SPLITS_MAX:
        raise ValueError(f"{path.name} needs as many train as val and test masks, at most {SPLITS_MAX}")
    if ((train & validation) | (train & test) | (validation & test)).any():
        raise ValueError(f"{path.name} has nodes in two masks of one split: train, val and test must be disjoint")
    return [Masks(*three) for three in zip(train, validation, test, strict=True)]


def _mask(name: str, values: NDArray[np.generic] | None, nodes: int) -> Truths:
    if values is None:
        raise ValueError(f"it lacks `{name}`; it needs {', '.join(MASK_NAMES)}")
    masks = np.atleast_2d(values)
    if masks.shape[1] != nodes and masks.shape[0] == nodes:
        masks = masks.T
    if masks.ndim != 2 or masks.shape[1] != nodes:
        raise ValueError(f"`{name}` is shaped {values.shape}; nodes.tsv has {nodes:,} nodes: give (splits, {nodes})")
    if not np.isin(masks, (0, 1)).all():
        raise ValueError(f"`{name}` holds other values than 0 and 1")
    return masks.astype(np.bool_)


def checked(masks: Masks, labels: Floats, name: str) -> None:
    """Raises ValueError when the split called `name` has not both classes to learn from and to measure."""
    for part, mask in (("train", masks.train), ("test", masks.test)):
        known = labels[mask & ~np.isnan(labels)]
        if len(np.unique(known)) < 2:
            raise ValueError(
                f"{name} has {int(known.sum()):,} positive of {len(known):,} labelled nodes in its {part} part: "
                "both classes are needed there; label more nodes or give other splits"
            )
