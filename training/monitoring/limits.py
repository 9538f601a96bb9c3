"""From where on a finding is an alert: `limits.yaml`, where each limit has its reason."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self

from training.settings import assert_number, read_settings

DEFAULT: Final = Path(__file__).with_name("limits.yaml")


@dataclass(frozen=True)
class Limits:
    """See `limits.yaml` for what each one means. Shares are fractions of one, the others numbers above 0."""

    psi_min: float
    psi_over_usual_min: float
    psi_over_chance_min: float
    moved_share_min: float
    reason_ratio_min: float
    reason_gap_min: float
    reason_error_max: float
    decisions_min: int
    calibration_ratio_max: float
    calibration_slope_max: float
    cohort_positives_min: int
    recall_kept_min: float
    delay_ratio_max: float
    delay_days_min: float
    arrival_share_min: float
    outcomes_min: int

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            assert_number(f"limits: {field.name}", value)
            if not value > 0:
                raise ValueError(f"limits: {field.name} must be a number above 0, not {value!r}")

    @classmethod
    def read(cls, file: Path = DEFAULT) -> Self:
        """Raises ValueError naming the key that is missing, unknown or no number above 0."""
        return read_settings(cls, file)
