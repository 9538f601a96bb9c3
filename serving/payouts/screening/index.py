"""The names of a list, found by words that are nearly those of a name: a person is compared with few of them. Pure.

A word is found by its folded spelling, by that spelling with any one letter left out (so that one letter wrong,
missing or swapped is no hindrance; the idea of SymSpell), and by its consonants.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from serving.payouts.identity.persons import Person
from serving.payouts.screening.births import Births, compared
from serving.payouts.screening.likeness import PAIR_MIN, Pieces, highest, is_light, likeness, word_likeness
from serving.payouts.screening.lists import Entry, NameList
from serving.payouts.screening.names import Unreadable, folded, skeleton, words_of
from serving.policy import ScreeningPolicy

COMPARED_MAX: Final = 2_000
"""Listed names that one name is compared with. One that needs more is so common that a person should look."""


@dataclass(frozen=True, slots=True, repr=False)
class Match:
    """A person may be the one listed. `births`: whether the dates of birth agree. In `entry`: what the list says."""

    entry: Entry
    listed_as: str
    score: float
    births: Births


class NameIndex:
    """Built once from a list, then only read. Names of the list that have no letters are never found."""

    def __init__(self, names: NameList) -> None:
        self.version = names.version
        self._entries = names.entries
        self._names: list[tuple[int, str, Pieces]] = []
        self._of_word: dict[str, list[int]] = defaultdict(list)
        self._of_key: dict[str, list[str]] = defaultdict(list)
        spelled = list(_spelled(names.entries))
        self._counts = Counter(fold for _, _, words in spelled for fold in {folded(word) for word in words})
        self._total = len(spelled)
        for place, (entry, name, words) in enumerate(spelled):
            self._names.append((entry, name, self._pieces(words)))
            for piece in self._names[-1][2].pieces:
                self._of_word[piece.fold].append(place)
        for fold in self._of_word:
            for key in _keys(fold):
                self._of_key[key].append(fold)

    def __len__(self) -> int:
        return self._total

    def search(self, person: Person, policy: ScreeningPolicy) -> list[Match]:
        """The likest first; each entry once, by its likest name. Raises `Unreadable` for what a person must look at."""
        best: dict[int, Match] = {}
        least = policy.score_min_same_birth
        for name in person.names:
            for entry, listed_as, score in self._compared(words_of(name), least):
                births = compared(person.birth_date, self._entries[entry].birth_dates, policy.birth_years_apart_max)
                if score >= births.least(policy) and (entry not in best or score > best[entry].score):
                    best[entry] = Match(self._entries[entry], listed_as, score, births)
        return sorted(best.values(), key=lambda match: (-match.score, match.entry.id))

    def _compared(self, words: tuple[str, ...], least: float) -> Iterator[tuple[int, str, float]]:
        wanted = self._pieces(words)
        found = self._found(wanted, least)
        if len(found) > COMPARED_MAX:
            raise Unreadable(f"a name that is like more than {COMPARED_MAX:,} listed ones")
        for place in found:
            entry, name, listed = self._names[place]
            yield entry, name, likeness(wanted, listed)

    def _found(self, wanted: Pieces, least: float) -> list[int]:
        """Listed names that share two of the words that say something, of a single word that one; and enough weight."""
        covered: dict[int, int] = defaultdict(int)
        for piece in wanted.pieces:
            said = piece.places & wanted.heavy
            for fold in self._like(piece.fold) if said else ():
                for place in self._of_word[fold]:
                    covered[place] |= said
        needed = min(2, wanted.heavy.bit_count())
        weights = {places: wanted.weight_of(places) for places in set(covered.values()) if places.bit_count() >= needed}
        return [
            place
            for place, places in covered.items()
            if places in weights and highest(wanted, weights[places], self._names[place][2]) >= least
        ]

    def _like(self, fold: str) -> set[str]:
        near = {other for key in _keys(fold) for other in self._of_key.get(key, ())}
        return {other for other in near if word_likeness(*sorted((fold, other))) >= PAIR_MIN}

    def _pieces(self, words: Iterable[str]) -> Pieces:
        return Pieces.of(tuple(words), self._weight)

    def _weight(self, fold: str) -> float:
        """From 0.3 for a word in every listed name to 1 for one in none."""
        rare = math.log((self._total + 1) / (self._counts[fold] + 1)) / math.log(self._total + 2)
        return 0.3 + 0.7 * rare


def _spelled(entries: Iterable[Entry]) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    for place, entry in enumerate(entries):
        for name in entry.names:
            try:
                words = words_of(name)
            except Unreadable:
                continue
            if any(not is_light(word) for word in words):
                yield place, name, words


def _keys(fold: str) -> set[str]:
    keys = {fold}
    if len(fold) > 3:
        keys |= {fold[:place] + fold[place + 1 :] for place in range(len(fold))}
    bones = skeleton(fold)
    return keys | {f"~{bones}"} if len(bones) > 2 else keys
