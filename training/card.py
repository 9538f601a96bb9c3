"""The model card: what a reader must know before trusting the model, in plain Markdown."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from training.estimates import Metrics, from_json
from training.models import Model

_HEADLINES: Final = ("auc", "ap_rare", "recall_at_fpr_0.005", "recall_at_fpr_0.01", "precision_at_review_budget")


def describe(
    model: Model,
    metrics: Metrics,
    difference: Metrics | None,
    params: Mapping[str, object],
    blocks: Sequence[Mapping[str, Any]],
) -> str:
    """Intended use, training rows, figures with intervals, the comparison, and what to beware of."""
    paragraphs = [
        _title(model),
        _rows(model, params),
        _table("Test slice, out of time", metrics),
        _comparison(difference),
        _blocks(blocks),
        _limits(model, params),
    ]
    return "\n\n".join(paragraphs) + "\n"


def _title(model: Model) -> str:
    trained = _day(int(model.context["trained_at"]))
    return (
        f"# Assay: probability of {model.context['target']}\n\n"
        f"Trained on what was known on {trained}, features version {model.context['features_version']}. It ranks and "
        "prices earning events and withdrawals; the policy, not the model, decides, and every refusal has an appeal."
    )


def _rows(model: Model, params: Mapping[str, object]) -> str:
    counts = [
        f"- {name}: {params[f'{name}_rows']} labelled rows, {params[f'{name}_positives']} positive"
        for name in ("train", "calibrate", "test")
    ]
    read = f"- labels were read {params['labels_read']}"
    return "\n".join(["## Rows", "", *counts, read, f"- base rate in training: {model.context['base_rate']:.4f}"])


def _table(title: str, metrics: Metrics) -> str:
    lines = [f"| {name} | {estimate} |" for name, estimate in metrics.items()]
    return "\n".join([f"## {title}", "", "| figure | value (95% interval) |", "| --- | --- |", *lines])


def _comparison(difference: Metrics | None) -> str:
    if difference is None:
        return "## Against the champion\n\nThere was none to compare with."
    return _table("Against the champion, same rows (positive is better)", difference)


def _blocks(blocks: Sequence[Mapping[str, Any]]) -> str:
    lines = []
    for block in map(from_json, blocks):
        start = _day(int(block["from"].value or 0))
        lines.append(
            f"| {start} | {block['positives']} | " + " | ".join(str(block[name]) for name in _HEADLINES) + " |"
        )
    head = "| from | positives | " + " | ".join(_HEADLINES) + " |"
    return "\n".join(["## By time", "", head, "| --- " * (len(_HEADLINES) + 2) + "|", *lines])


def _limits(model: Model, params: Mapping[str, object]) -> str:
    found = ["Declined events never show an outcome, so the figures speak of what was let through."]
    found += [f"The {part} part was left out: {reason}." for part, reason in model.left_out.items()]
    if "event" in model.heads and "withdrawal" not in model.heads:
        found.append("Withdrawals share the calibration of events: there were too few labelled ones for their own.")
    if "optimistic" in str(params["labels_read"]):
        found.append("The log was too short to wait for labels at each boundary: live figures will be lower.")
    return "\n".join(["## Beware", "", *(f"- {sentence}" for sentence in found)])


def _day(micros: int) -> str:
    return datetime.fromtimestamp(micros / 1e6, UTC).date().isoformat()
