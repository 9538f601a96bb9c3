"""What becomes of attackers' events, and of cases, days later: partners take back, reviewers answer, silence ends."""

from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from features.events import SCHEMA_VERSION, Kind
from features.log import Row
from training.simulator.batch import DAY, SECOND
from training.simulator.catalogue import PARTNERS
from training.simulator.outcomes import (
    CLEAN_DAYS,
    CLEAN_SHARE_FRAUD,
    REVERSAL_DAYS,
    REVERSAL_DAYS_MEDIAN,
    REVIEW_DAYS,
    REWARDED,
)

CAUGHT: Final = 0.4
CHARGEBACK_DAYS_MEDIAN: Final = 18.0
_VIGILANCE: Final = {partner.name: partner.vigilance for partner in PARTNERS}
_REWARDED: Final = frozenset(map(str, REWARDED))
_FRAUD_REASONS: Final = ("fraud", "duplicate", "attribution")
_FRAUD_REASON_SHARES: Final = (0.80, 0.08, 0.12)
# What a reviewer answers in the end: of a fraud, and of honest people's cases. The rest stays open, and held.
_OF_FRAUD: Final = {"fraud": 0.68, "genuine": 0.04, "unsure": 0.05}
_OF_HONEST: Final = {"fraud": 0.004, "genuine": 0.976, "unsure": 0.01}


@dataclass
class Aftermath:
    """Outcomes under way, as rows of the log. `number` is the next one's."""

    rng: np.random.Generator
    waiting: list[Row] = field(default_factory=list)
    number: int = 0

    def due(self, before: int) -> list[Row]:
        """The outcomes that are recorded before the instant."""
        ripe = [row for row in self.waiting if row["recorded_at"] < before]
        self.waiting = [row for row in self.waiting if row["recorded_at"] >= before]
        return ripe

    def of_conversion(self, row: Row, caught: float, charges_back: float) -> None:
        """Partners take back what they see through, card owners what they did not buy; a few are called clean."""
        if row["kind"] not in _REWARDED:
            return
        if row["kind"] == str(Kind.PURCHASE) and self.rng.random() < charges_back:
            self._reverse(row, "card_chargeback", "fraud", CHARGEBACK_DAYS_MEDIAN)
        elif self.rng.random() < caught * _VIGILANCE.get(row["partner_id"], 1.0):
            reason = str(self.rng.choice(_FRAUD_REASONS, p=_FRAUD_REASON_SHARES))
            self._reverse(row, "advertiser_reversal", reason, REVERSAL_DAYS_MEDIAN)
        elif self.rng.random() < CLEAN_SHARE_FRAUD:
            self._add(row, self.rng.uniform(*CLEAN_DAYS), kind="clean")

    def review(self, row: Row, *, is_fraud: bool) -> None:
        """A person answers a case, as most are answered within days."""
        answers = _OF_FRAUD if is_fraud else _OF_HONEST
        at = int(np.searchsorted(np.cumsum(list(answers.values())), self.rng.random(), side="right"))
        if at < len(answers):
            said = {"disposition": list(answers)[at], "caused_by": "person"}
            self._add(row, self.rng.uniform(*REVIEW_DAYS), kind="disposition", **said)

    def _reverse(self, row: Row, kind: str, reason: str, days_median: float) -> None:
        days = float(np.clip(days_median * np.exp(0.7 * self.rng.standard_normal()), *REVERSAL_DAYS))
        self._add(row, days, kind="reversal", reversal_kind=kind, reason=reason, caused_by="partner")

    def _add(self, row: Row, days: float, **said: Any) -> None:
        at = row["recorded_at"] + int(DAY * days)
        names = ("user_id", "partner_id", "partner_transaction_id")
        self.number += 1
        self.waiting.append(
            {name: row.get(name) for name in names}
            | {"event_id": f"after-{self.number}", "subject_event_id": row["event_id"], "event_time": at}
            | {"recorded_at": at + (1 + self.number % 600) * SECOND, "schema_version": SCHEMA_VERSION}
            | said
        )
