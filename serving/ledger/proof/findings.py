"""What verification finds. A finding is a sentence; a sound book has none."""

from dataclasses import dataclass
from typing import Final

FINDINGS_MAX: Final = 100
"""Findings that are told; more would say nothing more."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`sequence`: the event that it is about, or the last one that it may be about; None: the book as a whole."""

    sequence: int | None
    sentence: str
