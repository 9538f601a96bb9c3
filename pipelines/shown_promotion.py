"""What became of an alias, and what a running service makes of it, as people read it on a terminal."""

from features.vector import VERSION
from pipelines.console import out
from pipelines.promotion import Promoted


def show_promoted(version: int, promoted: Promoted) -> None:
    """The champion, the one before, and the shadow that it is no more."""
    out.print(f"champion: version {version}, before: {promoted.before or 'none'}")
    if promoted.was_shadow:
        out.print(f"shadow: none, before: {version}, which is its own shadow no more")
    _show_following("champion")


def show_shadowed(version: int, before: int | None) -> None:
    """The shadow and the one before."""
    out.print(f"shadow: version {version}, before: {before or 'none'}")
    _show_following("shadow")


def _show_following(alias: str) -> None:
    # The registry says what shall serve; only the service knows what its own code computes.
    out.print(
        f"A running service follows within seconds if it computes features {VERSION}, otherwise it goes on as before "
        "and has to be restarted: GET /readyz names the version that scores and one that is refused, and so does the "
        f'gauge assay_model_refused_version{{alias="{alias}"}}.',
        soft_wrap=True,
    )
