"""`assay ltv`: the table by cohort, the curves, and the JSON object of a forecast of purchases."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from rich.table import Table

from pipelines.console import BenchRow, assert_writable, out, progress, report
from training.estimates import Estimate
from training.ltv.cap import PersonCosts, acquisition_cap, load_costs
from training.ltv.newcomers import Newcomers, increments_of, lower_bounds
from training.ltv.plots import pictures
from training.ltv.purchases import Purchases, PurchasesError
from training.ltv.reading import read_purchases
from training.ltv.study import STEPS, Measures, Study, study

CORRELATION_MIN: Final = 0.63
MAE_MAX: Final = 0.755
"""What Pareto/NBD reaches on the CDNOW sample, 39 weeks ahead of 39; asked of that table alone."""


@dataclass(frozen=True)
class Asked:
    data: Path
    calibration_weeks: int
    holdout_weeks: int
    named: Mapping[str, str]
    costs: Path | None
    plots: Path | None
    seed: int


@dataclass(frozen=True)
class Cap:
    """A new person's expected value by the end of a horizon, its lower bound, and the most to pay for one."""

    days: int
    expected: float
    lower: float
    cap: float


def run(asked: Asked) -> None:
    costs = load_costs(asked.costs)
    purchases = read_purchases(asked.data, asked.named)
    if asked.plots is not None:
        assert_writable("--plots", asked.plots)
    with progress("ltv", STEPS) as advance:
        told = study(purchases, asked.calibration_weeks, asked.holdout_weeks, asked.seed, advance)
    if asked.plots is not None:
        for name, text in pictures(purchases, told, asked.holdout_weeks).items():
            (asked.plots / f"{name}.svg").write_text(text, "utf-8")
    caps = _caps(purchases, told.fitted.day, costs, asked.seed)
    _show_cohorts(told)
    report(
        f"{asked.data.name}: {asked.holdout_weeks} weeks after {asked.calibration_weeks}",
        _lines(asked, told, caps),
        _figures(told, caps),
    )


def _caps(purchases: Purchases, day: int, costs: PersonCosts, seed: int) -> list[Cap]:
    """None where too few people have lived through the first horizon."""
    known = increments_of(purchases, day)
    try:
        model = Newcomers.fit(known)
    except PurchasesError:
        return []
    expected = model.expected(known.features, known.cohorts).mean(axis=0)
    lower = lower_bounds(known, seed)
    return [
        Cap(days, float(mean), float(low), acquisition_cap(float(low), days, costs))
        for days, mean, low in zip(model.horizons_days, expected, lower, strict=False)
    ]


def _show_cohorts(told: Study) -> None:
    table = Table(title="by the month of the first purchase")
    for heading in ("cohort", "customers", "purchases that came", "bias of the forecast"):
        table.add_column(heading)
    for one in told.cohorts:
        table.add_row(one.name, f"{one.customers:,}", f"{one.bought:,.0f}", str(one.bias))
    out.print(table)


def _lines(asked: Asked, told: Study, caps: list[Cap]) -> list[BenchRow]:
    ours, worst = told.measures, told.worst
    is_cdnow = asked.data.name.lower().startswith("cdnow") and (asked.calibration_weeks, asked.holdout_weeks) == (
        39,
        39,
    )
    correlation, mae = (ours.correlation.value, ours.mae.value) if is_cdnow else (None, None)
    shown = [
        BenchRow("customers", None, f"{len(told.came):,}; {told.newcomers_left_out:,} came later and are left out"),
        BenchRow(
            "correlation",
            f">= {CORRELATION_MIN}" if is_cdnow else None,
            str(ours.correlation),
            None if correlation is None else correlation >= CORRELATION_MIN,
        ),
        BenchRow(
            "mean absolute error",
            f"<= {MAE_MAX}" if is_cdnow else None,
            str(ours.mae),
            None if mae is None else mae <= MAE_MAX,
        ),
        BenchRow("bias", "0 within its interval", str(ours.bias), _holds_zero(ours.bias)),
        BenchRow(
            "worst cohort's bias", None, "none is large enough" if worst is None else f"{worst.name}: {worst.bias}"
        ),
        BenchRow("expected numbers: correlation, error", None, f"{told.means.correlation}, {told.means.mae}"),
        BenchRow("expected amounts: correlation, bias", None, f"{told.spent.correlation}, {told.spent.bias}"),
        BenchRow(
            "drift with the horizon, learned before",
            None,
            f"{told.fitted.drift.slope:+.3f} ({told.fitted.drift.raw:+.3f} before shrinking)",
        ),
    ]
    for one in caps:
        measured = f"{one.expected:.2f} expected, {one.lower:.2f} at least, pay {one.cap:.2f} at most"
        shown.append(BenchRow(f"a new person, {one.days} days on", None, measured))
    return shown


def _holds_zero(bias: Estimate) -> bool | None:
    return None if bias.low is None or bias.high is None else bias.low <= 0 <= bias.high


def _figures(told: Study, caps: list[Cap]) -> dict[str, Any]:
    worst, fitted = told.worst, told.fitted
    return {
        **_of(told.measures),
        "worst_cohort_bias": None if worst is None else worst.bias.value,
        "worst_cohort": None if worst is None else worst.name,
        "customers": len(told.came),
        "came_later": told.newcomers_left_out,
        "cohorts": [
            {"cohort": one.name, "customers": one.customers, "purchases": one.bought, "bias": asdict(one.bias)}
            for one in told.cohorts
        ],
        "expected": _of(told.means),
        "amounts": _of(told.spent),
        "drift": asdict(fitted.drift),
        "parameters": {
            "bg_nbd": fitted.pair.geometric.parameters(),
            "pareto_nbd": fitted.pair.lifetimes.parameters(),
            "gamma_gamma": fitted.spend.parameters(),
        },
        "newcomers": [asdict(one) for one in caps],
    }


def _of(measures: Measures) -> dict[str, Any]:
    named = {"correlation": measures.correlation, "mae": measures.mae, "bias": measures.bias}
    values = {name: estimate.value for name, estimate in named.items()}
    return values | {f"{name}_interval": [one.low, one.high] for name, one in named.items()}
