"""The model card: what a reader must know before trusting the model, as one HTML file that needs nothing else."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from features.vector import DESCRIPTIONS
from training.assess import OPERATING_FPR, Assessment
from training.card_words import money_said, said
from training.estimates import Metrics, from_json
from training.gate import Verdict
from training.importance import digest_of, leanings, main_head
from training.models import Model

_HEADLINES: Final = ("auc", "ap_rare", "recall_at_fpr_0.005", "recall_at_fpr_0.01", "precision_at_review_budget")
_LEANINGS_SHOWN: Final = 12
CARD: Final = "card.html"
_TEMPLATE: Final = "card.html.j2"
_UNNUMBERED: Final = "not registered yet"
# Whatever names groups come from events: they are shown, never run.
_ENVIRONMENT: Final = Environment(
    loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
)


@dataclass(frozen=True)
class _Table:
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass(frozen=True)
class Judged:
    """All that a card tells of: see `train` for the first five, `assess` and `judge` for the next two. `made_from` is
    what it was trained and judged on: digests and versions by name.
    """

    model: Model
    metrics: Metrics
    difference: Metrics | None
    params: Mapping[str, Any]
    tables: Mapping[str, Any] = field(repr=False)
    assessment: Assessment | None = None
    verdict: Verdict | None = None
    made_from: Mapping[str, str] = field(default_factory=dict)


def describe(judged: Judged) -> str:
    """The card as HTML: rows, verdict, pictures, figures with intervals, money, slices, and what to beware of."""
    context = judged.model.context
    return _ENVIRONMENT.get_template(_TEMPLATE).render(
        title=f"Assay: probability of {context['target']}",
        version=_UNNUMBERED,
        subtitle=(
            f"Trained on what was known on {_day(int(context['trained_at']))}, features version "
            f"{context['features_version']}. It ranks and prices earning events and withdrawals; the policy, not the "
            "model, decides, and every refusal has an appeal."
        ),
        verdict=judged.verdict,
        slices=[_counts(name, judged.params) for name in ("train", "calibrate", "test")],
        labels_read=judged.params["labels_read"],
        base_rate=f"{context['base_rate']:.4f}",
        pictures=judged.assessment.pictures if judged.assessment else {},
        tables=list(_tables(judged)),
        limits=_limits(judged.model, judged.params),
    )


def numbered(card: str, name: str, version: int) -> str:
    """The card of a model that the registry took in as a version of `name`; numbers are given after it is written."""
    assert card.count(_UNNUMBERED) == 1, "a card has one place for its version"
    return card.replace(_UNNUMBERED, f"version {version} of {escape(name)}")


def _counts(name: str, params: Mapping[str, Any]) -> dict[str, Any]:
    return {"name": name, "rows": int(params[f"{name}_rows"]), "positives": int(params[f"{name}_positives"])}


def _tables(judged: Judged) -> list[_Table]:
    params, other = judged.params, {"fraud": "reversal", "reversal": "fraud"}[judged.model.context["target"]]
    beside = {name.removeprefix(f"{other}."): one for name, one in judged.metrics.items() if name.startswith(other)}
    main = {name: one for name, one in judged.metrics.items() if name.removeprefix(f"{other}.") == name}
    tables = [_identity(judged), _heads(judged.model), _leanings(judged.model)]
    tables += [_figures("Test slice, out of time", main, params), _figures(f"The same of {other}", beside, params)]
    tables += [_comparison(judged.difference, params), _blocks(judged.tables["by_time"], params)]
    if judged.assessment is not None:
        tables += [_money(name, figures) for name, figures in judged.assessment.money.items()]
        tables.append(_slices(judged.assessment))
    return [table for table in tables if table.rows]


def _identity(judged: Judged) -> _Table:
    """By these a model is known, also before the registry gives it a number."""
    rows = [("model, boosters and heads", digest_of(judged.model)), *judged.made_from.items()]
    note = "What it was made from. `assay lineage` leads to the files behind each digest."
    return _Table("Identity", ("of", "digest or version"), rows, note)


def _heads(model: Model) -> _Table:
    parts = list(model.boosters)
    rows = [
        (
            name,
            f"{head.intercept:.3f}",
            *(f"{head.weights[part]:.3f}" if part in head.weights else "" for part in parts),
        )
        for name, head in model.heads.items()
    ]
    note = "The log-odds of a head are its intercept and the margins of the parts, each times its weight."
    return _Table("What each head hears", ("head", "intercept", *parts), rows, note)


def _leanings(model: Model) -> _Table:
    rows = [
        (DESCRIPTIONS.get(one.feature, one.feature), one.feature, one.part, f"{one.share:.1%}")
        for one in leanings(model)[:_LEANINGS_SHOWN]
    ]
    return _Table(
        f"The {_LEANINGS_SHOWN} features that weigh most",
        ("feature", "name", "part", "share of the gain"),
        rows,
        f"By the gain of their splits in the parts that the head {main_head(model)} hears, each part as it is weighed. "
        "Gain favours features of many values, and says nothing of direction.",
    )


def _figures(title: str, metrics: Metrics, params: Mapping[str, Any], note: str = "") -> _Table:
    rows = [(said(name, params), str(estimate)) for name, estimate in metrics.items()]
    return _Table(title, ("figure", "value (95% interval)"), rows, note)


def _comparison(difference: Metrics | None, params: Mapping[str, Any]) -> _Table:
    if difference is None:
        return _Table("Against the champion", ("",), [("There was none to compare with.",)])
    return _figures("Against the champion, same rows", difference, params, "Above zero the challenger is better.")


def _blocks(blocks: Sequence[Mapping[str, Any]], params: Mapping[str, Any]) -> _Table:
    rows = [
        (_day(int(block["from"].value or 0)), str(block["positives"]), *(str(block[name]) for name in _HEADLINES))
        for block in map(from_json, blocks)
    ]
    return _Table("By time", ("from", "positives", *(said(name, params) for name in _HEADLINES)), rows)


def _money(name: str, figures: Metrics) -> _Table:
    return _Table(
        f"Money and people under today's policy: {name}",
        ("figure", "value (95% interval)"),
        [(said(figure, {}), money_said(figure, estimate)) for figure, estimate in figures.items()],
        "Saved: fraud stopped, less reviews, refused honest people and waiting, at the costs of costs.yaml.",
    )


def _slices(assessment: Assessment) -> _Table:
    ratios = ", ".join(f"{_plain(name)} {ratio}" for name, ratio in assessment.ratios.items())
    rows = [
        (
            f"{_plain(row['slice'])}: {row['group']}",
            f"{row['rows']:,}",
            f"{row['positives']:,}",
            *("" if row[name] is None else f"{row[name]:.4f}" for name in ("auc", "recall", "false_positive_rate")),
        )
        for row in assessment.slices
    ]
    return _Table(
        "By group",
        ("group", "rows", "positives", "AUC", "recall", "false positives"),
        rows,
        f"At the one threshold that flags {OPERATING_FPR:.0%} of honest rows. Highest over lowest false-positive rate: "
        f"{ratios}.",
    )


def _limits(model: Model, params: Mapping[str, Any]) -> list[str]:
    sentences = ["declined events never show an outcome, so the figures speak of what was let through"]
    sentences += cautions(model, params)
    return [f"{sentence[0].upper()}{sentence[1:]}." for sentence in sentences]


def cautions(model: Model, params: Mapping[str, Any]) -> list[str]:
    """What to beware of, of this model and not of any: how its labels were read, and which parts it lacks."""
    found = []
    if "optimistic" in str(params["labels_read"]):
        found.append(
            f"labels were read {params['labels_read']}: the log is too short to wait for them at each boundary, and "
            "live figures will be lower"
        )
    found += [f"the {part} part was left out: {reason}" for part, reason in model.left_out.items()]
    if "event" in model.heads and "withdrawal" not in model.heads:
        found.append("withdrawals share the calibration of events: there were too few labelled ones for their own")
    return found


def _plain(name: str) -> str:
    return name.replace("_", " ")


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).date().isoformat()
