"""What mistakes and remedies cost: `costs.yaml`, where each amount has its reason."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Self

from training.settings import assert_number, read_settings

DEFAULT: Final = Path(__file__).with_name("costs.yaml")


@dataclass(frozen=True)
class Costs:
    """Amounts in micros, shares as fractions of one, days as days. See `costs.yaml` for what each one means."""

    review_micros: int
    honest_refused_micros: int
    waiting_share_per_day: float
    review_days: float
    hold_stops_share: float
    review_share_max: float

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            assert_number(f"costs: {field.name}", value)
            if not 0 <= value < (1 if "share" in field.name else 2**53):
                raise ValueError(f"costs: {field.name} is out of range: {value}")

    @classmethod
    def read(cls, file: Path = DEFAULT) -> Self:
        """Raises ValueError naming the key that is missing, unknown or out of range."""
        return read_settings(cls, file)
