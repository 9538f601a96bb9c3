"""Why decisions were taken, recently and before: a reason that is suddenly common, or gone."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.stats import norm

from training.monitoring.findings import Check, Finding, unmeasured
from training.monitoring.limits import Limits

NO_REASON: Final = "none"
"""Stands for decisions that need no reason."""


@dataclass(frozen=True)
class Mix:
    """Of `total_before` and `total_recent` decisions, those that give the reason `code`."""

    code: str
    before: int
    recent: int
    total_before: int
    total_recent: int

    @property
    def share_before(self) -> float:
        return self.before / self.total_before

    @property
    def share_recent(self) -> float:
        return self.recent / self.total_recent

    @property
    def p(self) -> float:
        """Two-sided, of equal shares: the pooled z test of two proportions."""
        pooled = (self.before + self.recent) / (self.total_before + self.total_recent)
        error = np.sqrt(pooled * (1 - pooled) * (1 / self.total_before + 1 / self.total_recent))
        return float(2 * norm.sf(abs(self.share_recent - self.share_before) / error)) if error > 0 else 1.0


def mix_of(before: Sequence[Sequence[str]], recent: Sequence[Sequence[str]]) -> list[Mix]:
    """The reasons of each decision of two periods, as one row a code, the one that changed most first."""
    one, two = (Counter(code for codes in each for code in set(codes or [NO_REASON])) for each in (before, recent))
    if not before or not recent:
        return []
    found = [Mix(code, one[code], two[code], len(before), len(recent)) for code in sorted(one | two)]
    return sorted(found, key=lambda mix: -abs(mix.share_recent - mix.share_before))


def of_reasons(mixes: Sequence[Mix], limits: Limits) -> list[Finding]:
    """One finding a reason; a stated one when there are too few decisions."""
    least = min((min(one.total_before, one.total_recent) for one in mixes), default=0)
    if least < limits.decisions_min:
        why = f"Fewer than {limits.decisions_min} live decisions in one of the periods: their reasons are not compared."
        return [unmeasured(Check.REASONS, "all", why)]
    return [_judged(one, len(mixes), limits) for one in mixes]


def _judged(mix: Mix, reasons: int, limits: Limits) -> Finding:
    low, high = sorted((mix.share_before, mix.share_recent))
    is_large = high - low >= limits.reason_gap_min and high >= limits.reason_ratio_min * low
    stands = is_large and mix.p * reasons <= limits.reason_error_max
    sentence = (
        f"{mix.share_recent:.1%} of {mix.total_recent:,} decisions give the reason {mix.code}, before "
        f"{mix.share_before:.1%} of {mix.total_before:,}."
    )
    limit = max(mix.share_before + limits.reason_gap_min, mix.share_before * limits.reason_ratio_min)
    return Finding(Check.REASONS, mix.code, mix.share_recent, limit, stands, sentence)
