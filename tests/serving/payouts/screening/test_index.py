from pathlib import Path

import pytest

from serving.payouts.identity.persons import Person
from serving.payouts.screening import index
from serving.payouts.screening.index import NameIndex
from serving.payouts.screening.lists import BadList, Entry, NameList, read_lists
from serving.payouts.screening.names import Unreadable
from serving.payouts.screening.screen import ListScreen
from serving.policy import load_policy

POLICY = load_policy().screening
HEADER = "id,schema,name,aliases,birth_date,countries\n"
LISTED = NameList.of(
    [
        Entry("dmitry", ("Dmitry Sergeyevich Shcherbakov", "Дмитрий Щербаков"), ("1970",)),
        Entry("wang", ("王小明",)),
        Entry("anna", ("Anna Kowalska",), ("1985-04-01", "1986")),
    ]
)


def found(name: str, birth: str | None = None, listed: NameList = LISTED) -> list[str]:
    return [match.entry.id for match in NameIndex(listed).search(Person((name,), birth), POLICY)]


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("Dmitrij Scherbakow", "dmitry"),
        ("SHCHERBAKOV Dmitry", "dmitry"),
        ("Dmitry Shcherbakof", "dmitry"),
        ("Xiaoming Wang", "wang"),
        ("Аnna Kowаlska", "anna"),
        ("Anna Kowlaska", "anna"),
    ],
)
def test_another_spelling_of_a_listed_name_is_found(name: str, entry: str) -> None:
    assert found(name) == [entry]


@pytest.mark.parametrize("name", ["Anna", "Dmitry Petrov", "Peter Kowalski", "Wang"])
def test_somebody_else_is_not(name: str) -> None:
    assert found(name) == []


@pytest.mark.parametrize(
    ("birth", "is_found"), [(None, False), ("1985-12-31", True), ("1987-01-01", True), ("1988-01-01", False)]
)
def test_a_date_of_birth_decides_how_like_is_too_like(birth: str | None, is_found: bool) -> None:
    """`Ana Kovaska` is 0.877 like the listed name."""
    assert bool(found("Hanna Kowalsky", birth)) == is_found


def test_the_very_name_is_a_question_even_with_another_date() -> None:
    assert found("Anna Kowalska", "1950-01-01") == ["anna"]


def test_each_name_of_a_person_is_searched_and_each_entry_found_once() -> None:
    person = Person(("Dmitry Shcherbakov", "Дмитрий Щербаков", "Xiaoming Wang"))
    assert [match.entry.id for match in NameIndex(LISTED).search(person, POLICY)] == ["dmitry", "wang"]


def test_a_name_like_too_many_is_for_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "COMPARED_MAX", 10)
    crowd = NameList.of(Entry(str(place), ("Ali Khan",)) for place in range(11))
    with pytest.raises(Unreadable, match="more than 10 listed"):
        found("Ali Khan", listed=crowd)


def test_the_longest_name_is_compared_with_a_bounded_number(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[object] = []
    monkeypatch.setattr(index, "likeness", lambda *both: compared.append(both) or 0.0)
    words = [chr(97 + one) * 2 + chr(97 + two) for one in range(8) for two in range(8)]
    crowd = NameList.of(Entry(f"{one} {two}", (f"{one} {two}",)) for one in words for two in words if one < two)
    try:
        found(" ".join(words[:16]), listed=crowd)
    except Unreadable:
        return
    assert len(compared) <= index.COMPARED_MAX


def test_names_that_say_nothing_are_never_found_and_break_nothing() -> None:
    odd = NameList.of([Entry("1", ("-", "\u202e", "a " * 100)), Entry("2", ("de la",))])
    assert len(NameIndex(odd)) == 0
    assert found("Anna Kowalska", listed=odd) == []


def test_a_list_is_read_from_the_columns_of_opensanctions(tmp_path: Path) -> None:
    file = tmp_path / "eu.csv"
    file.write_text(
        HEADER + 'Q1,Person,"Kowalska, Anna",Ania Kowalska;  ,1985-04-01;1986,pl\nV1,Vessel,Titanic,,,\n',
        encoding="utf-8-sig",
    )
    assert read_lists([file]).entries == (Entry("eu/Q1", ("Kowalska, Anna", "Ania Kowalska"), ("1985-04-01", "1986")),)
    assert ListScreen.of_files([file], POLICY).search(Person(("Anna Kowalska",)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,name\n", "bad.csv: its first line does not name the columns aliases, birth_date: save it with those of"),
        (HEADER + "Q1,Person,,,,\n", "bad.csv, line 2: an entry needs an id and a name"),
        (HEADER + "Q1,Person,A B,,31.12.1970,\n", "line 2: birth_date '31.12.1970': write 1970"),
        (HEADER + "Q1,Person,A B,,,\nQ1,Person,C D,,,\n", "'bad/Q1' is listed twice"),
        (HEADER + f"Q1,Person,{';'.join('x')},{';'.join(str(one) for one in range(300))},,\n", "more than 200 names"),
        (HEADER, "bad.csv lists no person: put back what it listed"),
        (HEADER + "V1,Vessel,Titanic,,,\n", "bad.csv lists no person"),
        (HEADER + "Q1,Person,A B,,,\nQ2,person,C D,,,\n", "line 3: schema 'person': write Person"),
        (HEADER + "Q1,PERSON ,A B,,,\n", "line 2: schema 'PERSON ': write Person"),
        (HEADER + 'Q1,Person,"A B,,,\nQ2,Person,C D,,,\n', "line 3: unexpected end of data: save it as CSV"),
        (HEADER + 'Q1,Person,"A"B,,,\n', "line 2: .*: save it as CSV"),
        (HEADER + 'Q1,Person,"A B,,,\nQ2,Person,C D",,,\n', "line 3: a name holds a line break or a NUL"),
        (HEADER + 'Q1,Person,A B,"C\rD",,\n', "a name holds a line break or a NUL"),
        (HEADER + "Q1,Person,A\0B,,,\n", "line 2: a name holds a line break or a NUL"),
    ],
)
def test_a_list_with_a_fault_is_refused_whole_and_says_where(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "bad.csv").write_text(text)
    with pytest.raises(BadList, match=message) as refused:
        read_lists([tmp_path / "bad.csv"])
    assert str(refused.value).startswith(str(tmp_path / "bad.csv")) or "listed twice" in message, "the whole path"


def test_a_list_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.csv").write_bytes(HEADER.encode() + "Q1,Person,Müller,,,\n".encode("latin-1"))
    with pytest.raises(BadList, match="save it as CSV in UTF-8"):
        read_lists([tmp_path / "bad.csv"])


def test_the_version_is_of_what_the_list_says_and_of_the_thresholds() -> None:
    turned = NameList.of(reversed(LISTED.entries))
    assert turned.version == LISTED.version
    assert NameList.of(LISTED.entries[:2]).version != LISTED.version
    stricter = POLICY.model_copy(update={"score_min": 0.9})
    assert ListScreen(NameIndex(LISTED), POLICY).version != ListScreen(NameIndex(LISTED), stricter).version
