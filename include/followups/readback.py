"""Find out from LeadSquared itself what became of rows that were sent. Pure, but for the reader it is given.

Rows are looked up by owners and dates, many at a time, and recognised by their marker; where the feed writes none, by
the fingerprint name + owner + due date + related entity.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Protocol

from followups.keys import marker
from followups.ledger.settling import OpenRow


class SeenTask(Protocol):
    """A CRM task as a look-up returns it."""

    @property
    def id(self) -> str | None: ...  # noqa: D102
    @property
    def name(self) -> str | None: ...  # noqa: D102
    @property
    def marker(self) -> str | None: ...  # noqa: D102
    @property
    def due_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def owner_email(self) -> str | None: ...  # noqa: D102
    @property
    def related_id(self) -> str | None: ...  # noqa: D102


class Reader(Protocol):
    """Looks up CRM tasks of many owners in a range of days; every call takes a slot of the rate limit."""

    def __call__(self, users: Sequence[str], first: date, last: date) -> Iterable[SeenTask]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Sought:
    """A row to be found again."""

    row: OpenRow
    marker: str
    owner: str
    due: datetime
    fingerprint: tuple[str, str, str, str]


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look came to: CRM task ids by delivery (several are duplicates), and rows that cannot be looked for."""

    tasks: Mapping[int, Sequence[str]]
    impossible: Sequence[int]


#: Days that lie no further apart are looked up in one call.
MAX_GAP = timedelta(days=2)


def look(rows: Sequence[OpenRow], read: Reader) -> Found:
    """Look for all rows in as few calls as their owners and dates allow."""
    sought, impossible = [], []
    for row in rows:
        wanted = _sought(row)
        if wanted is None:
            impossible.append(row.id)
        else:
            sought.append(wanted)
    tasks: dict[int, list[str]] = defaultdict(list)
    by_marker = {one.marker: one for one in sought}
    by_fingerprint = {one.fingerprint: one for one in sought}
    for users, first, last in _ranges(sought):
        for task in read(users, first, last):
            one = by_marker.get(task.marker) if task.marker else by_fingerprint.get(_fingerprint_of(task))
            if one is not None and task.id and task.id not in tasks[one.row.id]:
                tasks[one.row.id].append(task.id)
    return Found(tasks={key: ids for key, ids in tasks.items() if ids}, impossible=impossible)


def _sought(row: OpenRow) -> Sought | None:
    if row.payload is None:  # purged: nothing is left by which it could be recognised
        return None
    payload: dict[str, Any] = json.loads(row.payload)
    owner = payload.get("OwnerEmailAddress")
    if not owner:
        return None
    due = datetime.strptime(payload["DueDate"], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC)
    return Sought(
        row=row,
        marker=marker(row.key, row.generation),
        owner=owner,
        due=due,
        fingerprint=_fingerprint(payload["Name"], owner, due, payload.get("RelatedEntityId")),
    )


def _fingerprint(name: str, owner: str, due: datetime | None, related: str | None) -> tuple[str, str, str, str]:
    return name.strip(), owner.strip().lower(), due.isoformat() if due else "", (related or "").lower()


def _fingerprint_of(task: SeenTask) -> tuple[str, str, str, str]:
    return _fingerprint(task.name or "", task.owner_email or "", task.due_at, task.related_id)


def _ranges(sought: Sequence[Sought]) -> Iterator[tuple[list[str], date, date]]:
    """Group rows into look-ups: runs of days that lie close together, all owners of such a run in one call."""
    days: dict[date, set[str]] = defaultdict(set)
    for one in sought:
        days[one.due.date()].add(one.owner)
    run: list[date] = []
    for day in [*sorted(days), None]:
        if run and (day is None or day - run[-1] > MAX_GAP):
            users = sorted(set().union(*(days[each] for each in run)))
            yield users, run[0], run[-1]
            run = []
        if day is not None:
            run.append(day)
