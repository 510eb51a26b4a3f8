"""Deliveries as planning reads and writes them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from msgspec import Struct

from followups.ledger.asking import AskedChange
from followups.model import State


class Known(NamedTuple):
    """What the ledger holds of one key."""

    id: int
    state: State
    content_hash: str
    plan_id: int
    generation: int
    batch_id: str | None
    row_hash: int | None = None
    #: cancelled while nobody knew whether it had been created
    withdrawn: bool = False


class Standing(NamedTuple):
    """What the ledger holds of some rows: keys by state of those that nothing moved, and the others that it knows."""

    unchanged: Mapping[State, Sequence[str]]
    known: Mapping[str, Known]


class NewRow(Struct, kw_only=True, gc=False):
    """A delivery that the ledger has not seen; `batch_id` only where it is planned."""

    delivery_key: str
    followup_id: str
    state: State
    reason: str | None
    task_type: str | None
    due_at: datetime | None
    content_hash: str
    row_hash: int | None
    payload: str | None
    batch_id: str | None = None
    #: the owner and day whose allowance it takes; not a column
    owner_day: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A known delivery that is moved on; nothing happens where it is no longer in its `expected` state and batch."""

    id: int
    expected: State
    from_batch: str | None
    values: dict[str, Any]
    why: str
    owner_day: tuple[str, str] | None = None


@dataclass(kw_only=True)
class Changes:
    """What one transaction of planning writes."""

    new: list[NewRow] = field(default_factory=list)
    changed: list[ChangedRow] = field(default_factory=list)
    batches: dict[str, int] = field(default_factory=dict)
    owner_days: Counter[tuple[str, str]] = field(default_factory=Counter)
    asked: list[AskedChange] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.new) + len(self.changed) + len(self.asked)
