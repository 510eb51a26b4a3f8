"""What the slot rule does to a row, said by the pure rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from followups.throttle.policy import BucketState, rewound
from followups.throttle.priority import QUEUES, Priority


def given_out(state: BucketState, now: float, slot: float, priority: Priority) -> BucketState:
    """Return the row after a slot was given to a call of one priority; counts and widening are left as they are."""
    state = rewound(state, now)
    queues: dict[str, Any] = {
        column: max(getattr(state, column), slot) for other, column in enumerate(QUEUES) if column and other >= priority
    }
    return replace(state, asked_at=now, slot_at=max(state.slot_at, slot), **queues)
