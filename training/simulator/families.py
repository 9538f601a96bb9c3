"""The families of people, honest and fraudulent: one row of habits each, and a table lookup by family number.

Every figure is the centre of a wide spread between people, so that no habit alone tells the families apart.
"""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from training.simulator import family
from training.simulator.frauds import FRAUD

Numbers = NDArray[np.float64]

HONEST: Final = (
    family.ORDINARY,
    replace(
        family.ORDINARY,
        name="household",
        share=0.21,
        group_size=3.0,
        shared_address=0.97,
        shared_destination=0.12,
        referred=0.45,
    ),
    replace(
        family.ORDINARY,
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
        family.ORDINARY,
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
    replace(family.ORDINARY, name="vpn_user", share=0.04, vpn=0.65, mobile=0.15, rooted=0.07),
    # Some of the ordinary, chosen in `sharing`.
    replace(family.ORDINARY, name="cafe_visitor", share=0.0),
)
FAMILIES: Final = HONEST + FRAUD
NAMES: Final = tuple(one.name for one in FAMILIES)
ORDINARY: Final = NAMES.index("ordinary")
HOUSEHOLD: Final = NAMES.index("household")
CAFE_VISITOR: Final = NAMES.index("cafe_visitor")
IS_FRAUD: Final = np.array([one.is_fraud for one in FAMILIES])


def habit(name: str) -> Numbers:
    """One habit of every family, to be indexed by family number."""
    return np.array([getattr(one, name) for one in FAMILIES], dtype=np.float64)
