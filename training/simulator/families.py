"""The families of people, honest and fraudulent: one row of habits each, and a table lookup by family number.

Every figure is the centre of a wide spread between people, so that no habit alone tells the families apart.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Family:
    """Habits of one family. Shares and chances are fractions of one; times are in the unit that their name ends in."""

    name: str
    is_fraud: bool
    share: float
    group_size: float = 1.0
    addresses_per_group: int = 1
    accounts_per_handset: int = 1
    # chances that a member shares what the group shares
    shared_address: float = 0.0
    shared_handset: float = 0.0
    shared_destination: float = 0.0
    # how much
    active: float = 0.32
    sessions: float = 0.7
    depth: float = 2.6
    ads: float = 0.45
    apps: float = 0.15
    # how they touch
    interval_ms: float = 620.0
    spread: float = 0.50
    pressure: float = 0.020
    sensor: float = 0.30
    still: float = 0.16
    untouched: float = 0.04
    haste: float = 1.0
    # when
    night: float = 0.04
    regular: float = 0.04
    install_seconds: float = 95.0
    goal: float = 0.45
    # with what, and from where
    emulator: float = 0.008
    rooted: float = 0.03
    reset: float = 0.01
    vpn: float = 0.02
    mobile: float = 0.35
    # how they came, how much they hide
    referred: float = 0.25
    caught: float = 0.0


_ORDINARY: Final = Family("ordinary", is_fraud=False, share=0.528)

FAMILIES: Final = (
    _ORDINARY,
    replace(
        _ORDINARY,
        name="household",
        share=0.21,
        group_size=3.0,
        shared_address=0.97,
        shared_destination=0.12,
        referred=0.45,
    ),
    replace(
        _ORDINARY,
        name="dormitory",
        share=0.11,
        group_size=32.0,
        addresses_per_group=3,
        shared_address=0.9,
        shared_destination=0.02,
        night=0.10,
        active=0.42,
        referred=0.5,
    ),
    replace(
        _ORDINARY,
        name="power_user",
        share=0.04,
        active=0.75,
        sessions=1.6,
        depth=5.0,
        interval_ms=420.0,
        spread=0.40,
        haste=0.75,
        night=0.10,
        rooted=0.07,
        regular=0.15,
        ads=0.55,
    ),
    replace(_ORDINARY, name="vpn_user", share=0.04, vpn=0.65, mobile=0.15, rooted=0.07),
    replace(
        _ORDINARY,
        name="device_farm",
        is_fraud=True,
        share=0.024,
        group_size=24.0,
        addresses_per_group=2,
        accounts_per_handset=4,
        shared_address=0.85,
        shared_handset=0.7,
        shared_destination=0.7,
        active=0.55,
        sessions=1.1,
        depth=4.0,
        apps=0.22,
        interval_ms=480.0,
        spread=0.28,
        sensor=0.05,
        still=0.5,
        untouched=0.2,
        haste=0.7,
        night=0.15,
        regular=0.35,
        emulator=0.12,
        rooted=0.12,
        reset=0.35,
        vpn=0.10,
        mobile=0.2,
        referred=0.45,
        caught=0.50,
    ),
    replace(
        _ORDINARY,
        name="emulator",
        is_fraud=True,
        share=0.010,
        group_size=5.0,
        shared_address=0.7,
        shared_handset=0.3,
        accounts_per_handset=3,
        shared_destination=0.55,
        active=0.45,
        depth=3.6,
        interval_ms=540.0,
        pressure=0.010,
        sensor=0.05,
        still=0.5,
        untouched=0.45,
        emulator=0.75,
        rooted=0.25,
        reset=0.5,
        vpn=0.2,
        mobile=0.05,
        caught=0.45,
        spread=0.38,
    ),
    replace(
        _ORDINARY,
        name="bot",
        is_fraud=True,
        share=0.012,
        group_size=3.0,
        shared_address=0.4,
        shared_destination=0.45,
        active=0.7,
        sessions=1.6,
        depth=4.5,
        ads=0.6,
        apps=0.1,
        interval_ms=310.0,
        spread=0.17,
        pressure=0.009,
        sensor=0.12,
        still=0.4,
        untouched=0.42,
        haste=0.42,
        night=0.35,
        regular=0.15,
        emulator=0.12,
        rooted=0.2,
        reset=0.2,
        vpn=0.12,
        caught=0.50,
    ),
    replace(
        _ORDINARY,
        name="referral_ring",
        is_fraud=True,
        share=0.012,
        group_size=12.0,
        addresses_per_group=3,
        shared_address=0.6,
        shared_handset=0.65,
        accounts_per_handset=3,
        shared_destination=0.75,
        active=0.30,
        sessions=0.4,
        depth=1.8,
        apps=0.2,
        haste=0.7,
        reset=0.3,
        vpn=0.1,
        referred=0.95,
        caught=0.40,
        interval_ms=520.0,
        still=0.25,
        spread=0.4,
    ),
    replace(
        _ORDINARY,
        name="multi_accounter",
        is_fraud=True,
        share=0.010,
        group_size=6.0,
        shared_address=0.5,
        shared_handset=0.75,
        accounts_per_handset=3,
        shared_destination=0.65,
        active=0.42,
        depth=3.2,
        interval_ms=520.0,
        haste=0.8,
        reset=0.35,
        vpn=0.6,
        mobile=0.2,
        rooted=0.12,
        caught=0.42,
        spread=0.36,
        still=0.25,
        regular=0.1,
    ),
    replace(
        _ORDINARY,
        name="click_injector",
        is_fraud=True,
        share=0.008,
        group_size=2.0,
        shared_address=0.3,
        shared_destination=0.45,
        active=0.55,
        depth=3.4,
        ads=0.15,
        apps=0.55,
        install_seconds=9.0,
        goal=0.30,
        interval_ms=480.0,
        haste=0.7,
        rooted=0.15,
        emulator=0.05,
        vpn=0.1,
        caught=0.55,
        spread=0.36,
        still=0.3,
        shared_handset=0.2,
        accounts_per_handset=2,
    ),
)
NAMES: Final = tuple(family.name for family in FAMILIES)
ORDINARY: Final = NAMES.index("ordinary")
HOUSEHOLD: Final = NAMES.index("household")
IS_FRAUD: Final = np.array([family.is_fraud for family in FAMILIES])


def habit(name: str) -> Numbers:
    """One habit of every family, to be indexed by family number."""
    return np.array([getattr(family, name) for family in FAMILIES], dtype=np.float64)
