"""What lets others check the book without us: the newest signed head, its public key, and a person's own entries."""

from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field

from features.events import Instant, micros_of
from serving.database import reading
from serving.ledger.proof import kept, tree
from serving.ledger.proof.entries import Period, prove_entries
from serving.ledger.proof.heads import Head, to_pem
from serving.openapi import READS, refusals
from serving.parts import Parts
from serving.problems import not_found
from serving.routes.asking import IdInPath, parts_of

router = APIRouter(tags=["proofs"])


class HeadAnswer(BaseModel):
    """Keep heads where we cannot write: a book that does not fit one of them was rewritten."""

    head: dict[str, Any] = Field(description="size, root, chain, at, key and signature; bytes in hexadecimal")
    public_key: str = Field(description="PEM of the Ed25519 key; compare it with the one that you were given before")


@router.get("/v1/ledger/proofs/head", responses=refusals(401, 404, 500))
def head(request: Request) -> HeadAnswer:
    """The newest signed head of the book, at most ten seconds old, and the key to check it with."""
    parts = parts_of(request)
    if parts.proof_key is None:
        raise not_found("key of heads")
    return HeadAnswer(head=_newest(parts).as_json(), public_key=to_pem(parts.proof_key))


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
    assert parts.places is not None
    begun = tree.load(parts.places.tiles)
    period = Period(
        since=whole.since if since is None else micros_of(since),
        until=whole.until if until is None else micros_of(until),
    )
    with reading(parts.engine) as connection:
        return prove_entries(connection, user_id, newest, begun if begun.size <= newest.size else tree.Tree(), period)


def _newest(parts: Parts) -> Head:
    folders = parts.places.folders if parts.places else ()
    heads = [found for folder in folders if (found := kept.last_of(folder)) is not None]
    if not heads:
        raise not_found("signed head yet: the first is signed ten seconds after the first entry")
    return max(heads, key=lambda one: one.size)
