"""The nightly run of the graph: boil down the days, say who is known to be bad, and make a table for each night."""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl

from features.events import OutcomeKind, micros_of
from features.frame import OUTCOME_COLUMNS
from features.home import Home
from features.log import Log
from features.rings.days import days_of
from features.rings.engines import engine_of
from features.rings.nightly import Made, Verdicts, last_whole_day, make_night, prepare_days
from pipelines.console import UserError, progress
from training.labels import default_maturity, label_events

DAYS_MAX = 3660


def nights_until(home: Home, as_of: int | None, days: int) -> list[date]:
    """The last `days` whole days at `as_of` (microseconds; None: now) that are not before the log begins.

    Raises UserError where there is none.
    """
    if not 1 <= days <= DAYS_MAX:
        raise UserError(f"--days must be between 1 and {DAYS_MAX}, not {days}")
    known = days_of(home.log)
    last = last_whole_day(micros_of(datetime.now(UTC)) if as_of is None else as_of)
    nights = [last - timedelta(days=back) for back in reversed(range(days))]
    chosen = [night for night in nights if known and night >= known[0]]
    if not chosen:
        raise UserError(f"{home.log} holds no event that arrived before {last + timedelta(days=1)}")
    return chosen


def nightly(home: Home, nights: Sequence[date], engine: str, workers: int) -> list[Made]:
    """One table a night, the oldest first. What is there already, of the same log, is left as it is."""
    made = []
    with engine_of(engine, workers) as running:
        with progress("days of the log") as advance:
            prepare_days(home, nights, running, advance)
        verdicts = verdicts_of(home.log)
        with progress("nights", len(nights)) as advance:
            for night in nights:
                made.append(make_night(home, night, verdicts, running))
                advance(1)
    return made


def verdicts_of(log: Path) -> Verdicts:
    """Who is known to be bad or good at an instant, by the labels of fraud that had matured by then.

    A person is bad with one event that is labelled so, good with only good ones. Of the log, outcomes and the events
    that they speak of are held, nothing else.
    """
    outcomes = _rows(log, OUTCOME_COLUMNS, pl.col("kind").is_in(list(map(str, OutcomeKind))))
    spoken_of = pl.col("event_id").is_in(outcomes["subject_event_id"].implode())
    events = _rows(log, ["event_id", "user_id", "recorded_at"], spoken_of & pl.col("user_id").is_not_null())
    maturity = default_maturity()

    def verdicts(as_of: int) -> pl.DataFrame:
        known = events.filter(pl.col("recorded_at") < as_of)
        arrived = outcomes.filter(pl.col("recorded_at") < as_of)
        labels = label_events(known, arrived, "fraud", as_of, maturity)
        labelled = known.select("user_id", labels.alias("bad")).drop_nulls("bad")
        return labelled.group_by("user_id").agg(pl.any("bad")).sort("user_id")

    return verdicts


def _rows(log: Path, columns: Sequence[str], chosen: pl.Expr) -> pl.DataFrame:
    tables = (pl.DataFrame(pl.from_arrow(table)) for table in Log(log).tables(list(columns)))
    return pl.concat([table.filter(chosen) for table in tables])


def shown(made: Sequence[Made], say: Callable[[str], object]) -> None:
    """One line a night."""
    for night in made:
        word = "made" if night.is_new else "there already"
        more = f", {night.left_out:,} too many and left out" if night.left_out else ""
        counted = f"{night.persons:,} people, {night.edges:,} ties, {night.expired:,} expired{more}"
        say(f"{night.file.stem}: {counted}; {word}")
