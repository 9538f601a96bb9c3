"""A person's entries checked without us: against a signed head, with nothing but the public key and this file.

Needs the standard library and `cryptography`, no database and no network. What is shown by it: each entry stands in the
book that was signed, with just these amounts and instants; the accounts are this person's; and between the first and
the last entry of an account none was left out, because each names the one before it. That none is newer only the file
itself says, by its count of entries and the size of its head: it shows a file that was cut, not one that was forged.
"""

import hashlib
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from serving.ledger.proof.heads import Head, is_signed
from serving.ledger.proof.merkle import includes, leaf_hash

FORMAT: Final = 2
_UNCOUNTED: Final = 1  # files of earlier releases, which say neither how many entries they hold nor under which head
_TRANSFER: Final = struct.Struct(">QcQQQQQqqHHH").pack
_OPENING: Final = struct.Struct(">QcQ?qqHI").pack


class Unproven(ValueError):  # noqa: N818  # it names what the file is
    """The file does not show what it says. The message names the entry."""


@dataclass(frozen=True, slots=True)
class Total:
    """What an account got and gave by the entries, micros; `is_whole`: from its very first entry on."""

    account: str
    entries: int
    credited_micros: int
    debited_micros: int
    is_whole: bool


@dataclass(frozen=True, slots=True)
class Checked:
    user_id: str
    head: Head
    totals: Sequence[Total]


def check(document: Any, key: Ed25519PublicKey) -> Checked:
    """Raises `Unproven`."""
    try:
        return _check(document, key)
    except Unproven:
        raise
    except (KeyError, TypeError, AttributeError, ValueError, struct.error) as failure:
        raise Unproven(f"the file is not what `assay ledger payslip-proof` writes: {failure!r}") from None


def transfer_hash(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """As serving/ledger/chain.py makes it, said once more so that this file stands alone."""
    texts = [(row[name] or "").encode() for name in ("id", "cause_id", "hold_id")]
    numbers = _TRANSFER(
        row["sequence"],
        b"T",
        *(row[name] for name in ("debit", "credit", "amount_micros", "debit_before", "credit_before")),
        row["effective_at"],
        row["recorded_at"],
        *map(len, texts),
    )
    return hashlib.sha256(b"".join((previous, numbers, *texts, row["kind"].encode()))).digest()


def opening_hash(previous: bytes, row: Mapping[str, Any]) -> bytes:
    """The same of the event that opened an account."""
    body, micros, sequence = row["body"].encode(), row["micros"], row["sequence"]
    numbers = _OPENING(sequence, b"E", sequence, micros is not None, micros or 0, row["at"], len("opened"), len(body))
    return hashlib.sha256(previous + numbers + b"opened" + body).digest()


def opening_body(account: Mapping[str, Any]) -> str:
    """What the event that opened an account says of it."""
    digest = hashlib.sha256(bytes.fromhex(account["sealed"])).hexdigest()
    asset, exponent, kind = account["asset"], account["exponent"], account["kind"]
    return f'{{"asset":"{asset}","exponent":{exponent},"kind":"{kind}","owner":"{digest}"}}'


def _check(document: Any, key: Ed25519PublicKey) -> Checked:
    if document["format"] not in (_UNCOUNTED, FORMAT):
        raise Unproven(f"the file has format {document['format']}, this release checks format {FORMAT}")
    try:
        head = Head.from_json(document["head"])
    except ValueError as failure:
        raise Unproven(f"the file has no head: {failure}") from None
    if not is_signed(head, key):
        raise Unproven("the head is not signed with this key: the entries prove nothing")
    totals = [_check_account(account, document, head) for account in document["accounts"]]
    if document["format"] == FORMAT or "count" in document:
        _assert_uncut(document, head, sum(total.entries for total in totals))
    return Checked(document["user_id"], head, totals)


def _assert_uncut(document: Mapping[str, Any], head: Head, entries: int) -> None:
    if document["size"] != head.size:
        raise Unproven(f"the file was made under a head over {document['size']} events, and holds one over {head.size}")
    if document["count"] != entries:
        raise Unproven(f"the file was made with {document['count']} entries, and holds {entries}: some are missing")


def _check_account(account: Mapping[str, Any], document: Mapping[str, Any], head: Head) -> Total:
    name = f"account {account['number']}"
    opening = dict(account["opened"])
    sealed = bytes.fromhex(account["sealed"])
    if opening["sequence"] != account["number"] or opening["body"] != opening_body(account):
        raise Unproven(f"{name} was not opened as the file says")
    if owner_of(sealed, bytes.fromhex(document["key"])) != document["user_id"]:
        raise Unproven(f"{name} belongs to somebody else")
    _assert_under(opening, opening_hash(_hash(opening["previous"]), opening), head, f"{name}'s opening")
    before = account["after"]
    credited = debited = 0
    for entry in account["entries"]:
        what = f"entry {entry['sequence']} of {name}"
        _assert_under(entry, transfer_hash(_hash(entry["previous"]), entry), head, what)
        is_credit = entry["credit"] == account["number"]
        if not is_credit and entry["debit"] != account["number"]:
            raise Unproven(f"{what} moves money of other accounts")
        if entry["credit_before" if is_credit else "debit_before"] != before:
            raise Unproven(f"before {what} another entry was left out")
        before = entry["sequence"]
        credited += entry["amount_micros"] if is_credit else 0
        debited += 0 if is_credit else entry["amount_micros"]
    label = f"{account['kind']} in {account['asset']}"
    return Total(label, len(account["entries"]), credited, debited, account["after"] == 0)


def owner_of(sealed: bytes, key: bytes) -> str | None:
    """As serving/ledger/owners.py opens it; None for another key."""
    if sealed[:32] != hashlib.sha256(b"assay owner: key" + key).digest():
        return None
    try:
        return AESGCM(key).decrypt(sealed[32:44], sealed[44:], None).decode()
    except (InvalidTag, ValueError):
        return None


def _assert_under(row: Mapping[str, Any], hash_: bytes, head: Head, what: str) -> None:
    path = [_hash(step) for step in row["path"]]
    if not includes(leaf_hash(hash_), row["sequence"] - 1, head.size, path, head.root):
        raise Unproven(f"{what} does not stand so in the book that was signed")


def _hash(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise Unproven("a hash in the file is none") from None
