"""YAML that people write is read whole, or refused by its line with what to do."""

from datetime import date

import pytest

from features.written import NotYaml, read_yaml

STRANGE = (
    ("a: [", "line 1: ", "indentation, quotes, colons and brackets"),
    ("a: 1\nb: *none", "line 2: ", "quotes"),
    ("a: 1\nb: !mine 1", "line 2: ", "quotes"),
    ("a: 1\n\na: 1", "line 3: a is given twice: ", "give each key once"),
    ("a:\n  b: 1\n  b: 2", "line 3: b is given twice: ", "give each key once"),
    ("a: 1\nb: 2026-13-45", "line 2: ", "put it in quotes"),
    ("a: 1\nb: [1, " + "9" * 5_000 + "]", "line 2: ", "put it in quotes"),
    ("a: !!int ''", "line 1: ", "put it in quotes"),
    ("a: !!bool maybe", "line 1: ", "put it in quotes"),
    ("a: !!timestamp soon", "line 1: ", "put it in quotes"),
    ("[" * 5_000, "is not YAML: it is nested too deep: ", "no deeper"),
    ("a: \0", "is not YAML: ", "UTF-8"),
)


@pytest.mark.parametrize(("text", "place", "remedy"), STRANGE, ids=range(len(STRANGE)))
def test_what_cannot_be_read_is_refused_by_its_line_and_remedy(text: str, place: str, remedy: str) -> None:
    with pytest.raises(NotYaml) as refused:
        read_yaml(text)
    assert place in str(refused.value)
    assert remedy in refused.value.remedy
    assert "\n" not in str(refused.value)


def test_bytes_of_another_encoding_are_refused() -> None:
    with pytest.raises(NotYaml, match="UTF-8"):
        read_yaml("name: Bücher".encode("latin-1"))


@pytest.mark.parametrize("text", ["a: [", "a: 1\na: 2", "[" * 5_000, "a: \0"])
def test_as_text_the_same_is_refused(text: str) -> None:
    with pytest.raises(NotYaml):
        read_yaml(text, is_all_text=True)


def test_what_can_be_read_keeps_its_types_or_is_text() -> None:
    text = "on: 1\nday: 2026-01-31\nnested: &it {on: yes}\nmerged: {<<: *it, off: 2}"
    assert read_yaml(text) == {
        True: 1,
        "day": date(2026, 1, 31),
        "nested": {True: True},
        "merged": {True: True, False: 2},
    }
    assert read_yaml("on: 1\nday: 2026-13-45", is_all_text=True) == {"on": "1", "day": "2026-13-45"}
