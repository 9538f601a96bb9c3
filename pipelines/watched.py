"""What monitoring looks at: a home's events, outcomes, champion, scores and labels, as known at one instant."""

from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from features.events import instant_of
from features.frame import frames_folder, outcomes_of, read_frame
from features.home import Home
from features.log import Log
from features.vector import VERSION
from pipelines.console import UserError
from pipelines.frame import maturity_of
from pipelines.retrain import champion_version
from pipelines.steps import Steps
from training import artefact, registry
from training.kept import read_kept
from training.labels import settling_times
from training.models import Model
from training.monitoring import partners
from training.monitoring.cohorts import weeks
from training.monitoring.periods import Mask, Periods, Span, periods_of, thinned
from training.splits import Labelling

Floats = NDArray[np.float64]

ROWS_MAX: Final = 100_000
"""Rows of a period whose values are compared; more are thinned evenly, which changes no digit that matters."""
SCORED_MIN: Final = 500
"""Scores to compare with: with fewer that the champion did not learn from, the others are taken, too."""


@dataclass(frozen=True)
class Champion:
    """`learned_before`: its rows before this instant taught it, so they say little of how it does."""

    version: int
    model: Model
    learned_before: int

    @property
    def trained_at(self) -> int:
        return int(self.model.context["trained_at"])


@dataclass(frozen=True)
class Watched:
    """All that the checks look at, as known at `as_of`: events with their vectors, outcomes, scores and labels.

    `scores` `(events,)` is NaN where no check asks for one; `labels` is null where nothing has matured.
    """

    as_of: int
    periods: Periods
    champion: Champion
    events: pl.DataFrame
    outcomes: pl.DataFrame
    settling: dict[str, int]
    labels: pl.Series
    scores: Floats

    @property
    def times(self) -> NDArray[np.int64]:
        return self.events["as_of"].to_numpy()

    @property
    def unlearned(self) -> Periods:
        """The periods for scores: without what the champion learned from, if enough is left of the reference."""
        reference = self.periods.reference
        later = Span(max(reference.start, self.champion.learned_before), reference.before)
        is_enough = later.mask(self.times).sum() >= SCORED_MIN
        return replace(self.periods, reference=later) if is_enough else self.periods

    def settled(self, span: Span) -> Mask:
        """Which events became old enough within `span` for their silence to mean something, thinned if too many."""
        chosen = partners.settled_within(self.events, self.settling, span).to_numpy()
        kept = np.zeros_like(chosen)
        kept[thinned(chosen, ROWS_MAX)] = True
        return kept

    @property
    def weeks(self) -> list[Span]:
        """Weeks of events whose outcomes had all had their time at `as_of`, the oldest first."""
        end = self.as_of + 1 - max(self.settling.values(), default=0)
        return weeks(end, self.champion.learned_before, _first(self.events))


def watch(home: Home, days: int, against: int | None, as_of: int | None) -> Watched:
    """Read, label and score what the checks need. Raises UserError as `monitor` does."""
    champion = champion_of(home)
    if not any(frames_folder(home.features).glob("*.parquet")):
        raise UserError(f"{home.root} holds no frame of today's features: run `assay backfill` first")
    until = Log(home.log).last()[1] if as_of is None else as_of
    events = read_frame(home.features).filter(pl.col("as_of") <= until)
    if events.is_empty():
        raise UserError(f"{home.log} holds no event before {instant_of(until):%Y-%m-%d %H:%M}: choose a later --as-of")
    outcomes = outcomes_of(Log(home.log)).filter(pl.col("recorded_at") <= until)
    settling = settling_times(events, outcomes)
    labelling = Labelling(champion.model.context["target"], maturity_of(home), settling)
    labels = labelling.read(events, outcomes, until)
    periods = periods_of(_first(events), until, days, champion.trained_at, against)
    watched = Watched(until, periods, champion, events, outcomes, settling, labels, np.full(events.height, np.nan))
    return replace(watched, scores=_scores(watched))


def _first(events: pl.DataFrame) -> int:
    return int(events["as_of"].to_numpy().min())


def champion_of(home: Home) -> Champion:
    """The version that serves. Raises UserError for none, or one that reads other features than are computed."""
    version = champion_version(home)
    if version is None:
        raise UserError(f"{home.root} has no champion to watch: run `assay up`, or `assay retrain` and `assay promote`")
    reads = registry.features_version_of(version, home.tracking_uri)
    if reads != VERSION:
        raise UserError(
            f"the champion, version {version}, reads features {reads}, this release computes {VERSION}: run "
            "`assay backfill`, `assay retrain` and `assay promote`"
        )
    with TemporaryDirectory() as scratch:
        model = artefact.load(registry.fetch(version, home.tracking_uri, Path(scratch)))
    return Champion(version, model, _learned_before(home, version, model))


def _learned_before(home: Home, version: int, model: Model) -> int:
    """Where its test slice begins; of a champion that was made elsewhere only the end of its data is known."""
    steps = Steps(home.steps)
    try:
        judged = steps.find(registry.made_from(version, home.tracking_uri))
        params = read_kept(steps.folder / "train" / judged["inputs"]["trained"]).params
    except (LookupError, FileNotFoundError):
        return int(model.context["trained_at"]) + 1
    return int(str(params["bounds.test_from"]))


def _scores(watched: Watched) -> Floats:
    """The champion's score of what is compared, labelled or settled; NaN elsewhere, because scoring takes time."""
    times, unlearned = watched.times, watched.unlearned
    asked = np.zeros(len(times), dtype=bool)
    for span in (unlearned.reference, unlearned.recent):
        asked[thinned(span.mask(times), ROWS_MAX)] = True
    for span in watched.weeks:
        asked |= span.mask(times) & watched.labels.is_not_null().to_numpy()
    for span in (watched.periods.reference, watched.periods.recent):
        asked |= watched.settled(span)
    scores = watched.scores.copy()
    scores[asked] = watched.champion.model.score(watched.events.filter(pl.Series(asked)))
    return scores
