"""The kinds of tie between a person and something that others may have, too, and which of them join people."""

from enum import IntEnum
from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Truths = npt.NDArray[np.bool_]

MICROS_PER_DAY: Final = 86_400_000_000


class Tie(IntEnum):
    """The number is stored in files: append, never renumber."""

    DEVICE = 0
    DESTINATION = 1
    IDENTITY = 2
    IP = 3
    NETWORK = 4
    REFERRAL = 5


COLUMN: Final = {
    Tie.DEVICE: "device_key",
    Tie.DESTINATION: "payout_destination",
    Tie.IDENTITY: "identity",
    Tie.IP: "ip_key",
    Tie.NETWORK: "network_key",
    Tie.REFERRAL: "referrer_user_id",
}
"""The column of the log that names the other end. A referral's other end is a person, the referrer."""

JOINING: Final = (Tie.DEVICE, Tie.DESTINATION, Tie.IDENTITY)
"""Ties that join people into a component. An address or a network never does: households and carriers share those."""

SHARED_PLACES: Final = (Tie.IP, Tie.NETWORK)


def among(ties: npt.NDArray[np.int8], kinds: tuple[Tie, ...]) -> Truths:
    """Which of `ties` are of one of `kinds`."""
    return np.isin(ties, np.array(kinds, np.int8))
