"""`assay ltv`: what customers are worth, forecast from the first weeks of any table of purchases."""

from pathlib import Path
from typing import Annotated

import typer

from pipelines.console import explained


def ltv(  # noqa: PLR0913, PLR0917  # a command's options are its arguments
    data: Annotated[Path, typer.Option(help="a CSV, TSV or parquet file, or CDNOW's text file")],
    calibration_weeks: Annotated[int, typer.Option(help="weeks to learn from", min=4, max=520)] = 39,
    holdout_weeks: Annotated[int, typer.Option(help="weeks after them to forecast and judge", min=1, max=520)] = 39,
    customer: Annotated[str | None, typer.Option(help="the column of customers")] = None,
    date: Annotated[str | None, typer.Option(help="the column of dates")] = None,
    amount: Annotated[str | None, typer.Option(help="the column of amounts")] = None,
    costs: Annotated[Path | None, typer.Option(help="YAML of what a person costs; left out: the shipped one")] = None,
    plots: Annotated[Path | None, typer.Option(help="a folder for the curves of the cohorts")] = None,
    seed: Annotated[int, typer.Option(help="the same seed gives the same intervals", min=0)] = 7,
) -> None:
    """What customers are worth: purchases and spend forecast from the first weeks of a table, judged on the next.

    The forecasts read nothing after the calibration weeks. Each cohort is the month of a first purchase. The last line
    of the output is one JSON object.
    """
    from pipelines.ltv import Asked, run  # noqa: PLC0415  # each command loads only what it needs

    named = {role: column for role, column in {"customer": customer, "date": date, "amount": amount}.items() if column}
    with explained():
        run(Asked(data, calibration_weeks, holdout_weeks, named, costs, plots, seed))
