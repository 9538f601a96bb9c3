"""Rows of the log, by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from features.graph import COLUMNS

DAY = 86_400_000_000
Row = dict[str, Any]


def row(sequence: int, user: str | None = None, device: str | None = None, day: float = 100, **more: Any) -> Row:
    """A login on a device at a day since 1970; `more` are columns of the log."""
    time = round(day * DAY)
    keys = {"sequence": sequence, "event_time": time, "as_of": time, "kind": "login", "user_id": user}
    return dict.fromkeys(COLUMNS) | keys | {"device_key": device} | more


@pytest.fixture
def made() -> Callable[..., Row]:
    return row
