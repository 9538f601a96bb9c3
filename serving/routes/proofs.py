"""What lets others check the book without us: signed heads and what joins them, the key, and a person's own entries."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from features.events import Instant, micros_of
from serving.database import reading
from serving.ledger.proof import kept, tree
from serving.ledger.proof.entries import Period, prove_entries
from serving.ledger.proof.growth import prove_growth
from serving.ledger.proof.heads import Head, to_pem
from serving.openapi import READS
from serving.parts import Parts
from serving.problems import bad_field, not_found
from serving.routes.asking import IdInPath, parts_of

router = APIRouter(tags=["proofs"])
Size = Annotated[int, Query(ge=1, lt=2**63)]


class HeadAnswer(BaseModel):
    """Keep heads where we cannot write: a book that does not fit one of them was rewritten."""

    head: dict[str, Any] = Field(description="size, root, chain, at, key and signature; bytes in hexadecimal")
    public_key: str = Field(description="PEM of the Ed25519 key; compare it with the one that you were given before")


@router.get("/v1/ledger/proofs/head", responses=READS)
def head(request: Request) -> HeadAnswer:
    """The newest signed head of the book, at most ten seconds old, and the key to check it with."""
    parts = parts_of(request)
    if parts.proof_key is None:
        raise not_found("key of heads")
    return HeadAnswer(head=_newest(parts).as_json(), public_key=to_pem(parts.proof_key))


class ConsistencyAnswer(BaseModel):
    """Check it with the two signed heads: `assay ledger check-heads`, or any program that follows RFC 9162."""

    old: int = Field(alias="from", description="events under the earlier head")
    new: int = Field(alias="to", description="events under the later head")
    path: list[str] = Field(description="hashes in hexadecimal, at most 64; none where both are the same size")


@router.get("/v1/ledger/proofs/consistency", responses=READS)
def consistency(
    old: Annotated[Size, Query(alias="from", description="`size` of the head that you kept")],
    new: Annotated[Size, Query(alias="to", description="`size` of a later head, the newest at most")],
    request: Request,
) -> ConsistencyAnswer:
    """That the book only grew from one signed head to a later one: a consistency proof of RFC 9162, 2.1.4."""
    parts = parts_of(request)
    newest = _newest(parts)
    if new > newest.size:
        raise bad_field("to", f"must be {newest.size} or less: the newest head covers so many events")
    if old > new:
        raise bad_field("from", "must be `to` or less: the earlier head comes first")
    with reading(parts.engine) as connection:
        path = prove_growth(connection, old, new, newest, _begun(parts, newest))
    return ConsistencyAnswer.model_validate({"from": old, "to": new, "path": [step.hex() for step in path]})


@router.get("/v1/ledger/proofs/people/{user_id:path}", responses=READS)
def person_proof(
    user_id: IdInPath,
    request: Request,
    since: Annotated[Instant | None, Query(alias="from", description="entries recorded from then on")] = None,
    until: Annotated[Instant | None, Query(alias="to", description="and before this")] = None,
) -> dict[str, Any]:
    """A person's entries with the proofs that let anybody check them offline: `assay ledger check-payslip`."""
    parts = parts_of(request)
    newest, whole = _newest(parts), Period()
    period = Period(
        since=whole.since if since is None else micros_of(since),
        until=whole.until if until is None else micros_of(until),
    )
    with reading(parts.engine) as connection:
        return prove_entries(connection, user_id, newest, _begun(parts, newest), period)


def _newest(parts: Parts) -> Head:
    folders = parts.places.folders if parts.places else ()
    heads = [found for folder in folders if (found := kept.last_of(folder)) is not None]
    if not heads:
        raise not_found("signed head yet: the first is signed ten seconds after the first entry")
    return max(heads, key=lambda one: one.size)


def _begun(parts: Parts, newest: Head) -> tree.Tree:
    """As much of the tree under `newest` as was kept in a file."""
    assert parts.places is not None, "there is a head"
    begun = tree.load(parts.places.tiles)
    return begun if begun.size <= newest.size else tree.Tree()
