"""What an event or an outcome means to the graph: which keys it names, and what it says of a person."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from features.events import Attestation, CausedBy, DeviceKind, DeviceProvenance, Disposition, Kind, OutcomeKind, Reason
from features.graph.layout import ANDROID_ID, SAYS_BAD, SAYS_GENUINE, SAYS_NOTHING

COLUMNS: Final = (
    "sequence event_time as_of kind user_id device_key devices attestation payout_destination identity "
    "referrer_user_id network_key reason caused_by disposition"
).split()
"""The columns of the log that the graph reads."""

SAYING: Final = ("kind", "reason", "caused_by", "disposition")
"""Those that say what an outcome means, in the order of `verdict_of`."""

DEVICES_READ_MAX: Final = 8
DEVICE_KINDS: Final = {str(kind): ANDROID_ID + rank for rank, kind in enumerate(DeviceKind)}
OUTCOMES: Final = frozenset(map(str, OutcomeKind))
REFERRALS: Final = frozenset((str(Kind.REFERRAL), str(Kind.SIGN_UP)))
ATTESTED: Final = frozenset((str(Attestation.STRONG), str(Attestation.DEVICE)))
_HEXADECIMAL: Final = frozenset(map(str, (DeviceKind.ANDROID_ID, DeviceKind.IDFV, DeviceKind.GAID)))
_CLIENT: Final = str(DeviceProvenance.CLIENT)
_FINDINGS: Final = {str(Disposition.FRAUD): SAYS_BAD, str(Disposition.GENUINE): SAYS_GENUINE}


def device_key(kind: str, identifier: str, provenance: str) -> str | None:
    """The key of one reported id, as events derive it, or None where it ties nobody.

    Only what our own client has read ties: a partner reports an id days later, when the phone may have been sold, and
    can report anybody's.
    """
    if provenance != _CLIENT or not identifier.strip("0-: "):
        return None
    return f"{kind}:{identifier.lower() if kind in _HEXADECIMAL else identifier}"


def kind_of(key: str) -> int:
    """The kind of node of a device key; a key without a known kind counts as a browser, which joins least."""
    return DEVICE_KINDS.get(key.partition(":")[0], DEVICE_KINDS["web"])


def devices_of(row: Mapping[str, Any]) -> Iterator[str]:
    """The keys of the devices on which the event happened."""
    reported = row.get("devices")
    if not reported:
        if row.get("device_key"):
            yield row["device_key"]
        return
    for device in reported[:DEVICES_READ_MAX]:
        key = device_key(device["kind"], device["id"], device["provenance"])
        if key is not None:
            yield key


def verdict_of(kind: str | None, reason: str | None, caused_by: str | None, disposition: str | None) -> int:
    """What an outcome says of its person: the meaning of the fraud label, without its waiting time.

    A reversal for fraud, a ban by a person and a finding of fraud are bad; a finding of `genuine` takes that back. What
    a model caused says nothing: it would teach the model its own opinion.
    """
    if caused_by == CausedBy.MODEL:
        return SAYS_NOTHING
    if kind == OutcomeKind.DISPOSITION:
        return _FINDINGS.get(disposition or "", SAYS_NOTHING)
    is_bad = (kind == OutcomeKind.REVERSAL and reason == Reason.FRAUD) or (
        kind == OutcomeKind.BAN and caused_by == CausedBy.PERSON
    )
    return SAYS_BAD if is_bad else SAYS_NOTHING
