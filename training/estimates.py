"""A measured figure with its uncertainty, or the reason why it could not be measured."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

_Z: Final = 1.959963984540054  # the 97.5th percentile of the normal distribution


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


def wilson(positives: int, rows: int) -> tuple[float, float]:
    """The 95% score interval of a share: Wilson, JASA 22 (1927); Brown, Cai and DasGupta (2001) recommend it.

    It takes the events as independent, and stays within 0 and 1 also where none or all are positive.
    Raises ValueError for no rows, or more positives than rows.
    """
    if not 0 <= positives <= rows or rows < 1:
        raise ValueError(f"{positives} of {rows} is no share")
    share, squared = positives / rows, _Z**2 / rows
    centre = share + squared / 2
    reach = _Z * math.sqrt(share * (1 - share) / rows + squared / (4 * rows))
    low, high = (centre - reach) / (1 + squared), (centre + reach) / (1 + squared)
    return max(low, 0.0), min(high, 1.0)
