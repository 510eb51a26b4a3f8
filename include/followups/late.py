"""How many of a run's rows are due before its interval: the runs before it have seen to most of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from operator import itemgetter
from zoneinfo import ZoneInfo

from followups.table import Columns, Row


class LateRows:
    """Counts rows that are due before a moment; a due date without a zone is in the feed's."""

    def __init__(self, columns: Columns, before: datetime, zone: ZoneInfo) -> None:
        self._before = before
        self._local_before = before.astimezone(UTC if "due_at" in columns.in_utc else zone).replace(tzinfo=None)
        self._due_of: Callable[[Row], object] | None = (
            itemgetter(columns.names.index("due_at")) if "due_at" in columns.names else None
        )
        self.count = 0

    def note(self, rows: Iterable[Row]) -> None:
        """Take in one chunk."""
        if self._due_of is not None:
            self.count += sum(map(self._is_late, map(self._due_of, rows)))

    def _is_late(self, due: object) -> bool:
        if isinstance(due, str):
            try:
                due = datetime.fromisoformat(due.strip())
            except ValueError:
                return False  # its row is refused
        if not isinstance(due, datetime):
            return False
        return due < (self._local_before if due.tzinfo is None else self._before)
