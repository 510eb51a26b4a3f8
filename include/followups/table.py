"""Rows as a query gives them: tuples, of which most need no look once they were delivered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Any

from followups.follow_up import COLUMNS, FollowUp
from followups.keys import RowHasher, delivery_keys
from followups.quick_checks import QuickCheck, attach_utc
from followups.row_checks import CHECKS_EDITION
from followups.rows import Candidate, Outline, Outlines, Refused, RowReader, shown

Row = Sequence[Any]


@dataclass(frozen=True)
class Columns:
    """The columns of a query's rows, in their order."""

    names: tuple[str, ...]
    #: those whose date-times have no zone because they are all in UTC
    in_utc: frozenset[str] = frozenset()

    def named(self, row: Row) -> dict[str, Any]:
        """Return a row's values by column, every moment with its zone."""
        values = dict(zip(self.names, row))  # noqa: B905 - no query's row is shorter or longer
        for name in self.in_utc:
            if isinstance(moment := values[name], datetime):
                values[name] = attach_utc(moment)
        return values


class TableReader:
    """Reads rows of one query for one feed; a row is taken apart only if it has to be checked."""

    def __init__(self, reader: RowReader, columns: Columns) -> None:
        self._reader = reader
        self._columns = columns
        places = {name: place for place, name in enumerate(columns.names)}
        used = [name for name in columns.names if name in COLUMNS]
        self._hashed = itemgetter(*(places[name] for name in used)) if len(used) < len(columns.names) else None
        self._row_hashes = RowHasher(used, reader.feed.defaults, edition=CHECKS_EDITION)
        self._quick_check = QuickCheck(columns.names, columns.in_utc, reader.feed.defaults)
        #: of the id, where it is all that tells rows apart
        self._id_place = None if reader.feed.identity else places.get("followup_id")

    def outlines(self, rows: Sequence[Row]) -> Outlines:
        """Return the rows' keys and hashes."""
        hashes = self._row_hashes(map(self._hashed, rows) if self._hashed else rows)
        return Outlines(delivery_keys(self._reader.feed.name, self._identities(rows)), hashes)

    def read(self, rows: Iterable[Row], outlines: Sequence[Outline]) -> list[Candidate]:
        """Return the candidates of rows."""
        return self._reader.judge([self._check(row) for row in rows], outlines)

    def _check(self, row: Row) -> FollowUp | Refused:
        return self._quick_check(row) or self._reader.check(self._columns.named(row))

    def _identities(self, rows: Sequence[Row]) -> Iterable[Sequence[str]]:
        place = self._id_place
        if place is None:
            return map(self._identity, rows)
        ids = [shown(given) if isinstance(given := row[place], str) else "" for row in rows]
        if all(ids):
            return zip(ids)
        return [(found,) if found else self._identity(row) for found, row in zip(ids, rows, strict=True)]

    def _identity(self, row: Row) -> Sequence[str]:
        return self._reader.identity(self._columns.named(row))
