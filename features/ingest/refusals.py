"""The rows that were refused: written aside with their place and the reason, so that they can be mended."""

import csv
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

REFUSALS_KEPT_MAX: Final = 100_000
VALUE_LENGTH_MAX: Final = 200


class Refusal(NamedTuple):
    """`row` counts the data rows of its file from 1."""

    file: str
    row: int
    field: str
    message: str
    value: str | None


@dataclass
class Refusals:
    """Counts every refusal; keeps the first 100,000 for the file."""

    kept: list[Refusal] = field(default_factory=list)
    by_reason: Counter[str] = field(default_factory=Counter)

    def add(self, refusal: Refusal) -> None:
        self.by_reason[f"{refusal.field}: {refusal.message}"] += 1
        if len(self.kept) < REFUSALS_KEPT_MAX:
            value = refusal.value and refusal.value[:VALUE_LENGTH_MAX]
            self.kept.append(refusal._replace(value=value))

    @property
    def count(self) -> int:
        return self.by_reason.total()

    def write(self, path: Path) -> Path | None:
        """Writes the file, or removes the one of an earlier run when nothing was refused."""
        if not self.kept:
            path.unlink(missing_ok=True)
            return None
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(Refusal._fields)
            writer.writerows(self.kept)
        return path
