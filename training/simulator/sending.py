"""How events reach us: what the client leaves out, and what arrives late because a phone was offline."""

from typing import Final

import numpy as np

from features.events import IpProvenance, Kind
from training.simulator.batch import HOUR, IP_PROVENANCES, KINDS, MISSING, SECOND, Integers, Rows
from training.simulator.devices import ATTESTATIONS, Fleet
from training.simulator.habits import Habits
from training.simulator.population import Truths
from training.simulator.touch import fill_touches

LATE_SHARE: Final = 0.015
LATE_HOURS_MAX: Final = 6
WHOLE_SECONDS_SHARE: Final = 0.3
NO_ADDRESS_SHARE: Final = 0.03
UNKNOWN_ADDRESS_SHARE: Final = 0.01
NO_DEVICE_SHARE: Final = 0.02
ODD_ATTESTATION_SHARE: Final = 0.08
# The share of events of a kind that carry an attestation and a fingerprint; the others carry neither.
ATTESTED: Final = {
    Kind.SIGN_UP: (0.9, 0.98),
    Kind.LOGIN: (0.7, 0.9),
    Kind.CHECK_IN: (0.1, 0.5),
    Kind.CLICK: (0.2, 0.7),
    Kind.INSTALL: (0.2, 0.7),
    Kind.TASK_STARTED: (0.3, 0.7),
    Kind.TASK_COMPLETED: (0.3, 0.7),
    Kind.SCREENED_OUT: (0.1, 0.6),
    Kind.AD_VIEWED: (0.1, 0.6),
    Kind.REFERRAL: (0.0, 0.5),
    Kind.IDENTITY_VERIFIED: (0.8, 0.9),
    Kind.WITHDRAWAL_REQUESTED: (0.85, 0.95),
}
_ATTESTED, _FINGERPRINTED = np.array([ATTESTED.get(kind, (0.0, 0.0)) for kind in KINDS]).T
_PERSON, _PARTNER, _UNKNOWN = (
    IP_PROVENANCES.index(whose) for whose in (IpProvenance.PERSON, IpProvenance.PARTNER, IpProvenance.UNKNOWN)
)


def send(rng: np.random.Generator, events: Rows, habits: Habits, fleet: Fleet) -> None:
    """Fills what depends on the client, and the time of arrival, in place."""
    is_client = events["ip_provenance"] != _PARTNER
    fill_touches(rng, events, habits)
    _lose(rng, events, is_client)
    _fill_device_state(rng, events, fleet)
    events["recorded_at"] = _arrive(rng, events)


def _lose(rng: np.random.Generator, events: Rows, is_client: Truths) -> None:
    count = len(events)
    events["address"][is_client & (rng.random(count) < NO_ADDRESS_SHARE)] = 0
    events["ip_provenance"][is_client & (rng.random(count) < UNKNOWN_ADDRESS_SHARE)] = _UNKNOWN
    events["installation"][is_client & (rng.random(count) < NO_DEVICE_SHARE)] = MISSING


def _fill_device_state(rng: np.random.Generator, events: Rows, fleet: Fleet) -> None:
    """Attestations waver between calls; a fingerprint does not."""
    kind, count = events["kind"], len(events)
    is_known = events["installation"] != MISSING
    usual = fleet.handsets.attestation[fleet.handset[events["installation"]]]
    odd = rng.random(count) < ODD_ATTESTATION_SHARE
    verdict = np.where(odd, rng.integers(0, len(ATTESTATIONS), count), usual)
    events["attestation"] = np.where(is_known & (rng.random(count) < _ATTESTED[kind]), verdict, MISSING)
    events["has_fingerprint"] = is_known & (rng.random(count) < _FINGERPRINTED[kind])


def _arrive(rng: np.random.Generator, events: Rows) -> Integers:
    """Older clients stamp whole seconds, so equal times are common. Sets the event times; answers the arrivals."""
    count = len(events)
    times = events["event_time"] // 1000 * 1000
    events["event_time"] = np.where(rng.random(count) < WHOLE_SECONDS_SHARE, times // SECOND * SECOND, times)
    is_late = rng.random(count) < LATE_SHARE
    prompt = SECOND * np.exp(rng.normal(-1.0, 0.8, count))
    delay = np.where(is_late, rng.uniform(60 * SECOND, LATE_HOURS_MAX * HOUR, count), prompt)
    arrivals: Integers = events["event_time"] + delay.astype(np.int64)
    return arrivals
