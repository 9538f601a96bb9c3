"""What happens to a name between a list and a document: each change gives another name of the same person."""

import unicodedata
from collections.abc import Callable, Mapping
from string import ascii_lowercase
from typing import Final

import numpy as np

from pipelines.bench.screening_names import Invented

Change = Callable[[np.random.Generator, Invented], str | None]
"""None: this name has nothing to change in that way."""

_LOOKALIKES: Final = str.maketrans("aeopcxy", "аеорсху")
_MARKS: Final = ("\u202e", "\u200f", "\u200b", "\u200d", "\ufeff")
_MIDDLE: Final = ("Alexander", "Maria", "Rahman", "Jean", "Lee", "Kumar", "Ivanovich")


def typo(rng: np.random.Generator, word: str) -> str:
    """One letter after the first replaced, left out, doubled by another, or swapped with the next."""
    place, letter = int(rng.integers(1, len(word) - 1)), ascii_lowercase[rng.integers(0, 26)]
    return (
        word[:place] + letter + word[place + 1 :],
        word[:place] + word[place + 1 :],
        word[:place] + letter + word[place:],
        word[:place] + word[place + 1] + word[place] + word[place + 2 :],
    )[rng.integers(0, 4)]


def _typos(rng: np.random.Generator, name: str, count: int) -> str | None:
    words = name.split()
    long = [place for place, word in enumerate(words) if len(word) > 4]
    if len(long) < count:
        return None
    for place in rng.permutation(long)[:count]:
        words[place] = typo(rng, words[place])
    return " ".join(words)


def _turned(_: np.random.Generator, one: Invented) -> str:
    *given, family = one.latin.split()
    return " ".join([family, *given])


def _capital(_: np.random.Generator, one: Invented) -> str:
    *given, family = one.latin.split()
    return f"{family.upper()}, {' '.join(given).upper()}"


def _plain(_: np.random.Generator, one: Invented) -> str | None:
    bare = "".join(letter for letter in unicodedata.normalize("NFKD", one.latin) if not unicodedata.combining(letter))
    return bare if bare != one.latin else None


def _joined(_: np.random.Generator, one: Invented) -> str | None:
    first, *others = one.latin.split()
    return " ".join([first + others[0].lower(), *others[1:]]) if len(others) > 1 else None


def _cut(rng: np.random.Generator, one: Invented) -> str | None:
    words = one.latin.split()
    if len(words[-1]) < 6:
        return None
    place = int(rng.integers(2, len(words[-1]) - 2))
    return " ".join([*words[:-1], words[-1][:place], words[-1][place:]])


def _without_middle(_: np.random.Generator, one: Invented) -> str | None:
    first, *_middle, last = one.latin.split()
    return f"{first} {last}" if _middle else None


def _with_middle(rng: np.random.Generator, one: Invented) -> str:
    first, *others = one.latin.split()
    return " ".join([first, _MIDDLE[rng.integers(0, len(_MIDDLE))], *others])


def _lookalike(_: np.random.Generator, one: Invented) -> str:
    return one.latin[:1] + one.latin[1:].translate(_LOOKALIKES)


def _marked(rng: np.random.Generator, one: Invented) -> str:
    return "".join(letter + _MARKS[rng.integers(0, len(_MARKS))] for letter in one.latin)


CHANGES: Final[Mapping[str, Change]] = {
    "as listed": lambda _, one: one.latin,
    "in its own script": lambda _, one: one.native,
    "another transliteration": lambda _, one: one.variants[0] if one.variants[0] != one.latin else None,
    "family name first": _turned,
    "capitals and a comma": _capital,
    "without diacritics": _plain,
    "two words joined": _joined,
    "a word cut in two": _cut,
    "without the middle name": _without_middle,
    "with a middle name": _with_middle,
    "one typing error": lambda rng, one: _typos(rng, one.latin, 1),
    "an error in each of two words": lambda rng, one: _typos(rng, one.latin, 2),
    "letters that look alike": _lookalike,
    "invisible marks": _marked,
}
