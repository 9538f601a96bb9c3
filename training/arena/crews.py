"""How accounts come in crews."""

from collections.abc import Iterator

import numpy as np


def crews(rng: np.random.Generator, count: int, least: int, most: int) -> Iterator[tuple[int, int]]:
    """`(number of the crew, place within it)` for each of `count` accounts; crews have `least` to `most` of them."""
    crew, placed = 0, 0
    while placed < count:
        size = min(int(rng.integers(least, most + 1)), count - placed)
        yield from ((crew, place) for place in range(size))
        crew, placed = crew + 1, placed + size
