# ruff: noqa: S608 - the queries are made of the log's own column names
"""Columns that know the answer: filled in after the outcome, and therefore absent or different when one must decide."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from scipy.stats import rankdata

from features.ingest.finding import Connection, Finding, Severity
from features.ingest.source import run
from features.log import PAYLOAD

SAMPLE_PER_CLASS: Final = 20_000
CLASS_MIN: Final = 20
"""With fewer bad or clean events, chance alone separates them."""
LEAK_AUC: Final = 0.97
FILL_RATIO: Final = 20
_NO_MEASURE: Final = frozenset(
    "event_id schema_version devices extensions "
    "subject_event_id reversal_kind reason disposition caused_by note".split()
)
COLUMNS: Final = [name for name in PAYLOAD.names if name not in _NO_MEASURE]

Values = Sequence[Any]
Labels = npt.NDArray[np.bool_]
Scores = npt.NDArray[np.float64]

_LABELLED: Final = """
CREATE TEMP TABLE labelled AS
SELECT subject_event_id AS event_id, bool_or(kind IN ('reversal', 'ban') OR coalesce(disposition, '') = 'fraud') AS bad
FROM outcomes WHERE coalesce(disposition, '') <> 'unsure' AND coalesce(caused_by, '') <> 'model' GROUP BY ALL
"""


def check_leaks(connection: Connection) -> Iterator[Finding]:
    """Each column alone against the outcome, and its presence where the outcome is known or not."""
    run(connection, _LABELLED)
    bad, clean = _sample(connection, "bad"), _sample(connection, "NOT bad")
    if min(len(bad), len(clean)) < CLASS_MIN:
        sentence = f"Leaks need {CLASS_MIN} bad and {CLASS_MIN} clean events; there are {len(bad)} and {len(clean)}."
        yield Finding("leak", Severity.NOTE, sentence)
    else:
        yield from _telling(bad, clean)
    yield from _filled_later([*bad, *clean], _sample(connection, "bad IS NULL"))


def _sample(connection: Connection, condition: str) -> list[dict[str, Any]]:
    """Up to 20,000 events of the kinds that have outcomes; the same ones each time."""
    names = ", ".join(COLUMNS)
    found = run(
        connection,
        f"SELECT {names}, extensions FROM events LEFT JOIN labelled USING (event_id) WHERE {condition} AND kind IN "
        "(SELECT DISTINCT kind FROM events SEMI JOIN labelled USING (event_id)) "
        f"ORDER BY hash(event_id), event_id LIMIT {SAMPLE_PER_CLASS}",
    )
    rows = [dict(zip([*COLUMNS, "extensions"], row, strict=True)) for row in found]
    for row in rows:
        extensions = json.loads(row.pop("extensions") or "{}")
        row.update({f"extensions.{name}": value for name, value in extensions.items()})
    return rows


def _telling(bad: Values, clean: Values) -> Iterator[Finding]:
    rows = [*bad, *clean]
    labels = np.arange(len(rows)) < len(bad)
    for name in _names(rows):
        auc = column_auc([row.get(name) for row in rows], labels)
        if auc >= LEAK_AUC:
            sentence = (
                f"{name} alone tells bad from clean with an AUC of {auc:.3f} (on {len(rows):,} events): "
                "was it filled in after the outcome? If so, leave it out of the mapping."
            )
            yield Finding("leak", Severity.WARNING, sentence)


def _filled_later(known: Values, unknown: Values) -> Iterator[Finding]:
    if min(len(known), len(unknown)) < CLASS_MIN:
        return
    for name in _names([*known, *unknown]):
        with_outcome = _filled(known, name)
        without = _filled(unknown, name)
        if with_outcome * len(known) >= CLASS_MIN and with_outcome > FILL_RATIO * without:
            sentence = (
                f"{name} is filled in {with_outcome:.1%} of the events whose outcome is known, "
                f"in {without:.1%} of the others: it is known only when the outcome is; leave it out."
            )
            yield Finding("leak", Severity.WARNING, sentence)


def _names(rows: Values) -> list[str]:
    return list(dict.fromkeys(name for row in rows for name, value in row.items() if value is not None))


def _filled(rows: Values, name: str) -> float:
    return sum(row.get(name) is not None for row in rows) / len(rows)


def column_auc(values: Values, labels: Labels) -> float:
    """How well one column separates bad (True) from clean, from 0.5 to 1: as a number and as a category."""
    aucs = [_auc(_category_scores(values, labels), labels)]
    numbers = _as_numbers(values)
    if numbers is not None:
        aucs += [_auc(numbers, labels), _auc(-numbers, labels)]
    return max(aucs)


def _auc(scores: Scores, labels: Labels) -> float:
    ranks = rankdata(scores)
    bad = int(labels.sum())
    return float((ranks[labels].sum() - bad * (bad + 1) / 2) / (bad * (len(labels) - bad)))


def _as_numbers(values: Values) -> Scores | None:
    try:
        return np.array([-1e300 if value is None else float(value) for value in values])
    except ValueError:
        return None


def _category_scores(values: Values, labels: Labels) -> Scores:
    """Each value's share of bad in the other half of the rows: a value met once must not betray its own label."""
    _, codes = np.unique([repr(value) for value in values], return_inverse=True)
    half = np.arange(len(codes)) % 2 == 0
    scores = np.empty(len(codes))
    prior = labels.mean()
    for here, there in ((half, ~half), (~half, half)):
        count = np.bincount(codes[there], minlength=codes.max() + 1)
        bad = np.bincount(codes[there], weights=labels[there], minlength=codes.max() + 1)
        scores[here] = ((bad + prior) / (count + 1))[codes[here]]
    return scores
