"""A measured figure with its uncertainty, or the reason why it could not be measured."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """`value` with a 95% interval from `low` to `high`; all None, with a `reason`, where nothing could be measured."""

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str | None = None

    @property
    def is_known(self) -> bool:
        return self.value is not None

    def __str__(self) -> str:
        if self.value is None:
            return f"unknown: {self.reason}"
        if self.low is None and float(self.value).is_integer():
            return f"{self.value:,.0f}"
        bounds = "" if self.low is None or self.high is None else f" ({self.low:.4f} to {self.high:.4f})"
        return f"{self.value:.4f}{bounds}"


Metrics = Mapping[str, Estimate]


def unknown(reason: str) -> Estimate:
    return Estimate(None, reason=reason)


def as_json(metrics: Metrics) -> dict[str, dict[str, Any]]:
    """Plain values for a JSON file; `from_json` is the inverse."""
    return {name: asdict(estimate) for name, estimate in metrics.items()}


def from_json(body: Mapping[str, Mapping[str, Any]]) -> dict[str, Estimate]:
    return {name: Estimate(**fields) for name, fields in body.items()}
