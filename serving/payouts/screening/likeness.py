"""How like two names are, from 0 to 1, whatever their order, spelling, and where their words are cut. Pure.

Words are paired, the likest first; two neighbouring words may stand for one (`xiao ming`, `xiaoming`). Each pair counts
by the weight of its words: a rare name says more than a common one. With S the likeness of the pairs,

    score = 0.75 S over the weight of the lighter name + 0.25 S over the mean weight of both

so that a missing middle name costs a little, and another family name much.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from typing import Final

from rapidfuzz.distance import OSA, JaroWinkler

from serving.payouts.screening.names import folded, skeleton

PAIR_MIN: Final = 0.80
"""Words less alike than this are different words."""
JOINED_MIN: Final = 0.90
"""The same where two words stand for one: a long word is always somewhat like its own beginning."""
LIGHT: Final = 0.10
"""The weight of an initial, and of a word that only joins."""
PARTICLES: Final = frozenset(
    "al el ul bin ibn bint ben abu de da do dos das di du del della la le van von der den ter af av y e".split()
)
_WRITTEN_VOWELS: Final = frozenset("aeou")
_COVER: Final = 0.75
_INITIAL: Final = 0.85
_SLACK: Final = 0.10

Weight = Callable[[str], float]


@dataclass(frozen=True, slots=True)
class Piece:
    """One word, or two neighbours as one. `places`: bits of the words it stands for. `weight`: the sum of theirs."""

    fold: str
    places: int
    weight: float


@dataclass(frozen=True, slots=True)
class Pieces:
    """A name, ready to be compared. `heavy`: words that are neither initials nor particles."""

    pieces: tuple[Piece, ...]
    weight: float
    heavy: int

    @classmethod
    def of(cls, words: Sequence[str], weight: Weight) -> "Pieces":
        weights = [LIGHT if is_light(word) else weight(folded(word)) for word in words]
        single = [Piece(folded(word), 1 << place, weights[place]) for place, word in enumerate(words)]
        joined = [
            Piece(folded(words[place] + words[place + 1]), one.places | two.places, one.weight + two.weight)
            for place, (one, two) in enumerate(pairwise(single))
        ]
        heavy = sum(1 << place for place, word in enumerate(words) if not is_light(word))
        return cls((*single, *joined), sum(weights), heavy)

    def weight_of(self, places: int) -> float:
        """Of the words at `places`, and of those that say nothing: they may be paired, too."""
        single = (piece for piece in self.pieces if piece.places.bit_count() == 1)
        return sum(piece.weight for piece in single if piece.places & (places | ~self.heavy))


def is_light(word: str) -> bool:
    return len(word) == 1 or word in PARTICLES


@lru_cache(262_144)
def word_likeness(one: str, other: str) -> float:
    """Of two folded words. The same consonants make them nearly one: transliterations disagree on vowels."""
    if one == other:
        return 1.0
    if len(one) == 1 or len(other) == 1:
        return _INITIAL if one[:1] == other[:1] else 0.0
    spelled = (JaroWinkler.similarity(one, other) + OSA.normalized_similarity(one, other)) / 2
    bones = skeleton(one)
    if len(bones) < 3 or bones != skeleton(other):
        return spelled
    is_sure = len(bones) > 3 or not _WRITTEN_VOWELS & set(one) & set(other)
    return max(spelled, 0.92 if is_sure else 0.86)


def likeness(one: Pieces, other: Pieces) -> float:
    """Symmetric. Names of two words or more are alike only if two words are: one shared word is a coincidence."""
    ones = others = 0
    own = opposite = 0.0
    for like, mine, yours in _pairs(one, other):
        if not (ones & mine.places or others & yours.places):
            ones, others = ones | mine.places, others | yours.places
            own, opposite = own + like * mine.weight, opposite + like * yours.weight
    if _said(ones, one) < min(2, one.heavy.bit_count()) or _said(others, other) < min(2, other.heavy.bit_count()):
        return 0.0
    if _is_single(one) != _is_single(other) and max(_said(ones, one), _said(others, other)) < 2:
        return 0.0
    covered = max(own / one.weight, opposite / other.weight)
    return _COVER * covered + (1 - _COVER) * (own + opposite) / (one.weight + other.weight)


def highest(one: Pieces, covered: float, other: Pieces) -> float:
    """What `likeness` could be at most if the words of `one` with the weight `covered` are paired; cheap, and not low.

    The slack: a word may be paired with one that weighs a little more.
    """
    share = min(1.0, covered / min(one.weight, other.weight))
    return _COVER * share + (1 - _COVER) * min(1.0, 2 * covered / (one.weight + other.weight)) + _SLACK


def _pairs(one: Pieces, other: Pieces) -> list[tuple[float, Piece, Piece]]:
    """The likest first; never two joined pieces."""
    found = [
        (like, mine, yours)
        for mine in one.pieces
        for yours in other.pieces
        if (count := mine.places.bit_count() + yours.places.bit_count()) < 4
        and (like := word_likeness(*sorted((mine.fold, yours.fold)))) >= (PAIR_MIN if count == 2 else JOINED_MIN)
    ]
    return sorted(found, key=_turn)


def _turn(pair: tuple[float, Piece, Piece]) -> tuple[float, int, float, int, int]:
    """Of equally like pairs first those that join nothing, then those that say more; the same from both sides."""
    like, one, other = pair
    joined = one.places.bit_count() + other.places.bit_count()
    return -like, joined, -one.weight - other.weight, one.places + other.places, abs(one.places - other.places)


def _said(places: int, name: Pieces) -> int:
    """How many words that say something are paired."""
    return (places & name.heavy).bit_count()


def _is_single(name: Pieces) -> bool:
    return name.heavy.bit_count() < 2
