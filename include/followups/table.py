"""Rows as a query gives them: tuples, of which most need no look once they were delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any

from followups.keys import RowHasher
from followups.rows import COLUMNS, Candidate, Outline, RowReader

Row = Sequence[Any]


@dataclass(frozen=True)
class Columns:
    """The columns of a query's rows, in their order."""

    names: tuple[str, ...]
    #: those whose date-times have no zone because they are all in UTC
    in_utc: frozenset[str] = frozenset()

    def named(self, row: Row) -> dict[str, Any]:
        """Return a row's values by column, every moment with its zone."""
        values = dict(zip(self.names, row, strict=True))
        for name in self.in_utc:
            if isinstance(moment := values[name], datetime):
                values[name] = moment.replace(tzinfo=UTC)
        return values


class TableReader:
    """Reads rows of one query for one feed; a row is taken apart only if it has to be checked."""

    def __init__(self, reader: RowReader, columns: Columns) -> None:
        self._reader = reader
        self._columns = columns
        places = {name: place for place, name in enumerate(columns.names)}
        used = [name for name in COLUMNS if name in places]
        self._pick = itemgetter(*(places[name] for name in used))
        self._row_hash = RowHasher(used, reader.feed.defaults)
        self._id_place = places.get("followup_id")

    def outline(self, row: Row) -> Outline:
        """Return the row's key and hash."""
        row_hash = self._row_hash(self._pick(row))
        followup_id = None if self._id_place is None else row[self._id_place]
        key = self._reader.key_of(followup_id) if isinstance(followup_id, str) else None
        return Outline(key or self._reader.key(self._columns.named(row)), row_hash)

    def read(self, row: Row, outline: Outline | None = None) -> Candidate:
        """Return the candidate of one row."""
        return self._reader.read(self._columns.named(row), outline or self.outline(row))
