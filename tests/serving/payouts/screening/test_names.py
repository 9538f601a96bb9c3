import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.payouts.screening.likeness import Pieces, likeness
from serving.payouts.screening.names import WORD_LETTERS_MAX, WORDS_MAX, Unreadable, folded, words_of

NAMES = st.lists(st.text("abcdehimnorstuvwy", min_size=1, max_size=9), min_size=1, max_size=5)


def pieces(words: list[str] | tuple[str, ...]) -> Pieces:
    return Pieces.of(words, lambda _: 1.0)


def alike(one: str, other: str) -> float:
    return likeness(pieces(words_of(one)), pieces(words_of(other)))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("O’Brien-Śmith, Łukasz", "obrien smith lukasz"),
        ("Дмитрий Щербаков", "dmitriy shcherbakov"),
        ("王小明", "wang xiao ming"),
        ("김철수", "gim cheol su"),
        ("ＡＬＩＣＥ", "alice"),
        ("\u202eMüller\u202c \u200fJür\u200bgen\ufeff", "muller jurgen"),
        ("Dmіtry Shсherbakоv", "dmitry shcherbakov"),
        ("Μaria", "maria"),
    ],
)
def test_any_script_becomes_plain_words(name: str, words: str) -> None:
    assert " ".join(words_of(name)) == words


@pytest.mark.parametrize("name", ["", " ", "\u202e\u200f", "-.,", "\x00", "🙂", "a " * (WORDS_MAX + 1)])
def test_a_name_that_says_nothing_or_too_much_is_for_a_person(name: str) -> None:
    with pytest.raises(Unreadable):
        words_of(name)


def test_an_endless_word_is_for_a_person() -> None:
    with pytest.raises(Unreadable) as refusal:
        words_of("z" * (WORD_LETTERS_MAX + 1))
    assert "zz" not in str(refusal.value)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=300))
def test_whatever_is_written_is_words_or_unreadable(name: str) -> None:
    try:
        words = words_of(name)
    except Unreadable:
        return
    assert 1 <= len(words) <= WORDS_MAX
    assert all(re.fullmatch(r"[a-z0-9]{1,40}", word) for word in words)


@pytest.mark.parametrize(
    ("one", "other"),
    [("dmitriy", "dmitrij"), ("shcherbakov", "scherbakow"), ("mueller", "muller"), ("abdullah", "abdulla")],
)
def test_spellings_of_one_name_fold_into_one(one: str, other: str) -> None:
    assert folded(one) == folded(other)


@settings(max_examples=40, deadline=None)
@given(NAMES, NAMES)
def test_likeness_is_a_share_and_the_same_both_ways(one: list[str], other: list[str]) -> None:
    there, back = likeness(pieces(one), pieces(other)), likeness(pieces(other), pieces(one))
    assert 0 <= there <= 1 + 1e-9
    assert there == pytest.approx(back)


@settings(max_examples=40, deadline=None)
@given(NAMES, st.randoms())
def test_a_name_is_itself_in_any_order(words: list[str], random: object) -> None:
    turned = words.copy()
    random.shuffle(turned)  # type: ignore[attr-defined]  # hypothesis gives a random.Random
    assert likeness(pieces(words), pieces(words)) == pytest.approx(1)
    if len({folded(word) for word in words}) == len(words):
        assert likeness(pieces(words), pieces(turned)) > 0.7


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Xiaoming Wang", "王小明"),
        ("Jürgen Müller", "MUELLER, Jurgen"),
        ("Mohammed Abdullah Al-Hassan", "Muhammad Abdallah Hassan"),
        ("Γεώργιος Παπαδόπουλος", "Georgios Papadopoulos"),
        ("John Fitzgerald Kennedy", "John F. Kennedy"),
        ("John Fitzgerald Kennedy", "Jon Kennedy"),
        ("Abdul Rahman Khan", "Abdulrahman Khan"),
    ],
)
def test_other_spellings_are_alike(one: str, other: str) -> None:
    assert alike(one, other) >= 0.85


@pytest.mark.parametrize(
    ("one", "other"), [("Anna Ivanova", "Anna Petrova"), ("Maria Silva", "Maria"), ("Li Wei", "Zhang Min")]
)
def test_one_shared_word_is_a_coincidence(one: str, other: str) -> None:
    assert alike(one, other) < 0.75
