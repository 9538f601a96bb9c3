"""Which version serves, and which is scored beside it: acts of people, each with its reason."""

from dataclasses import dataclass
from typing import Final

from features.home import Home
from features.log import recorded_now
from features.vector import VERSION
from pipelines.console import UserError
from training import registry

BECAME_CHAMPION: Final = "it became the champion"


@dataclass(frozen=True)
class Promoted:
    """`before` served until now. `was_shadow`: `shadow` named the new one, and names nothing now."""

    before: int | None
    was_shadow: bool = False


def promote(home: Home, version: int, reason: str, by: str, *, force: bool = False) -> Promoted:
    """Let `champion` name a version. Rolling back is promoting an older one.

    A shadow that becomes champion is dismissed: beside itself it would score nothing.
    Raises PromotionRefusedError for a version that did not pass its gate, unless `force`; UserError for one that no
    service of this release would take.
    """
    registry.assert_said(reason, by)
    _assert_fits(home, version)
    before = registry.promote(
        version, reason=reason, by=by, at=recorded_now(), tracking_uri=home.tracking_uri, force=force
    )
    was_shadow = registry.aliased(registry.SHADOW, home.tracking_uri) == version
    if was_shadow:
        dismiss_shadow(home, BECAME_CHAMPION, by)
    return Promoted(before, was_shadow)


def name_shadow(home: Home, version: int, reason: str, by: str) -> int | None:
    """Let `shadow` name a version; answers the one before. It decides nothing, so it may have failed its gate."""
    registry.assert_said(reason, by)
    _assert_fits(home, version)
    return registry.promote(
        version, reason=reason, by=by, at=recorded_now(), tracking_uri=home.tracking_uri, alias=registry.SHADOW
    )


def dismiss_shadow(home: Home, reason: str, by: str) -> int | None:
    """Let `shadow` name nothing; answers the version that it named."""
    return registry.dismiss(registry.SHADOW, reason=reason, by=by, at=recorded_now(), tracking_uri=home.tracking_uri)


def _assert_fits(home: Home, version: int) -> None:
    found = registry.features_version_of(version, home.tracking_uri)
    if found != VERSION:
        raise UserError(
            f"version {version} was trained on features {found}, this release computes {VERSION}, and a service would "
            "refuse it: run `assay retrain`"
        )
