"""`assay lineage`: where a decision comes from."""

from typing import Annotated

import typer

from features.home import Home
from pipelines.console import explained


def lineage(event_id: Annotated[str, typer.Argument(help="the event that was decided on")]) -> None:
    """From a decision back to the data: its versions, the training of its model, and what that was made from."""
    from pipelines.lineage import lineage_of, show_lineage  # noqa: PLC0415  # each command loads only what it needs

    with explained():
        show_lineage(lineage_of(Home.from_environment(), event_id))
