"""Cut what is to be sent into calls, and calls into slices."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import pairwise
from math import ceil
from typing import Any

MAX_ROWS_PER_CALL = 50
#: LeadSquared states no limit on a body; this keeps clear of the usual megabyte.
MAX_BYTES_PER_CALL = 900_000
#: About ten seconds of work at 25 calls in 5 s; one mapped task costs Airflow about three.
BATCHES_PER_SLICE = 50
#: So that a million rows make no more mapped tasks than this, unless the feed says otherwise.
MAX_SLICES = 100
#: Airflow refuses to map over more than 1024.
MAX_SLICES_MAPPED = 1000


def batch_name(plan_id: int, number: int) -> str:
    """Return the id of a plan's nth batch, counted from 1."""
    return f"{plan_id}-{number:06d}"


def plan_of(batch_id: str) -> int:
    """Return the plan that a batch belongs to."""
    return int(batch_id.partition("-")[0])


class BatchCutter:
    """Hands out batch ids so that no batch exceeds 50 rows or the size of a body."""

    def __init__(self, plan_id: int) -> None:
        self._plan_id = plan_id
        self._rows = 0
        self._bytes = 0
        self._closed = True
        self._name = ""
        #: how many batches were begun
        self.batches = 0

    def next(self, size: int) -> str:
        """Return the batch of a payload of `size` bytes."""
        if self._closed or self._rows >= MAX_ROWS_PER_CALL or self._bytes + size > MAX_BYTES_PER_CALL:
            self.batches += 1
            self._name = batch_name(self._plan_id, self.batches)
            self._rows = self._bytes = 0
            self._closed = False
        self._rows += 1
        self._bytes += size
        return self._name

    def close(self) -> None:
        """Let the next payload begin another batch."""
        self._closed = True


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The work of one mapped task: a range of a plan's batches."""

    plan_id: int
    first_batch: int
    last_batch: int
    label: str

    @property
    def bounds(self) -> tuple[str, str]:
        """First batch id, and the first one after; batches that were split off sort between them."""
        return batch_name(self.plan_id, self.first_batch), batch_name(self.plan_id, self.last_batch + 1)

    def as_json(self) -> dict[str, Any]:
        """Return plain values for XCom."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Slice:
        """Read what `as_json` wrote."""
        return cls(**{name: values[name] for name in ("plan_id", "first_batch", "last_batch", "label")})


def cut_slices(plan_id: int, batches: int, batches_per_slice: int | None = None) -> list[Slice]:
    """Return slices of nearly equal size; larger ones than asked for where there would be too many to map over."""
    if batches == 0:
        return []
    if batches_per_slice is None:
        count = min(ceil(batches / BATCHES_PER_SLICE), MAX_SLICES)
    else:
        count = min(ceil(batches / batches_per_slice), MAX_SLICES_MAPPED)
    bounds = [batches * index // count for index in range(count + 1)]
    return [
        Slice(plan_id=plan_id, first_batch=low + 1, last_batch=high, label=f"calls {low + 1} to {high} of {batches}")
        for low, high in pairwise(bounds)
    ]
