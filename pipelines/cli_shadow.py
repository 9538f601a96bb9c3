"""`assay shadow ...`: what a model that decides nothing would have done. `assay promote --shadow` names it."""

from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained, out

app = typer.Typer(help="What a model that decides nothing would have done.", no_args_is_help=True)


@app.command()
def off(
    reason: Annotated[str, typer.Option(help="why; kept with the version")],
    by: Annotated[str, typer.Option(help="who decides this")],
) -> None:
    """Let `shadow` name no version. A running service stops scoring it within seconds; what it logged stays."""
    from pipelines.promotion import dismiss_shadow  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        before = dismiss_shadow(Home.from_environment(), reason, by)
        out.print(f"shadow: none, before: {before or 'none'}")


@app.command()
def report(
    version: Annotated[int | None, typer.Option(help="a version that was the shadow; left out: the latest")] = None,
) -> None:
    """Champion and shadow on the same live decisions: actions, scores, and how well each tells who is bad."""
    from pipelines.shadowed import report as run  # noqa: PLC0415
    from pipelines.shown_shadow import show_shadow  # noqa: PLC0415

    with explained():
        show_shadow(run(Home.from_environment(), None if version is None else str(version)))
