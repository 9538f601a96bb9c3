"""Wallets, deposits, the statement of one account and the balances of all."""

from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy import Connection

from features.events import Asset, Currency, Id, Instant, Micros, instant_of, micros_of
from serving.contract import WalletAnswer
from serving.database import reading
from serving.ledger import book, exposure, history, rewards, statement, wallets
from serving.ledger.refusals import Conflicting
from serving.ledger.transfer import Account
from serving.openapi import READS, WRITES, refusals
from serving.pricing import campaigns
from serving.problems import bad_field, conflict, not_found
from serving.records import Unit
from serving.routes.asking import After, IdInPath, parts_of
from serving.routes.keys import OptionalKey, once

router = APIRouter(tags=["ledger"])
CampaignId = Annotated[str, Path(min_length=1, max_length=128, pattern=r"^[^\x00-\x1f\x7f]+$")]
AccountId = Annotated[str, Path(max_length=255, description="kind:currency:owner, e.g. wallet_available:CNY:u-1")]


class Deposit(BaseModel):
    """Money that an advertiser has paid in. The same `deposit_id` is booked once."""

    model_config = ConfigDict(extra="forbid")
    deposit_id: Id
    amount_micros: Annotated[Micros, Field(gt=0)]
    currency: Currency


class TrialLine(BaseModel):
    account_kind: str
    currency: str
    debit_micros: int
    credit_micros: int


class EntryLine(BaseModel):
    sequence: int
    transfer_id: str
    kind: str
    amount_micros: int = Field(description="positive when the account was credited")
    counterpart: str
    cause_id: str
    effective_at: Instant


class ExposureLine(BaseModel):
    """One partner in one currency, over the rewards that it may still take back."""

    partner_id: str
    currency: str
    rewards: int
    advanced_micros: int = Field(description="people's own already, in wallets or paid out")
    promised_micros: int = Field(description="will be, before the partner's date")
    lost_micros: int = Field(description="what blameless reversals cost the reserve so far")
    cap_micros: int | None = Field(description="null: no cap")
    until: Instant = Field(description="when the last of them can no longer be taken back")


class StatementAnswer(BaseModel):
    account_id: str
    balance_micros: int = Field(description="credits less debits, of all entries")
    held_micros: int
    entries: list[EntryLine] = Field(description="oldest first")
    next: int | None = Field(description="send it as `after` for the next page; null on the last")


class BalanceAnswer(BaseModel):
    account_id: str
    currency: str
    balance_micros: int = Field(description="credits less debits")
    held_micros: int = Field(description="of it, what holds and reservations set aside")
    available_micros: int = Field(description="the rest")


@router.get("/v1/ledger/wallets/{user_id:path}", responses=READS)
def wallet(user_id: IdInPath, request: Request, currency: Annotated[Asset, Query()] = "CNY") -> WalletAnswer:
    """A person's money: pending, available, held, and what of it could be withdrawn now (of PTS, points: converted)."""
    with reading(parts_of(request).engine) as connection:
        found = wallets.wallet(connection, user_id, currency)
    return WalletAnswer(
        user_id=user_id,
        currency=currency,
        pending_micros=found.pending_micros,
        available_micros=found.available_micros,
        held_micros=found.held_micros,
        withdrawable_micros=found.withdrawable_micros,
        frozen_micros=found.frozen_micros,
        owed_micros=found.owed_micros,
        accrued_micros=found.accrued_micros,
    )


@router.get("/v1/ledger/exposure", responses=refusals(401, 422, 500))
def exposed(request: Request) -> list[ExposureLine]:
    """What people have been given that partners may still take back, by partner. Reads many rewards: not for each
    request.
    """
    parts = parts_of(request)
    with reading(parts.engine) as connection:
        found = exposure.exposure(connection, parts.policy.exposure, parts.knowledge.now(parts.clock()))
    return [ExposureLine(**one.as_dict() | {"until": instant_of(one.until)}) for one in found]


@router.get("/v1/ledger/accounts/{account_id:path}/statement", responses=READS)
def account_statement(
    account_id: AccountId,
    request: Request,
    after: After = 0,
    limit: Annotated[int, Query(ge=1, le=statement.ENTRIES_MAX)] = 100,
) -> StatementAnswer:
    """What happened to one account, oldest first. A page never changes: nothing is edited, it is reversed."""
    account = _account_of(account_id)
    with reading(parts_of(request).engine) as connection:
        _assert_used(connection, account)
        balance = book.balance(connection, account)
        entries = statement.statement(connection, account, after, limit + 1)
    page = entries[:limit]
    return StatementAnswer(
        account_id=account_id,
        balance_micros=balance.posted_micros,
        held_micros=balance.held_micros,
        entries=[_line(entry) for entry in page],
        next=page[-1].sequence if len(entries) > limit else None,
    )


@router.get("/v1/ledger/accounts/{account_id:path}/balance", responses=READS)
def account_balance(
    account_id: AccountId,
    request: Request,
    at: Annotated[Instant | None, Query(description="of what had happened by then; now if left out")] = None,
    as_of: Annotated[Instant | None, Query(description="of what was recorded by then; now if left out")] = None,
) -> BalanceAnswer:
    """The balance of one account at any time: as it is known today (`at`), as it was known then (`as_of`), or what was
    known at one instant of another (both). Reads the account's whole history.
    """
    account = _account_of(account_id)
    happened, known = (history.EVER if one is None else micros_of(one) for one in (at, as_of))
    with reading(parts_of(request).engine) as connection:
        _assert_used(connection, account)
        found = history.balance_at(connection, account, happened, known)
    return BalanceAnswer(
        account_id=account_id,
        currency=account.asset,
        balance_micros=found.posted_micros,
        held_micros=found.held_micros,
        available_micros=found.available_micros,
    )


@router.post("/v1/ledger/campaigns/{campaign_id:path}/deposits", response_model=Deposit, responses=WRITES)
async def deposit(campaign_id: CampaignId, body: Deposit, request: Request, key: OptionalKey = None) -> Response:
    """Fill a campaign's prepaid budget. From then on its rewards are paid out of it, and stop when it is empty."""
    booked = rewards.Deposit(f"{body.deposit_id}/deposit", campaign_id, body.amount_micros, body.currency)

    def work(unit: Unit) -> Deposit:
        try:
            is_new = rewards.fund_campaign(unit.connection, booked, unit.now)
        except Conflicting:
            raise conflict(body.deposit_id, "deposit_id") from None
        if is_new:
            campaigns.assert_paid_in(unit.connection, campaign_id, body.currency)
        return body

    return await once(request, key, body, work)


@router.get("/v1/ledger/trial-balance", responses=refusals(401, 422, 500))
def trial_balance(request: Request) -> list[TrialLine]:
    """Every kind of account; per currency, debits equal credits."""
    with reading(parts_of(request).engine) as connection:
        lines = statement.trial_balance(connection)
    return [
        TrialLine(
            account_kind=line.kind,
            currency=line.asset,
            debit_micros=line.debit_micros,
            credit_micros=line.credit_micros,
        )
        for line in lines
    ]


def _account_of(account_id: str) -> Account:
    try:
        return Account.parse(account_id)
    except ValueError:
        raise bad_field("account_id", "is kind:currency:owner, e.g. wallet_available:CNY:u-1") from None


def _assert_used(connection: Connection, account: Account) -> None:
    if not book.exists(connection, account):
        raise not_found(f"account {account.id}")


def _line(entry: statement.Entry) -> EntryLine:
    return EntryLine(
        sequence=entry.sequence,
        transfer_id=entry.transfer_id,
        kind=entry.kind,
        amount_micros=entry.amount_micros,
        counterpart=entry.counterpart,
        cause_id=entry.cause_id,
        effective_at=instant_of(entry.effective_at),
    )
