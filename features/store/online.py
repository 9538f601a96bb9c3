"""The online store: the newest values of each key, whatever the engine. Needs no Feast to write or to read.

It is a projection of the fold's state, behind it; decisions never read it.
"""

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

import numpy as np

from features.fold import Changed, Vector
from features.store.engines import assert_reachable, rows_of
from features.store.rows import Rows, encoded, packed
from features.store.settings import Settings
from features.store.shape import View, window_views
from features.windows import Entity


class OnlineStore:
    """One writer at a time is fast; several are safe, for an older write never wins."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.views = window_views()

    @cached_property
    def rows(self) -> Rows:
        """The engine. Raises Unreachable, with the remedy, the first time that it is needed and does not answer."""
        assert_reachable(self.settings)
        return rows_of(self.settings)

    def write(self, changes: Iterable[Changed], sequence: int) -> None:
        """Mirror keys that changed, with their values after the event of `sequence`. An older write changes nothing."""
        batches: dict[tuple[Entity, int], list[Changed]] = {}
        for change in changes:
            batches.setdefault((change.entity, change.as_of), []).append(change)
        for (entity, as_of), batch in batches.items():
            values = np.array([change.values for change in batch], np.float64)
            self.put(self.views[entity], [change.key for change in batch], values, as_of, sequence)

    def put(self, view: View, keys: Sequence[str], values: Vector, as_of: int, sequence: int) -> None:
        """`values`: `(keys, fields)`."""
        self.rows.put(view.table, packed(keys, values, as_of, sequence), view.lives)

    def read(self, at: Entity | View, key: str, as_of: int) -> Mapping[str, float | None]:
        """One key's values at the instant `as_of`.

        None for a key that was never written, and for a value that has outlived its window: Feast would return that,
        its TTL is not looked at online. NaN where it is known that there is no value.
        """
        view = at if isinstance(at, View) else self.views[at]
        held = self.rows.get(view.table, [encoded(key)])[0]
        if held is None:
            return dict.fromkeys(view.names)
        age = as_of - held.as_of
        pairs = zip(view.fields, held.values.tolist(), strict=True)
        return {field.name: value if age <= field.lives else None for field, value in pairs}

    def forget(self, as_of: int) -> None:
        """Drop what no reader would be given any more."""
        for view in self.views.values():
            self.rows.forget(view.table, as_of - view.lives)

    def close(self) -> None:
        if "rows" in self.__dict__:
            self.rows.close()
            del self.rows
