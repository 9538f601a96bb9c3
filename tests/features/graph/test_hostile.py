"""A device with 400,000 accounts, a person with 400,000 devices: neither memory nor time grows."""

from time import thread_time

import numpy as np
import pyarrow as pa
import pytest

from features.graph import COLUMNS, DEGREE_MAX, DeviceGraph
from features.log import SCHEMA

MANY = 400_000
STEP = 40_000


def flood(first: int, user: list[str], device: list[str]) -> pa.Table:
    stamps = np.arange(first, first + STEP)
    given = {"sequence": stamps, "event_time": stamps, "as_of": stamps, "user_id": user, "device_key": device}
    columns = given | {"kind": ["login"] * STEP}
    fields = [SCHEMA.field(name) for name in COLUMNS]
    return pa.table([pa.array(columns.get(f.name, [None] * STEP), f.type) for f in fields], schema=pa.schema(fields))


@pytest.mark.parametrize("many_users", [True, False])
def test_a_flood_leaves_nothing_behind(many_users: bool) -> None:
    graph, times = DeviceGraph(), []
    for first in range(1, MANY, STEP):
        many, one = [f"idfv:{at}" for at in range(first, first + STEP)], ["idfv:one"] * STEP
        events = flood(first, many, one) if many_users else flood(first, ["one"] * STEP, many)
        began = thread_time()  # what others do meanwhile does not count
        graph.vectors(events)
        times.append(thread_time() - began)
    assert graph.counted["nodes"] == DEGREE_MAX + 1
    assert graph.counted["refused"] == MANY - DEGREE_MAX
    assert len(graph.snapshot()) < 100_000
    assert len(graph.store.names) <= 2 * 65_536
    assert min(times[-3:]) < 3 * min(times[1:4])
