"""A name in any script as a few plain words, and each word as it might have been spelled by somebody else. Pure.

Transliteration is anyascii's. It reads Han as Mandarin, so that a Japanese name in kanji is found in kanji only, and
Arabic and Hebrew without their vowels, for which `skeleton` compares consonants.
"""

import re
import unicodedata
from functools import lru_cache
from typing import Final

from anyascii import anyascii

WORDS_MAX: Final = 16
WORD_LETTERS_MAX: Final = 40
_REMEMBERED: Final = 65_536


class Unreadable(ValueError):  # noqa: N818  # named for what holds, as refusals are
    """No letters, or more than anybody is called. The message does not repeat the name."""


def words_of(name: str) -> tuple[str, ...]:
    """Lower-case words of a to z and 0 to 9, in the order in which they stand. Raises `Unreadable`."""
    words = [word for run in _runs(name) for word in _plain(run)]
    if not words:
        raise Unreadable("a name without letters")
    if len(words) > WORDS_MAX or any(len(word) > WORD_LETTERS_MAX for word in words):
        raise Unreadable(f"a name of more than {WORDS_MAX} words, or with a word beyond {WORD_LETTERS_MAX} letters")
    return tuple(words)


@lru_cache(_REMEMBERED)
def folded(word: str) -> str:
    """One spelling for what alphabets and typists spell in many: `dmitriy`, `dmitry`, `dmitrij` are `dmitri`.

    Vowels keep their places, consonants that stand for one sound become one, doubled letters single.
    """
    for pattern, replacement in _SPELLINGS:
        word = pattern.sub(replacement, word)
    return word


@lru_cache(_REMEMBERED)
def skeleton(fold: str) -> str:
    """The consonants of a folded word. `v` is none: where vowels are not written it stands for some."""
    return "".join(letter for letter in fold if letter not in _VOWELS)


_VOWELS: Final = frozenset("aeiouv")

_SPELLINGS: Final = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        ("shch|sch|sz", "sh"),  # Щ, as transliterated to English, to German, and in Polish
        ("tch|tsch|cz", "ch"),
        ("dzh|dj|zh", "j"),  # Djamal, Jamal; Zhukov, Jukov
        ("kh|gh", "h"),
        ("ph|ff", "f"),
        ("th", "t"),
        ("tz|ts|cs", "z"),
        ("x|cks|ks", "ks"),
        ("ck|q|c(?!h)", "k"),
        ("w", "v"),
        ("ae", "a"),
        ("oe", "o"),
        ("ue|oo|ou|oy", "u"),
        ("ee|iy|ij|yi|y", "i"),
        (r"of$", "ov"),
        (r"(?<=.)h$", ""),  # Abdullah, Abdulla
        (r"(.)\1+", r"\1"),
    )
)

_APOSTROPHES: Final = str.maketrans("", "", "'’‘ʼʹʺʿʾ`´ʻ")
_SYLLABIC: Final = ("CJK", "HANGUL")
# Letters that look Latin and are not, in a word that is otherwise Latin: taken by their look, as a reader takes them.
_LOOKALIKES: Final = str.maketrans(
    "асеорхуіјѕкмтнвгԁɡαορνικτυχεАВСЕНІЈКМОРЅТХУΑΒΕΗΙΚΜΝΟΡΤΥΧΖ",
    "aceopxyijskmthbrdgaopviktuxeABCEHIJKMOPSTXYABEHIKMNOPTYXZ",
)


def _runs(name: str) -> list[str]:
    """Runs of letters, marks and digits. Characters that only steer the display (bidi marks, joiners) are nothing."""
    composed = unicodedata.normalize("NFKC", name).translate(_APOSTROPHES)
    return "".join(_seen(letter) for letter in composed).split()


@lru_cache(_REMEMBERED)
def _seen(letter: str) -> str:
    kind = unicodedata.category(letter)
    if kind in {"Cf", "Cc", "Cs", "Co"} and not letter.isspace():
        return ""
    return letter if kind[0] in "LMN" else " "


@lru_cache(_REMEMBERED)
def _script(letter: str) -> str:
    return unicodedata.name(letter, "UNKNOWN").split()[0]


def _plain(run: str) -> list[str]:
    scripts = {_script(letter) for letter in run}
    if "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
        run = run.translate(_LOOKALIKES)
    spaced = "".join(f" {letter} " if _script(letter) in _SYLLABIC else letter for letter in run)
    plain = (anyascii(part).translate(_APOSTROPHES).casefold() for part in spaced.split())
    return [word for part in plain for word in re.findall("[a-z0-9]+", part)]
