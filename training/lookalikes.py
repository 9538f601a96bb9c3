"""Honest look-alikes: how often the device graph takes two people for one, or two households for one ring.

No log says which accounts are one person. The simulator knows, in the file beside its log, and is asked here.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl
from scipy.stats import beta

from features.graph import PERSON_MIN, DeviceGraph


@dataclass(frozen=True)
class Lookalikes:
    """Counts of account pairs and of ring components; a household of one is none."""

    links: int
    false_links: int
    true_pairs: int
    rings: int
    mixed_rings: int
    largest_ring: int

    @property
    def false_share(self) -> float:
        """The share of same-person links that join two people; 0 without links."""
        return self.false_links / self.links if self.links else 0.0

    @property
    def recall(self) -> float:
        """The share of `true_pairs` that is linked; 0 without any."""
        return (self.links - self.false_links) / self.true_pairs if self.true_pairs else 0.0

    @property
    def false_interval(self) -> tuple[float, float]:
        """The exact 95% interval of `false_share` (Clopper and Pearson 1934); from 0 to 1 without links.

        It takes links for independent; those within one person's accounts are not quite, so it is a little too narrow.
        """
        false, true = self.false_links, self.links - self.false_links
        low = float(beta.ppf(0.025, false, true + 1)) if false else 0.0
        return low, float(beta.ppf(0.975, false + 1, true)) if true else 1.0


def pooled(parts: Sequence[Lookalikes]) -> Lookalikes:
    """The counts of several worlds, at least one, together; the largest ring of any."""
    counts = {name: sum(getattr(part, name) for part in parts) for name in Lookalikes.__dataclass_fields__}
    return Lookalikes(**counts | {"largest_ring": max(part.largest_ring for part in parts)})


def measure(graph: DeviceGraph, truth: pl.DataFrame, confidence_min: float = PERSON_MIN) -> Lookalikes:
    """What the graph says of its people against `truth`, as the simulator writes it (see `simulate`).

    A link is a pair of accounts with that confidence or more. `true_pairs` are the pairs in one ring that truly are one
    person: the most that could be linked. A ring is mixed when honest people of two circles are in it: two households,
    two dormitories, the seller and the buyer of a phone.
    """
    person = dict(zip(truth["user_id"], truth["person_id"], strict=True))
    honest = truth.filter(~pl.col("is_fraud"))
    circle = dict(zip(honest["user_id"], honest["circle_id"], strict=True))
    rings = _rings(graph, truth["user_id"].to_list())
    links, false_links, true_pairs, mixed = 0, 0, 0, 0
    for ring in rings:
        pairs = Counter(_judged(graph, person, confidence_min, pair) for pair in combinations(ring, 2))
        links += pairs[True, True] + pairs[True, False]
        false_links += pairs[True, False]
        true_pairs += pairs[True, True] + pairs[False, True]
        mixed += len({circle[user] for user in ring if user in circle}) > 1
    return Lookalikes(links, false_links, true_pairs, len(rings), mixed, max(map(len, rings), default=0))


def _judged(
    graph: DeviceGraph, person: dict[str, str], confidence_min: float, pair: tuple[str, str]
) -> tuple[bool, bool]:
    """`(linked, truly one person)`."""
    one, two = pair
    return graph.same_person(one, two) >= confidence_min, person[one] == person[two]


def _rings(graph: DeviceGraph, users: list[str]) -> list[list[str]]:
    """The people of each component with more than one of them. Pairs across rings share nothing that links strongly."""
    by_representative: dict[int, list[str]] = {}
    for user in users:
        representative = graph.representative(f"user:{user}")
        if representative is not None:
            by_representative.setdefault(representative, []).append(user)
    return [ring for ring in by_representative.values() if len(ring) > 1]
