"""The file of those released by lot becomes a column of the frame."""

from pathlib import Path

import polars as pl
import pytest

from features.home import Home
from pipelines.console import UserError
from pipelines.releases import FILE, with_releases
from training.releases import PROPENSITY, weights_of

FRAME = pl.DataFrame({"event_id": ["a", "b", "c"], "sequence": [1, 2, 3]})


def home_with(folder: Path, columns: dict[str, list[object]]) -> Home:
    pl.DataFrame(columns).write_parquet(folder / FILE)
    return Home(folder)


def test_without_the_file_the_frame_is_as_it_was(tmp_path: Path) -> None:
    assert with_releases(Home(tmp_path), FRAME).equals(FRAME)


def test_who_was_released_by_lot_is_weighed_the_others_are_not(tmp_path: Path) -> None:
    home = home_with(tmp_path, {"event_id": ["z", "b"], PROPENSITY: [0.5, 0.1]})
    joined = with_releases(home, FRAME)
    weights = weights_of(joined)
    assert joined["sequence"].to_list() == [1, 2, 3]
    assert weights is not None
    assert weights.tolist() == [1, 10, 1]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"event_id": ["a"]}, f"lacks the columns {PROPENSITY}"),
        ({"event_id": ["a", "a"], PROPENSITY: [0.1, 0.2]}, "names an event twice"),
    ],
)
def test_a_file_of_another_shape_is_refused(tmp_path: Path, columns: dict[str, list[object]], said: str) -> None:
    with pytest.raises(UserError, match=said):
        with_releases(home_with(tmp_path, columns), FRAME)
