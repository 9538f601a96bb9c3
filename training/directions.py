"""Directions that are known: features of which more may never lower the odds of fraud, with the reason for each.

They bind the boosters that learn fraud: raise such a feature, hold the others, and the part's margin never falls. What
is not written here has no direction that we would defend to the person concerned; counts on a shared address have none.
The anomaly part knows no directions, and a reversal has other causes than dishonesty.
"""

from collections.abc import Sequence
from typing import Final

_PEOPLE: Final = (
    "one more person on the phone is never a sign of honesty; a household is forgiven by the other features"
)
_DESTINATION: Final = "one more account that is paid out to the same place is never a sign of honesty"
_TAMPERED: Final = "a device that is not what it says was made so on purpose"
_HIDDEN: Final = "who hides the network may be honest, but is not more so for hiding it"
_KNOWN_BAD: Final = "one more neighbour who was found out speaks against, however little"
_FOUND: Final = "one more finding against a person is never a sign of honesty, among the same number of events"
_SPEED: Final = "nobody travels faster and becomes more credible"

RISING: Final[dict[str, str]] = {
    "device__distinct_user_id__1d": _PEOPLE,
    "device__distinct_user_id__7d": _PEOPLE,
    "device__distinct_user_id__30d": _PEOPLE,
    "device__distinct_user_id__360d": _PEOPLE,
    "device__count_sign_up__1d": _PEOPLE,
    "device__count_sign_up__7d": _PEOPLE,
    "device__count_sign_up__30d": _PEOPLE,
    "graph__device_users": _PEOPLE,
    "graph__user_person_accounts": "more accounts of one person are what multi-accounting is",
    "graph__destination_users": _DESTINATION,
    "graph__user_destination_users": _DESTINATION,
    "destination__distinct_user_id__30d": _DESTINATION,
    "identity__distinct_user_id__30d": "one identity on more accounts is what multi-accounting is",
    "graph__user_device_users": _PEOPLE,
    "graph__user_found": _FOUND,
    "user__found_over_count": _FOUND,
    "graph__user_neighbours_found": _KNOWN_BAD,
    "graph__network_found": _KNOWN_BAD,
    "graph__user_component_bad_share": _KNOWN_BAD,
    "graph__device_component_bad_share": _KNOWN_BAD,
    "device__is_emulator": _TAMPERED,
    "device__is_emulator_model": _TAMPERED,
    "device__is_rooted": _TAMPERED,
    "device__tampering_signs": _TAMPERED,
    "ip__is_tor": _HIDDEN,
    "ip__is_vpn": _HIDDEN,
    "ip__is_data_centre": _HIDDEN,
    "ip__is_data_centre_asn": _HIDDEN,
    "email__is_disposable": "an address to be thrown away is not taken by who means to stay",
    "user__travel_speed_kmh": _SPEED,
}


def directions_of(names: Sequence[str]) -> tuple[int, ...]:
    """+1 for each name whose direction is known, 0 for the others; LightGBM's `monotone_constraints`."""
    return tuple(int(name in RISING) for name in names)
