"""The fraud model out of time: trained on the past, calibrated on what came after, measured on what came last."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from features.home import Home
from pipelines.backfill import backfill
from pipelines.bench.workload import DAYS
from pipelines.console import BenchRow, report
from pipelines.load import load_folder, load_simulated
from pipelines.retrain import Registered, retrain
from training.estimates import Estimate

# With 1,000 the figures of the top tenth rest on some sixty people, and move by a tenth from seed to seed.
USERS: Final = 3000
SHOWN: Final = {
    "auc": "AUC",
    "ap": "AP",
    "ap_rare": "AP of the rarer class",
    "recall_at_fpr_0.01": "recall at 1% false positives",
    "rule_recall": "the rule's recall",
    "rule_false_positive_rate": "the rule's false positives",
    "recall_at_rule": "model's recall at the rule's false positives",
    "recall_gain_over_rule": "model less rule, paired",
    "calibration_slope": "calibration slope",
    "top_decile_observed_over_expected": "observed over expected, top tenth",
}


def run(data: Path | None, seed: int) -> None:
    """On `--data FOLDER`, or on a simulated platform; the newest 1,000 events of a folder are never read."""
    with TemporaryDirectory(prefix="assay-bench-") as folder:
        home = Home(Path(folder) / "home")
        if data is None:
            load_simulated(home, USERS, DAYS, seed)
        else:
            load_folder(home, data)
        backfill(home)
        _report(retrain(home), data.resolve().name if data else f"simulated, seed {seed}")


def _report(registered: Registered, source: str) -> None:
    metrics = registered.trained.metrics
    rows = [BenchRow(words, None, str(metrics[name])) for name, words in SHOWN.items() if name in metrics]
    counted = {"test_rows": int(metrics["rows"].value or 0), "positives": int(metrics["positives"].value or 0)}
    rows.insert(0, BenchRow("test", None, f"{counted['test_rows']:,} rows, {counted['positives']:,} positive"))
    figures = {name: _figure(metrics[name]) for name in SHOWN if name in metrics}
    report(f"{registered.trained.model.context['target']} model out of time: {source}", rows, counted | figures)


def _figure(estimate: Estimate) -> dict[str, float | None]:
    return {"value": estimate.value, "low": estimate.low, "high": estimate.high}
