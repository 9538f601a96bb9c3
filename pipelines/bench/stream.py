"""A stream of payments by the protocol of the Fraud Detection Handbook: our features beside the book's fifteen."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pipelines.bench.feature_handbook import file_of
from pipelines.console import BenchRow, UserError, err, out, progress, report
from training.estimates import Estimate
from training.stream.payments import Payments, PaymentsError
from training.stream.protocol import Window, every_week, last_window, parsed, rows_of
from training.stream.reading import read_columns, read_payments
from training.stream.trial import STEPS, Figures, Known, Trial, known_at, tried

PUBLISHED: Final = {"2018-07-25 7 7 7": Figures(0.871, 0.658, 0.291, 0.0)}
"""By training day and days: the best of each figure that the handbook prints for its own data."""


@dataclass(frozen=True)
class Asked:
    """What the command line asked for. `train_from` None: the last window that the file holds."""

    data: Path | None
    train_from: str | None
    days: tuple[int, int, int]
    mapping: str | None
    columns: Sequence[str]
    seed: int


def run(asked: Asked) -> None:
    """One window: a table, its days, and a JSON object."""
    began = time.perf_counter()
    payments = _read(asked)
    window = _window(asked, payments)
    rows_of(payments, window)  # what cannot be measured is refused before the long part
    with progress("stream", 2 + STEPS) as advance:
        trial = tried(payments, known_at(payments, window.delay_days, advance), window, asked.seed, advance)
    seconds = time.perf_counter() - began
    report(f"payments, {window}", _lines(trial, seconds), _figures(trial) | _run(payments, seconds))


def run_every_week(asked: Asked) -> None:
    """All windows of the file, a week apart; one that cannot be measured says why, and the others go on."""
    began = time.perf_counter()
    payments = _read(asked)
    window = _window(asked, payments)
    windows = list(every_week(payments, window, anchored=asked.train_from is not None))
    with progress("stream", 2 + STEPS * len(windows)) as advance:
        known = known_at(payments, window.delay_days, advance)
        trials = [_tried(payments, known, one, asked.seed, advance) for one in windows]
    _report_weeks(trials, _run(payments, time.perf_counter() - began))


def _tried(
    payments: Payments, known: Known, window: Window, seed: int, advance: Callable[[int], object]
) -> Trial | tuple[Window, str]:
    try:
        return tried(payments, known, window, seed, advance)
    except PaymentsError as error:
        return window, str(error)


def _read(asked: Asked) -> Payments:
    file = asked.data or file_of(None)
    if not file.exists():
        raise UserError(f"{file} is absent: give --data FILE, or set ASSAY_DATA to the folder of public data")
    named = read_columns(asked.mapping) if asked.mapping else {}
    for one in asked.columns:
        role, sign, column = one.partition("=")
        if not sign or not column:
            raise UserError(f"--columns {one}: write ROLE=COLUMN, such as time=paid_at")
        named[role] = column
    payments = read_payments(file, named)
    if payments.out_of_order:
        err.print(f"{payments.out_of_order:,} rows were earlier than the row before them: the file was sorted by time")
    return payments


def _window(asked: Asked, payments: Payments) -> Window:
    if asked.train_from is None:
        return last_window(payments, *asked.days)
    return Window(parsed(asked.train_from), *asked.days)


def _run(payments: Payments, seconds: float) -> dict[str, Any]:
    return {"payments": len(payments), "out_of_order": payments.out_of_order, "seconds": round(seconds, 1)}


def _lines(trial: Trial, seconds: float) -> list[BenchRow]:
    ours, book = trial.ours, trial.book
    window = trial.window
    key = f"{window.train_from} {window.train_days} {window.delay_days} {window.test_days}"
    published = PUBLISHED.get(key)
    lines = [
        BenchRow("learned from", None, f"{trial.train_rows:,} payments, {trial.train_positives:,} fraud"),
        BenchRow(
            "tested on",
            None,
            f"{trial.test_rows:,} payments, {trial.test_positives:,} fraud; {trial.removed:,} of known cards removed",
        ),
    ]
    for name, attribute in (("AUC", "auc"), ("AP", "ap"), ("card precision at 100", "card_precision")):
        value, floor = getattr(ours, attribute), getattr(published, attribute, None)
        target = None if floor is None else f">= {floor:.3f} published"
        measured = f"{_shown(value)} (the book's features {_shown(getattr(book, attribute))})"
        lines.append(BenchRow(name, target, measured, None if floor is None or value is None else value >= floor))
    lines.append(BenchRow("AP above the book's features, cards resampled", "> 0", str(trial.gain), _above(trial.gain)))
    for day in trial.days:
        measured = f"AUC {_shown(day.auc)}, AP {_shown(day.ap)}, cards {day.card_precision:.2f}; {day.frauds:,} fraud"
        lines.append(BenchRow(day.day, None, measured))
    return [*lines, BenchRow("seconds, reading and features included", None, f"{seconds:.0f}")]


def _shown(value: float | None) -> str:
    return "unknown: one class only" if value is None else f"{value:.3f}"


def _above(gain: Estimate) -> bool | None:
    return None if gain.value is None else gain.value > 0


def _figures(trial: Trial) -> dict[str, Any]:
    ours, book, gain = trial.ours, trial.book, trial.gain
    return {
        "train_from": str(trial.window.train_from),
        "auc": ours.auc,
        "ap": ours.ap,
        "card_precision_at_100": ours.card_precision,
        "card_precision_at_100_every_day": ours.card_precision_every_day,
        "baseline_auc": book.auc,
        "baseline_ap": book.ap,
        "baseline_card_precision_at_100": book.card_precision,
        "ap_difference": asdict(gain),
        "train_rows": trial.train_rows,
        "train_positives": trial.train_positives,
        "test_rows": trial.test_rows,
        "test_positives": trial.test_positives,
        "removed_rows": trial.removed,
        "days": [asdict(day) for day in trial.days],
    }


def _report_weeks(trials: Sequence[Trial | tuple[Window, str]], run: dict[str, Any]) -> None:
    lines, windows = [], []
    for trial in trials:
        if isinstance(trial, Trial):
            lines.append(_week(trial))
            windows.append(_figures(trial))
        else:
            window, reason = trial
            lines.append(BenchRow(str(window.train_from), None, f"left out: {reason}"))
            windows.append({"train_from": str(window.train_from), "reason": reason})
    gains = [trial.gain.value for trial in trials if isinstance(trial, Trial) and trial.gain.value is not None]
    least = {"ap_difference_min": min(gains, default=None), "measured_windows": len(gains)}
    out.print("train_from: AP, AP of the book's features, difference with its paired interval, cards resampled")
    report("payments, every week", lines, {"windows": windows} | least | run)


def _week(trial: Trial) -> BenchRow:
    measured = f"AP {_shown(trial.ours.ap)}, {_shown(trial.book.ap)}: {trial.gain}; AUC {_shown(trial.ours.auc)}"
    return BenchRow(str(trial.window.train_from), "> 0", measured, _above(trial.gain))
