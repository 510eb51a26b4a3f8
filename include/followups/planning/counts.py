"""What a plan came to, for XCom, the ledger and people."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

SAMPLES = 3


@dataclass(kw_only=True)
class PlanCounts:
    """What became of the rows of one plan; every row read is counted once among the outcomes."""

    due: int = 0
    to_send: int = 0
    #: Planned rows that an earlier run left behind; they are sent without being read again.
    leftovers: int = 0
    batches: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    #: (state, reason) of the rows that this plan kept back.
    reasons: Counter[tuple[str, str]] = field(default_factory=Counter)

    def keep_back(self, state: str, reason: str | None) -> None:
        """Count a row that is not sent."""
        self.outcomes[str(state)] += 1
        self.reasons[str(state), reason or ""] += 1

    def as_json(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "due": self.due,
            "to_send": self.to_send,
            "leftovers": self.leftovers,
            "batches": self.batches,
            "outcomes": dict(self.outcomes),
            "reasons": [[state, reason, count] for (state, reason), count in self.reasons.most_common()],
        }


@dataclass(kw_only=True)
class Preview:
    """What a run would send. Holds personal data: mask it before it is shown in a log."""

    by_owner: Counter[str] = field(default_factory=Counter)
    by_task_type: Counter[str] = field(default_factory=Counter)
    samples: list[str] = field(default_factory=list)

    def note(self, owner: str, task_type: str, payload: str) -> None:
        """Take in one payload."""
        self.by_owner[owner] += 1
        self.by_task_type[task_type] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(payload)
