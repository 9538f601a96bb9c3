"""Campaigns as the advertiser ordered them, and what is left of their two budgets."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Integer,
    Row,
    String,
    Table,
    Text,
    bindparam,
    insert,
    select,
    update,
)

from features.events import micros_of
from serving.contract import Campaign, CampaignAnswer
from serving.database import METADATA
from serving.ledger import book, budgets
from serving.ledger.accounts import ACCOUNT, BALANCE, STANDING
from serving.ledger.refusals import InsufficientFunds
from serving.ledger.transfer import Account
from serving.problems import bad_field, not_found
from serving.records import Unit

FOREVER: Final = 2**62
READ_MAX: Final = 10_000
"""Campaigns whose orders are kept as they were read."""

CAMPAIGN = Table(
    "campaign",
    METADATA,
    Column("campaign_id", String(128), primary_key=True),
    Column("currency", String(3), nullable=False),
    Column("body", Text, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
)
_FIND: Final = select(CAMPAIGN).where(CAMPAIGN.c.campaign_id.in_(bindparam("ids", expanding=True)))
_CHANGE: Final = (
    update(CAMPAIGN)
    .where(CAMPAIGN.c.campaign_id == bindparam("campaign"))
    .values(body=bindparam("ordered"), revision=CAMPAIGN.c.revision + 1, changed_at=bindparam("now"))
)
_LEFT: Final = (
    select(ACCOUNT.c.id, BALANCE.c.posted, BALANCE.c.pending_out)
    .select_from(STANDING)
    .where(ACCOUNT.c.id.in_(bindparam("ids", expanding=True)))
)


@dataclass(frozen=True, slots=True)
class Left:
    """Of a budget, in micros."""

    available_micros: int
    reserved_micros: int


@dataclass(frozen=True, slots=True)
class Standing:
    """A campaign as it stands: what was ordered (None: nothing was, candidates speak for themselves), from when until
    when it runs, and what is left of its budgets (None: there is none, and so no bound).
    """

    ordered: Campaign | None = None
    begins: int = 0
    ends: int = FOREVER
    value: Left | None = None
    reward: Left | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a campaign with a prepaid budget has not spent yet, held or not, and until when it may. `task_kind`: as it
    was ordered, None where each candidate says its own.
    """

    campaign_id: str
    currency: str
    unspent_micros: int
    starts_at: int
    ends_at: int
    task_kind: str | None = None


def order(unit: Unit, campaign_id: str, wanted: Campaign) -> CampaignAnswer:
    """Take an order, or change it; the same again has no effect. Offers that were made stay as they are.

    Raises Problem (422) for another currency than before, and for a reward budget below what is spent or reserved.
    """
    connection = unit.connection
    known = connection.execute(_FIND, {"ids": [campaign_id]}).one_or_none()
    if known is None:
        row = {
            "campaign_id": campaign_id,
            "currency": wanted.currency,
            "body": "",
            "revision": 0,
            "changed_at": unit.now,
        }
        connection.execute(insert(CAMPAIGN), [row])
    elif known.currency != wanted.currency:
        raise bad_field("currency", f"the campaign's is {known.currency} for ever; open another campaign")
    body = wanted.model_dump_json()
    if known is None or known.body != body:
        _allocate(unit, campaign_id, known, wanted)
        connection.execute(_CHANGE, {"campaign": campaign_id, "ordered": body, "now": unit.now})
    return answer(connection, campaign_id)


def answer(connection: Connection, campaign_id: str) -> CampaignAnswer:
    """Raises Problem (404) for a campaign that was never ordered."""
    known = connection.execute(_FIND, {"ids": [campaign_id]}).one_or_none()
    if known is None:
        raise not_found(f"campaign {campaign_id}: it may have deposits, but PUT /v1/campaigns/{campaign_id} orders it")
    standing = standings(connection, {(campaign_id, known.currency)})[campaign_id, known.currency]
    assert standing.ordered is not None, "it was just found"
    return CampaignAnswer(
        campaign_id=campaign_id,
        campaign=standing.ordered,
        value_left_micros=standing.value and standing.value.available_micros,
        value_reserved_micros=standing.value.reserved_micros if standing.value else 0,
        reward_left_micros=standing.reward and standing.reward.available_micros,
        reward_reserved_micros=standing.reward.reserved_micros if standing.reward else 0,
    )


def assert_paid_in(connection: Connection, campaign_id: str, currency: str) -> None:
    """Raises Problem (422) where the campaign was ordered in another currency: no offer could spend such a deposit."""
    known = connection.execute(_FIND, {"ids": [campaign_id]}).one_or_none()
    if known is not None and known.currency != currency:
        raise bad_field("currency", f"the campaign is paid in {known.currency}; order another one for {currency}")


def standings(connection: Connection, asked: Iterable[tuple[str, str]]) -> dict[tuple[str, str], Standing]:
    """Each campaign as it stands, by its id and the currency that is asked about."""
    keys = list(asked)
    rows = connection.execute(_FIND, {"ids": [campaign for campaign, _ in keys]}).all()
    ordered = {row.campaign_id: _read(row.body) for row in rows}
    value = {key: _budget_ids(*key)[0] for key in keys}
    reward = {key: _budget_ids(*key)[1] for key in keys if _has_reward_budget(ordered.get(key[0]))}
    asked_of = [*value.values(), *reward.values()]
    found_of = connection.execute(_LEFT, {"ids": asked_of}).all()
    left = {id_: Left(posted - pending_out, pending_out) for id_, posted, pending_out in found_of}
    found = {}
    for key in keys:
        order_, begins, ends = ordered.get(key[0], (None, 0, FOREVER))
        spendable = left.get(reward[key], Left(0, 0)) if key in reward else None
        found[key] = Standing(order_, begins, ends, left.get(value[key]), spendable)
    return found


def plans(connection: Connection) -> list[Plan]:
    """Of every campaign that was ordered and has deposits."""
    rows = connection.execute(select(CAMPAIGN)).all()
    standing = standings(connection, [(row.campaign_id, row.currency) for row in rows])
    return [
        Plan(
            campaign,
            currency,
            one.value.available_micros + one.value.reserved_micros,
            one.begins,
            one.ends,
            one.ordered.task_kind if one.ordered else None,
        )
        for (campaign, currency), one in standing.items()
        if one.value is not None
    ]


def payer_of(campaign_id: str, currency: str, standing: Standing) -> Account | None:
    """The reward budget that bears the campaign's rewards; None where it has none."""
    return None if standing.reward is None else budgets.reward_budget_of(campaign_id, currency)


@lru_cache(READ_MAX)
def _read(body: str) -> tuple[Campaign, int, int]:
    """What was ordered, the first instant of its window, and the first one after it."""
    ordered = Campaign.model_validate_json(body)
    return ordered, micros_of(ordered.starts_at), micros_of(ordered.ends_at)


@lru_cache(READ_MAX)
def _budget_ids(campaign_id: str, currency: str) -> tuple[str, str]:
    """Of the accounts that hold the advertiser's money, and what may be spent on rewards."""
    return budgets.budget_of(campaign_id, currency).id, budgets.reward_budget_of(campaign_id, currency).id


def _has_reward_budget(read: tuple[Campaign, int, int] | None) -> bool:
    return read is not None and read[0].reward_budget_micros is not None


def _allocate(unit: Unit, campaign_id: str, known: Row[Any] | None, wanted: Campaign) -> None:
    """Move the difference between the reward budget that was ordered before and the one that is."""
    before = Campaign.model_validate_json(known.body).reward_budget_micros if known else None
    change = (wanted.reward_budget_micros or 0) - (before or 0)
    if not change:
        return
    account = budgets.reward_budget_of(campaign_id, wanted.currency)
    revision = known.revision + 1 if known else 1
    try:
        budgets.allocate(unit.connection, account, change, f"{campaign_id}/reward-budget/{revision}", unit.now)
    except InsufficientFunds:
        left = book.balance(unit.connection, account).available_micros
        message = f"can be lowered by at most {left}, for the rest is spent or reserved"
        raise bad_field("reward_budget_micros", message) from None
