"""A person checks their entries with a key and a file; whoever changes the file proves nothing any more."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from sqlalchemy import Connection, CursorResult, Engine

from serving.ledger import chain
from serving.ledger.proof import slip
from serving.ledger.proof.entries import Period, prove_entries
from serving.ledger.proof.heads import Head, to_pem
from serving.ledger.proof.rows import Rows
from serving.ledger.proof.signing import BookRewritten, Signer
from serving.ledger.proof.slip import Unproven
from serving.ledger.proof.tree import Tree
from serving.ledger.refusals import Missing

Document = dict[str, Any]


@pytest.fixture
def head(filled: Engine, signer: Signer, now: int, fill: Callable[..., None]) -> Head:
    """Of a book that went on after it was signed."""
    head = signer.sign(now)
    assert head is not None
    with filled.begin() as connection:
        fill(connection, 24, first=700)
    return head


@pytest.fixture
def document(filled: Engine, head: Head) -> Document:
    with filled.connect() as connection:
        made = prove_entries(connection, "user-5", head, Tree())
    read: Document = json.loads(json.dumps(made))
    return read


@pytest.fixture
def key(signer: Signer) -> Ed25519PublicKey:
    return signer._key.public_key()


def test_a_person_s_entries_are_proven(document: Document, key: Ed25519PublicKey, head: Head) -> None:
    checked = slip.check(document, key)
    (total,) = checked.totals
    assert checked.head == head
    assert (total.account, total.is_whole) == ("wallet_available in JPY", True)
    assert total.credited_micros == sum(1_000_000 + number for number in range(5, 120, 12))
    # The head came before the last of the rewards. Those of every tenth event were captured, and none of hers is.
    assert (total.entries, total.debited_micros) == (10, 0)


def test_a_period_is_proven_without_what_lies_around_it(
    filled: Engine, head: Head, key: Ed25519PublicKey, now: int
) -> None:
    with filled.connect() as connection:
        made = prove_entries(connection, "user-5", head, Tree(), Period(now + 30, now + 80))
    (account,) = made["accounts"]
    assert [row["recorded_at"] - now for row in account["entries"]] == sorted(
        row["recorded_at"] - now for row in account["entries"]
    )
    assert all(30 <= row["recorded_at"] - now < 80 for row in account["entries"])
    (total,) = slip.check(made, key).totals
    assert total.entries >= 4
    assert not total.is_whole


def changes(document: Document) -> list[tuple[str, Document]]:
    """Every field of the file changed, one at a time."""
    made = []

    def walk(value: Any, path: tuple[Any, ...]) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                walk(inner, (*path, name))
        elif isinstance(value, list):
            for place, inner in enumerate(value[:3]):
                walk(inner, (*path, place))
        else:
            made.append((".".join(map(str, path)), _with(document, path, _other(value))))

    walk(document, ())
    return made


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("1" if value[-1:] == "0" else "0")
    return "x"


def _with(document: Document, path: tuple[Any, ...], value: Any) -> Document:
    copied = copy.deepcopy(document)
    inner: Any = copied
    for name in path[:-1]:
        inner = inner[name]
    inner[path[-1]] = value
    return copied


def test_a_file_with_anything_changed_proves_nothing(document: Document, key: Ed25519PublicKey) -> None:
    believed = []
    for where, changed in changes(document):
        try:
            slip.check(changed, key)
        except Unproven:
            continue
        believed.append(where)
    assert believed == []


def test_an_entry_that_was_left_out_is_missed(document: Document, key: Ed25519PublicKey) -> None:
    del document["accounts"][0]["entries"][3]
    with pytest.raises(Unproven, match="another entry was left out"):
        slip.check(document, key)


def test_a_file_that_was_cut_of_its_newest_entries_or_an_account_is_noticed(
    document: Document, key: Ed25519PublicKey
) -> None:
    for cut in (copy.deepcopy(document), document | {"accounts": []}):
        if cut["accounts"]:
            cut["accounts"][0]["entries"].pop()
        with pytest.raises(Unproven, match=r"made with 10 entries, and holds (9|0): some are missing"):
            slip.check(cut, key)


def test_an_older_head_in_the_file_is_noticed(
    filled: Engine, signer: Signer, head: Head, document: Document, key: Ed25519PublicKey, now: int
) -> None:
    with filled.connect() as connection:
        newer = signer.sign(now + 1)
        assert newer is not None
        made = prove_entries(connection, "user-7", newer, Tree())
    with pytest.raises(Unproven, match=f"over {newer.size} events, and holds one over {head.size}"):
        slip.check(made | {"head": document["head"], "accounts": []}, key)


def test_a_file_of_an_earlier_release_still_proves_its_entries(document: Document, key: Ed25519PublicKey) -> None:
    earlier = {name: value for name, value in document.items() if name not in {"size", "count"}} | {"format": 1}
    assert slip.check(earlier, key) == slip.check(document, key)


def test_another_person_s_account_is_not_believed(filled: Engine, head: Head, key: Ed25519PublicKey) -> None:
    with filled.connect() as connection:
        made = prove_entries(connection, "user-7", head, Tree())
    with pytest.raises(Unproven, match="belongs to somebody else"):
        slip.check(made | {"user_id": "user-5"}, key)


def test_another_key_proves_nothing(document: Document) -> None:
    with pytest.raises(Unproven, match="not signed with this key"):
        slip.check(document, Ed25519PrivateKey.generate().public_key())


@pytest.mark.parametrize("document", [None, [], {}, {"format": 1}, {"format": 2}, {"format": 1, "head": {}}, "text"])
def test_what_is_no_such_file_is_refused_in_words(document: Any, key: Ed25519PublicKey) -> None:
    with pytest.raises(Unproven, match="the file"):
        slip.check(document, key)


def test_somebody_without_an_account_has_no_entries(filled: Engine, head: Head) -> None:
    with filled.connect() as connection, pytest.raises(Missing):
        prove_entries(connection, "nobody", head, Tree())


def test_a_rewritten_book_gives_no_proofs(
    head: Head, intruder: Connection, run: Callable[..., CursorResult[Any]], forge: Callable[[Connection], None]
) -> None:
    run(intruder, "UPDATE transfer SET amount_micros = 9 WHERE id = 'event-5/reward'")
    forge(intruder)
    with pytest.raises(BookRewritten):
        prove_entries(intruder, "user-5", head, Tree())


def test_the_hashes_are_those_of_the_chain(filled: Engine) -> None:
    with filled.connect() as connection:
        for link in chain.walk(connection):
            row = link.row._asdict()
            if link.is_transfer:
                previous = before(connection, link.sequence)
                assert slip.transfer_hash(previous, row) == link.hash
            elif row["kind"] == "opened":
                assert slip.opening_hash(before(connection, link.sequence), row) == link.hash


def before(connection: Connection, sequence: int) -> bytes:
    return Rows(connection).hashes(sequence - 2, 1)[0] if sequence > 1 else chain.GENESIS


def test_the_check_needs_no_database_and_no_array(document: Document, key: Ed25519PublicKey, tmp_path: Path) -> None:
    """Imported are the standard library, `cryptography` and three files of ours."""
    (tmp_path / "slip.json").write_text(json.dumps(document))
    (tmp_path / "key.pem").write_text(to_pem(key))
    script = (
        f"import json, sys; sys.path.insert(0, {str(Path(slip.__file__).parents[3])!r})\n"
        "from serving.ledger.proof import heads, slip\n"
        "print(slip.check(json.load(open('slip.json')), heads.from_pem(open('key.pem').read())).user_id)\n"
        "print(sorted({'sqlalchemy', 'numpy', 'numba', 'pydantic', 'features'} & set(sys.modules)))\n"
    )
    ran = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.stdout == "user-5\n[]\n", ran.stderr
