"""Find out from LeadSquared itself what became of rows that were sent. Pure, but for the reader it is given.

Rows are looked up by owners and dates, many at a time, and recognised by their marker; where it was not written, or did
not survive, by the fingerprint name + owner + due date + related entity.
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
    @property
    def task_type(self) -> str | None: ...  # noqa: D102
    @property
    def created_at(self) -> datetime | None: ...  # noqa: D102
    @property
    def status_code(self) -> int | None: ...  # noqa: D102


class Reader(Protocol):
    """Looks up CRM tasks of many owners in a range of days; every call takes a slot of the rate limit."""

    def __call__(self, users: Sequence[str], first: date, last: date) -> Iterable[SeenTask]: ...  # noqa: D102

    @property
    def cut_short(self) -> bool:
        """Whether any look so far gave fewer CRM tasks than it announced; then what is missing is not absent."""


#: name, owner, due date, related entity
Fingerprint = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Sought:
    """A row to be found again."""

    row: OpenRow
    owner: str
    due: datetime
    #: None where the payload carries no marker; then the fingerprint is all there is.
    marker: str | None
    fingerprint: Fingerprint


@dataclass(frozen=True, kw_only=True)
class Found:
    """What a look came to."""

    #: CRM tasks by delivery, the oldest first; several are duplicates
    tasks: Mapping[int, Sequence[SeenTask]]
    #: deliveries that nothing is left of by which they could be found
    impossible: Sequence[int]
    #: names of the task types that were seen at all: those of others may be hidden from these keys
    visible_types: frozenset[str]
    #: whether every look gave all that it announced
    complete: bool


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
    seen = {task.id: task for users, first, last in _ranges(sought) for task in read(users, first, last) if task.id}
    found = _by_marker(sought, seen)
    missing = [one for one in sought if one.row.id not in found]
    found |= _by_fingerprint(missing, seen, sought)
    return Found(
        tasks={row_id: sorted((seen[task_id] for task_id in ids), key=_age) for row_id, ids in found.items()},
        impossible=impossible,
        visible_types=frozenset(task.task_type for task in seen.values() if task.task_type),
        complete=not read.cut_short,
    )


def _age(task: SeenTask) -> tuple[datetime, str]:
    return task.created_at or datetime.max.replace(tzinfo=UTC), task.id or ""


def _by_marker(sought: Sequence[Sought], seen: Mapping[str, SeenTask]) -> dict[int, list[str]]:
    rows = {one.marker: one.row.id for one in sought if one.marker}
    tasks: dict[int, list[str]] = defaultdict(list)
    for task_id, task in seen.items():
        if task.marker in rows:
            tasks[rows[task.marker]].append(task_id)
    return tasks


def _by_fingerprint(
    missing: Sequence[Sought], seen: Mapping[str, SeenTask], sought: Sequence[Sought]
) -> dict[int, list[str]]:
    """Give each of several alike rows one of the tasks; what is left over goes to the last, as duplicates.

    A task with another marker than ours is nobody's but of rows without one: it may quote what a customer wrote.
    """
    ours = {one.marker for one in sought if one.marker}
    rows: dict[Fingerprint, list[Sought]] = defaultdict(list)
    for one in missing:
        rows[one.fingerprint].append(one)
    tasks: dict[int, list[str]] = defaultdict(list)
    for task_id, task in seen.items():
        if task.marker in ours:
            continue
        alike = [one.row.id for one in rows.get(_fingerprint_of(task), []) if not (one.marker and task.marker)]
        chosen = next((row_id for row_id in alike if row_id not in tasks), alike[-1] if alike else None)
        if chosen is not None:
            tasks[chosen].append(task_id)
    return tasks


def _sought(row: OpenRow) -> Sought | None:
    if row.payload is None:  # purged: nothing is left by which it could be recognised
        return None
    payload: dict[str, Any] = json.loads(row.payload)
    owner = payload.get("OwnerEmailAddress")
    due = _moment(payload.get("DueDate"))
    if not owner or due is None:
        return None
    code = marker(row.key, row.generation)
    return Sought(
        row=row,
        marker=code if code in row.payload else None,
        owner=owner,
        due=due,
        fingerprint=_fingerprint(payload.get("Name") or "", owner, due, payload.get("RelatedEntityId")),
    )


def _moment(text: Any) -> datetime | None:
    """Read a payload's date; one that was given ready-made may hold any text."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def _fingerprint(name: str, owner: str, due: datetime | None, related: str | None) -> Fingerprint:
    return name.strip(), owner.strip().lower(), due.isoformat() if due else "", (related or "").lower()


def _fingerprint_of(task: SeenTask) -> Fingerprint:
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
