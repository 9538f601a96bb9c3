"""What a family of people is: a name, a share, and the centres of its habits."""

from dataclasses import dataclass
from typing import Final


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


ORDINARY: Final = Family("ordinary", is_fraud=False, share=0.528)
