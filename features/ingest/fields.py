"""The fields of an event that a mapping can fill, and how each is read unless the mapping says otherwise."""

from typing import Final

from features.events import DeviceKind, Event, Fingerprint, Interaction, Record
from features.ingest.errors import nearest

_OWN_KEYS = {"schema_version", "event_id", "occurred_at", "kind", "extensions", "devices"}
_PARTS: Final[dict[str, type[Record]]] = {"fingerprint": Fingerprint, "interaction": Interaction}

FIELDS: Final = tuple(
    sorted(
        {name for name in Event.model_fields if name not in _OWN_KEYS | set(_PARTS)}
        | {f"{part}.{name}" for part, model in _PARTS.items() for name in model.model_fields}
        | {f"device.{kind}" for kind in DeviceKind}
        | {"ip.provenance"}
    )
)
EXTENSION: Final = "extensions."

_READ_AS: Final[dict[str, str]] = (
    dict.fromkeys(("revenue_micros", "reward_micros", "amount_micros"), "micros")
    | dict.fromkeys(("city_tier", "fingerprint.price_tier", "interaction.tap_count"), "integer")
    | dict.fromkeys(("fingerprint.is_emulator", "fingerprint.is_rooted"), "boolean")
    | dict.fromkeys(("payout_destination", "identity"), "digest")
    | dict.fromkeys(("latitude", "longitude"), "number")
    | {f"interaction.{name}": "number" for name in Interaction.model_fields if name != "tap_count"}
)


def usual_conversion(field: str) -> str:
    return _READ_AS.get(field, "text")


def checked_field(name: str) -> str:
    """`name` if an event has such a field. Raises ValueError with the nearest one if not."""
    if name in FIELDS or (name.startswith(EXTENSION) and len(name) > len(EXTENSION)):
        return name
    hint = nearest(name, FIELDS) or "; what events have no field for goes under extensions.NAME"
    raise ValueError(f"{name} is not a field of an event{hint}")
