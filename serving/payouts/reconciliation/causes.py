"""Why our book and a statement differ: the likely causes, and what a person does about each."""

from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """A provider pays people for us; a partner pays us for what people did."""

    PROVIDER = "provider"
    PARTNER = "partner"


class Cause(StrEnum):
    UNKNOWN_TO_US = "unknown_to_us"
    UNREPORTED = "unreported"
    UNKNOWN_TO_THEM = "unknown_to_them"
    UNPAID = "unpaid"
    SCRUBBED = "scrubbed"
    AMOUNT = "amount"
    FEE = "fee"
    EXCHANGE_RATE = "exchange_rate"
    PAID_TWICE = "paid_twice"
    RECORDED_TWICE = "recorded_twice"
    DUPLICATED_ROW = "duplicated_row"
    RETURNED_LATER = "returned_later"
    REFUSED_THERE = "refused_there"
    PENDING_THERE = "pending_there"
    GIVEN_BACK_BUT_PAID = "given_back_but_paid"
    SETTLED_UNRECORDED = "settled_unrecorded"
    TIMING = "timing"
    CLEARING_STANDS = "clearing_stands"


REMEDIES: Final[dict[Cause, str]] = {
    Cause.UNKNOWN_TO_US: "they moved money that no payout of ours asked for: ask them who ordered it",
    Cause.UNREPORTED: "they pay for what was never reported to us: a person may be owed a reward",
    Cause.UNKNOWN_TO_THEM: "our book says paid, no statement shows it: ask for their trace before anybody pays again",
    Cause.UNPAID: "we recorded it, they do not pay for it: claim it with the transaction id",
    Cause.SCRUBBED: "they pay less often than others do for matched traffic: ask why, mind the credit limit",
    Cause.AMOUNT: "the amounts differ and no fee explains it: compare the two records",
    Cause.FEE: "the difference is the fee that the statement names: book it as a fee",
    Cause.EXCHANGE_RATE: "another currency, beyond the tolerance or without a known rate: check the rate of that day",
    Cause.PAID_TWICE: "more payments than were ordered: ask for the excess back",
    Cause.RECORDED_TWICE: "several events of ours under one transaction id, paid once: look for a repeated postback",
    Cause.DUPLICATED_ROW: "the file shows one movement several times; it was counted once",
    Cause.RETURNED_LATER: "it came back to them, our book still says paid: learn the return, the person has no money",
    Cause.REFUSED_THERE: "they refused or returned it, our book waits or says paid: learn their answer",
    Cause.PENDING_THERE: "our book says paid, with them it still waits: ask when it will go out",
    Cause.GIVEN_BACK_BUT_PAID: "our book gave the money back or owes nothing, they paid: it may be paid for twice",
    Cause.SETTLED_UNRECORDED: "they paid, our book does not know yet: look the payout up",
    Cause.TIMING: "close to the end of what statements cover: the next statement should show it",
    Cause.CLEARING_STANDS: "money that left a wallet has stayed in clearing too long: look the payout up",
}

WAITS_MICROS: Final = 31 * 24 * 3_600 * 1_000_000
"""For so long `TIMING` only waits; afterwards it counts as a break like any other."""
