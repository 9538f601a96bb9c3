"""Splits that are given, drawn, or refused."""

from pathlib import Path

import numpy as np
import pytest

from training.nodes.masks import MASK_NAMES, Masks, checked, drawn, read_masks


def test_drawn_splits_part_the_labelled_nodes_by_class() -> None:
    labels = np.array([1.0] * 40 + [0.0] * 80 + [np.nan] * 9)
    splits = drawn(labels, seed=3)
    assert len(splits) == 10
    for masks in splits:
        np.testing.assert_array_equal(masks.train.astype(int) + masks.validation + masks.test, ~np.isnan(labels))
        assert [int(labels[mask].sum()) for mask in (masks.train, masks.validation, masks.test)] == [20, 10, 10]
    assert not (splits[0].test == splits[1].test).all()
    assert not (splits[0].test == drawn(labels, seed=4)[0].test).all()
    np.testing.assert_array_equal(splits[0].test, drawn(labels, seed=3)[0].test)


def saved(path: Path, **changes: np.ndarray) -> Path:
    part = np.arange(12) % 4
    masks = (np.array([mask] * 2) for mask in (part == 0, part == 1, part > 1))
    arrays = dict(zip(MASK_NAMES, masks, strict=True))
    np.savez(path / "splits.npz", **{name: mask for name, mask in (arrays | changes).items() if mask.size})
    return path / "splits.npz"


def test_masks_are_read_by_row_and_turned_round_where_the_shape_asks_for_it(tmp_path: Path) -> None:
    plain = read_masks(saved(tmp_path), 12)
    part = np.arange(12) % 4
    turned = {"train_masks": np.array([part == 0] * 2).T, "val_masks": np.array([part == 1] * 2, np.uint8)}
    for one, other in zip(plain, read_masks(saved(tmp_path, **turned), 12), strict=True):
        np.testing.assert_array_equal(one.train, other.train)
        np.testing.assert_array_equal(one.validation, other.validation)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"test_masks": np.zeros(0)}, "lacks `test_masks`"),
        ({"val_masks": np.zeros((2, 7))}, r"`val_masks` is shaped \(2, 7\)"),
        ({"val_masks": np.full((2, 12), 3)}, "other values than 0 and 1"),
        ({"val_masks": np.ones((2, 12))}, "must be disjoint"),
        ({"val_masks": np.zeros((1, 12))}, "as many train as val and test"),
    ],
)
def test_masks_that_cannot_be_used_say_why(tmp_path: Path, changes: dict[str, np.ndarray], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_masks(saved(tmp_path, **changes), 12)


def test_a_file_that_holds_no_arrays_is_named(tmp_path: Path) -> None:
    (tmp_path / "splits.npz").write_text("no archive")
    with pytest.raises(ValueError, match=r"splits\.npz cannot be used"):
        read_masks(tmp_path / "splits.npz", 12)


def test_a_split_needs_both_classes_where_it_learns_and_where_it_measures() -> None:
    labels = np.array([1.0, 0.0, 1.0, 0.0, np.nan])
    nobody = np.zeros(5, np.bool_)
    one_class = Masks(np.array([True, True, False, False, False]), nobody, np.array([False, False, False, True, True]))
    with pytest.raises(ValueError, match="split 3 has 0 positive of 1 labelled nodes in its test part"):
        checked(one_class, labels, "split 3")
