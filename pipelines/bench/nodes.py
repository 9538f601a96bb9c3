"""Nodes of any graph, told apart by attributes, ties and what is known nearby: features, trees, ten splits.

Splits are those of the folder's splits.npz; without it the labelled nodes are drawn ten times into 50% to learn from,
25% to stop the learning, and 25% to measure. Test labels are read after the scores are made.
"""

from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import numpy as np
import polars as pl

from pipelines.console import BenchRow, UserError, out, progress, report
from training.nodes.cells import Floats
from training.nodes.features import NodeFeatures, features_of
from training.nodes.figures import MEASURES, SplitFigures, mean_of, measured, spread
from training.nodes.masks import MASKS_FILE, Masks, checked, drawn, read_masks
from training.nodes.model import MODELS, scores_of
from training.nodes.source import NodeGraph, read_graph

SHOWN: Final = dict(zip(MEASURES, ("AUC", "AP", "recall at 1% false positives"), strict=True))


def run(data: Path | None, seed: int, label: str | None, positive: str | None, scores: Path | None) -> None:
    """On a folder with nodes.tsv, edges and perhaps splits.npz. `scores` names a Parquet file to be written."""
    if data is None:
        raise UserError("assay bench nodes needs --data FOLDER with nodes.tsv and edges.parquet or edges.tsv")
    if scores is not None and not scores.parent.is_dir():
        raise UserError(f"--scores: the folder {scores.parent} does not exist")
    graph = read_graph(data, label, positive)
    splits = masks_of(data, graph, seed)
    out.print(_described(graph))
    with progress("features, then models", 1 + len(splits) * MODELS) as advance:
        features = features_of(graph)
        advance(1)
        found = [scores_of(features, graph.labels, masks, seed, advance=advance) for masks in splits]
    if scores is not None:
        scored(graph, splits, found).write_parquet(scores)
    figures = [measured(graph.labels[masks.test], one[masks.test]) for masks, one in zip(splits, found, strict=True)]
    _report(data, graph, features, splits, figures)


def masks_of(data: Path, graph: NodeGraph, seed: int) -> list[Masks]:
    """Given or drawn, each with both classes to learn from and to measure."""
    path = data / MASKS_FILE
    splits = read_masks(path, graph.nodes) if path.exists() else drawn(graph.labels, seed)
    for number, masks in enumerate(splits, 1):
        checked(masks, graph.labels, f"split {number} of {MASKS_FILE}" if path.exists() else f"drawn split {number}")
    return splits


def scored(graph: NodeGraph, splits: list[Masks], found: list[Floats]) -> pl.DataFrame:
    """`id`, `split` from 1, `score` of every test node, blank-labelled ones too: who holds their labels can measure."""
    parts = [
        pl.DataFrame({"id": graph.ids.filter(pl.Series(masks.test)), "split": number, "score": one[masks.test]})
        for number, (masks, one) in enumerate(zip(splits, found, strict=True), 1)
    ]
    return pl.concat(parts)


def _described(graph: NodeGraph) -> str:
    known = graph.labels[~np.isnan(graph.labels)]
    loops = f"; {graph.loops:,} loops left out" if graph.loops else ""
    edges = f"{graph.edges:,} edges{loops}" if graph.edges else "no edges: attributes alone"
    return (
        f"{graph.nodes:,} nodes, {edges}; {len(known):,} labelled, {int(known.sum()):,} of them "
        f"{graph.label} = {graph.positive}, which is what is looked for"
    )


def _report(
    data: Path, graph: NodeGraph, features: NodeFeatures, splits: list[Masks], figures: list[SplitFigures]
) -> None:
    known = ~np.isnan(graph.labels)
    tested = float(np.mean([(masks.test & known).sum() / max((~masks.test & known).sum(), 1) for masks in splits]))
    means = {measure: mean_of(figures, measure, tested) for measure in MEASURES}
    spreads = {measure: spread(figures, measure) for measure in MEASURES}
    rows = [
        BenchRow(f"split {number}", None, ", ".join(f"{SHOWN[name]} {getattr(one, name):.4f}" for name in MEASURES))
        for number, one in enumerate(figures, 1)
    ]
    rows += [BenchRow(f"mean {words}", None, _words(str(means[name]), spreads[name])) for name, words in SHOWN.items()]
    rows += [BenchRow(f"attribute {name}", None, f"left out: {why}") for name, why in features.left_out.items()]
    blank = sum(one.blank for one in figures)
    if blank:
        rows.append(BenchRow("test nodes with a blank label", None, f"{blank:,} over all splits: scored, not measured"))
    summary: dict[str, Any] = {name: means[name].value for name in MEASURES}
    summary |= {f"{name}_interval": [means[name].low, means[name].high] for name in MEASURES}
    summary |= {f"{name}_deviation": spreads[name] for name in MEASURES}
    summary |= {"split_count": len(splits), "splits": [asdict(one) for one in figures]}
    summary |= {"nodes": graph.nodes, "edges": graph.edges, "labelled": int(known.sum()), "positive": graph.positive}
    summary |= {"columns": len(features.names), "left_out": dict(features.left_out)}
    report(f"nodes of {data.resolve().name}, `{graph.label}`", rows, summary)


def _words(mean: str, deviation: float | None) -> str:
    return mean if deviation is None else f"{mean}, deviation over splits {deviation:.4f}"
