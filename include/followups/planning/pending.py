"""What was decided and is not written yet: rows for the next transaction, and the batch that is being filled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from followups.ledger.rows import ChangedRow, Changes, NewRow
from followups.planning.batching import BatchCutter

Row = NewRow | ChangedRow


class Pending:
    """Collects rows; those of a batch are written once it is full, or closed."""

    def __init__(self, plan_id: int) -> None:
        self._cutter = BatchCutter(plan_id)
        self._changes = Changes()
        self._batch_id = ""
        self._batch: list[Row] = []
        self._contents: dict[str, str] = {}

    @property
    def batches(self) -> int:
        """How many batches were begun."""
        return self._cutter.batches

    @property
    def open_batch(self) -> Iterator[Row]:
        """The rows of the batch that is being filled, which the ledger does not show yet."""
        return iter(self._batch)

    @property
    def contents(self) -> Mapping[str, str]:
        """The same rows' content by key, of those that have one."""
        return self._contents

    def send(self, row: Row, size: int, *, key: str | None = None, content: str = "") -> None:
        """Put a row of `size` bytes into a batch; `key` and `content` are the follow-up's, where it was read."""
        batch_id = self._cutter.next(size)
        if batch_id != self._batch_id:
            self.close_batch()
            self._batch_id = batch_id
        if isinstance(row, NewRow):
            row.batch_id = batch_id
        else:
            row.values["batch_id"] = batch_id
        self._batch.append(row)
        if key is not None:
            self._contents[key] = content

    def keep(self, row: Row) -> None:
        """Take a row that is in no batch of this plan."""
        if row.owner_day:
            self._changes.owner_days[row.owner_day] += 1
        if isinstance(row, NewRow):
            self._changes.new.append(row)
        else:
            self._changes.changed.append(row)

    def close_batch(self, *, for_good: bool = False) -> None:
        """Let the batch be written; `for_good`: the next row begins another."""
        if self._batch:
            self._changes.batches[self._batch_id] = len(self._batch)
        for row in self._batch:
            self.keep(row)
        self._batch = []
        self._contents = {}
        if for_good:
            self._cutter.close()

    def take(self) -> Changes:
        """Return what is to be written now."""
        changes, self._changes = self._changes, Changes()
        return changes
